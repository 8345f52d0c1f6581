package text

import (
	"iter"
	"strconv"
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

// Shown is a name among others, none of which looks like it.
type Shown struct {
	Name  string // as shown
	Asked string // as asked for: without the number behind it

	look, asked Look
	number      int
}

// Distinct returns how a name is shown beside the others: as it is, or with " 2",
// " 3" and so on behind it, the lowest that is free. It has the limits of [Name].
func Distinct(name string, others iter.Seq[Shown]) Shown {
	look := LookOf(name)
	s := Shown{Name: name, Asked: name, look: look, asked: look, number: 1}
	used := map[int]bool{1: true}
	for o := range others {
		if o.asked.Like(look) {
			used[o.number] = true
		}
	}
	for s.taken(others) {
		for used[s.number] {
			s.number++
		}
		used[s.number] = true
		suffix := " " + strconv.Itoa(s.number)
		s.Name = limit(name, MaxName-len(suffix), MaxNameBytes-len(suffix)) + suffix
		s.look = LookOf(s.Name)
	}
	return s
}

func (s *Shown) taken(others iter.Seq[Shown]) bool {
	for o := range others {
		if o.look.Like(s.look) {
			return true
		}
	}
	return false
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
