package text

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Look is what two names have in common that a reader takes for the same. It is
// for comparing names, not for showing them. The zero Look is that of no name.
type Look struct {
	// folded is without case, width and what does not show; drawn is by the shapes
	// of the letters. Two names are alike when one of the two is the same: a
	// capital Greek Ν is drawn as an N, a small ν as a v.
	folded, drawn string
}

// LookOf returns the look of a name. It is a skeleton in the sense of UTS #39,
// section 4, with the case folded, for letters of Latin, Greek and Cyrillic.
func LookOf(name string) Look {
	s := norm.NFKD.String(hidden.Replace(name)) // also wide letters, ligatures, those of mathematics
	return Look{folded: strings.ToLower(s), drawn: shapes.Replace(strings.Map(shape, s))}
}

// Like reports whether a reader may take one name for the other.
func (l Look) Like(other Look) bool {
	return l != (Look{}) && (l.folded == other.folded || l.drawn == other.drawn)
}

// Names are names that are not for everybody.
type Names []Look

// NewNames returns the names, of which empty ones do not count.
func NewNames(names []string) Names {
	var n Names
	for _, name := range names {
		if cleaned := Name(name); cleaned != "" {
			n = append(n, LookOf(cleaned))
		}
	}
	return n
}

// Has reports whether a name is one of them, or looks like one.
func (n Names) Has(name string) bool {
	look := LookOf(name)
	for _, l := range n {
		if l.Like(look) {
			return true
		}
	}
	return false
}
