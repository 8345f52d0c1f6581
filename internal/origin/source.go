package origin

import (
	"errors"
	"slices"
	"strings"
)

// Source is an entry of [NewPolicy] as a source of a Content-Security-Policy.
func Source(entry string) (string, error) {
	p, err := NewPolicy([]string{entry}, Distinct)
	if err != nil {
		return "", err
	}
	if p.any {
		return "*", nil
	}
	if p.exact[opaque.String()] {
		return "", &mistake{entry, errors.New("pages without an origin can't be named here")}
	}
	var list []string
	for o := range p.exact {
		list = append(list, o)
	}
	for _, w := range p.wildcards {
		list = append(list, w.scheme+"://*"+w.parent)
	}
	slices.Sort(list)
	return strings.Join(list, " "), nil
}
