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

// Secret marks a flag with a secret value, which is never printed, and adds the flag
// --NAME-file for a file with the value.
func Secret(flags *pflag.FlagSet, name string) { addFileFlag(flags, name, secretAnnotation) }

// SecretURLs marks a flag with URLs that may hold credentials, and adds the flag
// --NAME-file.
func SecretURLs(flags *pflag.FlagSet, name string) { addFileFlag(flags, name, urlsAnnotation) }

func addFileFlag(flags *pflag.FlagSet, name, annotation string) {
	f := flags.Lookup(name)
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[annotation] = []string{"true"}
	flags.String(name+fileSuffix, "", "file with the value of --"+name)
}

// secretOf returns the secret flag for which f, --NAME-file, names a file; nil for other
// flags.
func secretOf(flags *pflag.FlagSet, f *pflag.Flag) *pflag.Flag {
	name, ok := strings.CutSuffix(f.Name, fileSuffix)
	if !ok {
		return nil
	}
	secret := flags.Lookup(name)
	if secret == nil || secret.Annotations[secretAnnotation] == nil && secret.Annotations[urlsAnnotation] == nil {
		return nil
	}
	return secret
}

// readSecrets reads the files that hold secrets.
func (s *Settings) readSecrets() error {
	var errs []error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if secret := secretOf(s.flags, f); secret != nil {
			errs = append(errs, s.readSecret(f, secret))
		}
	})
	return errors.Join(errs...)
}

// readSecret sets a secret flag to the content of the file that f names, unless a higher
// source has set the flag itself.
func (s *Settings) readSecret(f, secret *pflag.Flag) error {
	path, direct := s.given[f.Name], s.given[secret.Name]
	switch {
	case path.level == byDefault || path.level < direct.level || f.Value.String() == "":
		return nil
	case path.level == direct.level:
		return fmt.Errorf("--%s and --%s are both given; one is enough", secret.Name, f.Name)
	}
	text, err := os.ReadFile(f.Value.String())
	if err != nil {
		return fmt.Errorf("--%s: %w", f.Name, err)
	}
	content := strings.TrimSpace(string(text))
	if content == "" {
		return fmt.Errorf("--%s: %s is empty", f.Name, f.Value)
	}
	v := value{level: path.level, text: content, list: []string{content}, source: "--" + f.Name}
	if path.level == byFlag {
		v.level = byEnvironment // apply does not change flags of the command line
	}
	s.given[secret.Name] = v
	return v.apply(secret)
}

// credentials matches the part before the host of a URL.
var credentials = regexp.MustCompile(`(^|,|://)[^/,\s]+@`)

// masked returns the value with its secrets replaced.
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

// maskedURLs masks the parts before the hosts of URLs, also if a password holds
// characters that must be escaped in a URL.
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
