package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/pflag"
)

const prefix = "TACTUS_"

// Variable returns the name of a flag's environment variable.
func Variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment holds the variables that are set and not empty. An empty variable, as
// templates leave it, means the default.
type environment map[string]string

func parseEnvironment(environ []string) environment {
	env := make(environment)
	for _, entry := range environ {
		if name, text, _ := strings.Cut(entry, "="); text != "" {
			env[name] = text
		}
	}
	return env
}

// value returns the value of a flag in the environment.
func (env environment) value(f *pflag.Flag) (value, bool) {
	name := Variable(f.Name)
	text, ok := env[name]
	v := value{level: byEnvironment, text: text, source: name}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			v.list = append(v.list, part)
		}
	}
	return v, ok
}

// discovery matches the variables that container platforms set for a service with a
// name that begins with "tactus", such as TACTUS_PORT=tcp://10.0.0.1:8080.
var discovery = regexp.MustCompile(`(^|_)(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_.*)?)$`)

// nearMisses returns warnings about variables with a name that is close to the name of a
// flag's variable. Other unknown variables may belong to other programs.
func (env environment) nearMisses(flags *pflag.FlagSet, all Sections) (warnings []string) {
	known := []string{Variable(FileFlag)}
	for _, section := range all {
		section.VisitAll(func(f *pflag.Flag) { known = append(known, Variable(f.Name)) })
	}
	candidates := []string{Variable(FileFlag)}
	flags.VisitAll(func(f *pflag.Flag) {
		if settable(f) {
			candidates = append(candidates, Variable(f.Name))
		}
	})
	for name := range env {
		own, ours := strings.CutPrefix(name, prefix)
		if !ours || slices.Contains(known, name) || discovery.MatchString(own) {
			continue
		}
		if near, distance := nearest(name, candidates); distance <= min(2, len(own)/4) {
			warnings = append(warnings, fmt.Sprintf("%s is not used; did you mean %s?", name, near))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// nearest returns the candidate with the least edit distance to name.
func nearest(name string, candidates []string) (best string, distance int) {
	distance = len(name) + 1
	slices.Sort(candidates)
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(name, c); d < distance {
			best, distance = c, d
		}
	}
	return best, distance
}
