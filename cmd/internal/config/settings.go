// Package config reads the configuration of a command. It sets flags from the command
// line, the environment and a file, in this order of precedence, and records the source
// of each value.
//
// The flag --max-matches is TACTUS_MAX_MATCHES in the environment. In the file it is
// max-matches, at the top or in the section of its command. The variable PORT, which
// hosting platforms set, replaces the port of --listen.
package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// FileFlag is the flag that names the file.
const FileFlag = "config"

// Sections are the flags of the configured commands, by the names of the commands. One
// file may configure all of them.
type Sections map[string]*pflag.FlagSet

// names lists the sections in alphabetical order.
func (s Sections) names() []string {
	var list []string
	for name := range s {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// settable reports whether a flag can be set in the environment and in a file.
func settable(f *pflag.Flag) bool { return f.Name != "help" && f.Name != FileFlag && !f.Hidden }

// level is the kind of a value's source. The highest level has precedence.
type level int

const (
	byDefault level = iota
	byFile
	bySection // of the file
	byEnvironment
	byFlag
)

// value is the value of a flag in one source.
type value struct {
	level  level
	text   string
	list   []string // for a flag that may be repeated
	source string   // for messages: "TACTUS_GRACE", "tactus.yaml:3"
}

// Settings are the values of one command's flags and their sources.
type Settings struct {
	// Warnings are for the operator: a variable that looks like a misspelt flag, or a
	// PORT that is ignored.
	Warnings []string

	flags *pflag.FlagSet
	given map[string]value // by flag; a missing entry means the default
}

// Load sets those flags of a section that are not set on the command line. The error
// names every mistake and its source.
func Load(section string, all Sections, environ []string) (*Settings, error) {
	env := parseEnvironment(environ)
	s := &Settings{flags: all[section], given: make(map[string]value)}
	path, source := s.filePath(env)
	file := &file{}
	if path != "" {
		var err error
		if file, err = readFile(path, all); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
	}
	var errs []error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if !settable(f) {
			return
		}
		v, err := highest(f, section, env, file)
		if err == nil && v.level != byDefault {
			s.given[f.Name] = v
			err = v.apply(f)
		}
		errs = append(errs, err)
	})
	errs = append(errs, s.readSecrets(), s.applyPort(env))
	s.Warnings = append(s.Warnings, env.nearMisses(s.flags, all)...)
	return s, errors.Join(errs...)
}

// filePath is the file to read and what named it.
func (s *Settings) filePath(env environment) (path, source string) {
	if f := s.flags.Lookup(FileFlag); f != nil && f.Changed {
		return f.Value.String(), "--" + FileFlag
	}
	name := Variable(FileFlag)
	return env[name], name
}

// highest is the value of the highest source that says something.
func highest(f *pflag.Flag, section string, env environment, file *file) (value, error) {
	if f.Changed {
		return value{level: byFlag, text: f.Value.String(), source: "flag"}, nil
	}
	if v, ok := env.value(f); ok {
		return v, nil
	}
	return file.value(f, section)
}

// apply sets a flag to the value.
func (v value) apply(f *pflag.Flag) error {
	if v.level == byFlag {
		return nil
	}
	var err error
	if several, ok := f.Value.(pflag.SliceValue); ok {
		err = several.Replace(v.list)
	} else {
		err = f.Value.Set(v.text)
	}
	if err != nil {
		return fmt.Errorf("%s=%q: want %s", v.source, masked(f, v.text), wanted(f, err))
	}
	f.Changed = true
	return nil
}

// wanted describes the values that a flag accepts.
func wanted(f *pflag.Flag, err error) string {
	switch f.Value.Type() {
	case "duration":
		return "a duration like 30s or 5m"
	case "bool":
		return "true or false"
	case "int", "uint", "int64", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	}
	return f.Value.Type() + " (" + err.Error() + ")"
}

// applyPort replaces the port of --listen by PORT, unless --listen is on the command line.
func (s *Settings) applyPort(env environment) error {
	f, port := s.flags.Lookup("listen"), env["PORT"]
	before := s.given["listen"]
	if f == nil || port == "" || before.level == byFlag {
		return nil
	}
	if strings.Trim(port, "0123456789") != "" {
		s.Warnings = append(s.Warnings, fmt.Sprintf("PORT=%q is not a number and is ignored", port))
		return nil
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("PORT=%q: want a port up to 65535", port)
	}
	host, _, err := net.SplitHostPort(f.Value.String())
	if err != nil {
		return fmt.Errorf("%s=%q: want host:port", before.source, f.Value)
	}
	source := "PORT"
	if before.level != byDefault {
		source += ", " + before.source
	}
	v := value{level: byEnvironment, text: net.JoinHostPort(host, port), source: source}
	s.given["listen"] = v
	return v.apply(f)
}

var flagName = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// Explain adds the sources of the flags that an error names, unless they are on the
// command line.
func (s *Settings) Explain(err error) error {
	if s == nil || err == nil {
		return err
	}
	var notes []string
	for _, m := range flagName.FindAllStringSubmatch(err.Error(), -1) {
		note := fmt.Sprintf("--%s is from %s", m[1], s.given[m[1]].source)
		if l := s.given[m[1]].level; l != byDefault && l != byFlag && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	if len(notes) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(notes, ", "))
}
