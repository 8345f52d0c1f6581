package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

const (
	secretAnnotation = "tactus_secret"
	urlsAnnotation   = "tactus_urls" // with credentials in them
	fileSuffix       = "-file"
	mask             = "***"
)

// Secret marks a flag whose value nobody should see, and adds its twin
// --NAME-file, which names a file with the value.
func Secret(flags *pflag.FlagSet, name string) { addTwin(flags, name, secretAnnotation) }

// SecretURLs marks a flag with URLs that may hold credentials, and adds its twin
// --NAME-file.
func SecretURLs(flags *pflag.FlagSet, name string) { addTwin(flags, name, urlsAnnotation) }

func addTwin(flags *pflag.FlagSet, name, annotation string) {
	f := flags.Lookup(name)
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[annotation] = []string{"true"}
	flags.String(name+fileSuffix, "", "file with the value of --"+name)
}

// twinOf is the flag whose value a flag names the file of.
func twinOf(flags *pflag.FlagSet, f *pflag.Flag) *pflag.Flag {
	name, ok := strings.CutSuffix(f.Name, fileSuffix)
	if !ok {
		return nil
	}
	twin := flags.Lookup(name)
	if twin == nil || twin.Annotations[secretAnnotation] == nil && twin.Annotations[urlsAnnotation] == nil {
		return nil
	}
	return twin
}

// readSecrets reads the files that secrets are in.
func (s *Settings) readSecrets() error {
	var errs []error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if twin := twinOf(s.flags, f); twin != nil {
			errs = append(errs, s.readSecret(f, twin))
		}
	})
	return errors.Join(errs...)
}

// readSecret sets twin to what is in the file that f names, unless a higher
// source says otherwise.
func (s *Settings) readSecret(f, twin *pflag.Flag) error {
	path, direct := s.given[f.Name], s.given[twin.Name]
	switch {
	case path.level == byDefault || path.level < direct.level || f.Value.String() == "":
		return nil
	case path.level == direct.level:
		return fmt.Errorf("--%s and --%s are both given; one is enough", twin.Name, f.Name)
	}
	text, err := os.ReadFile(f.Value.String())
	if err != nil {
		return fmt.Errorf("--%s: %w", f.Name, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return fmt.Errorf("--%s: %s is empty", f.Name, f.Value)
	}
	v := value{level: path.level, text: secret, list: []string{secret}, source: "--" + f.Name}
	if path.level == byFlag {
		v.level = byEnvironment // apply leaves what the command line set
	}
	s.given[twin.Name] = v
	return v.apply(twin)
}

// credentials are what stands before the host of a URL.
var credentials = regexp.MustCompile(`(^|,|://)[^/,\s]+@`)

// masked is the value without what is secret.
func masked(f *pflag.Flag, text string) string {
	switch {
	case text == "":
		return ""
	case f.Annotations[secretAnnotation] != nil:
		return mask
	case f.Annotations[urlsAnnotation] != nil:
		return maskedURLs(text)
	case strings.Contains(text, "://"):
		return credentials.ReplaceAllString(text, "${1}"+mask+"@")
	}
	return text
}

// maskedURLs masks what stands before the hosts of URLs, also where a password
// holds what has to be escaped in a URL.
func maskedURLs(text string) string {
	urls := strings.Split(text, ",")
	for i, text := range urls {
		scheme, rest, ok := strings.Cut(text, "://")
		if ok {
			scheme += "://"
		} else {
			scheme, rest = "", text
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = mask + rest[at:]
		} else if _, err := url.Parse("x://" + rest); err != nil { // a password with a comma, up to that
			rest = mask
		}
		urls[i] = scheme + rest
	}
	return strings.Join(urls, ",")
}
