package text

import (
	"hash/maphash"
	"strconv"
)

// Shown is a name among others, none of which looks like it.
type Shown struct {
	Name  string // as shown
	Asked string // as asked for: without the number behind it

	look   shownKeys // of Name
	number shownKeys // of Asked, where a number is behind it
}

// ShownNames is a set of names that are shown beside each other: no two look
// alike. Adding a name takes the same time however many look like it. The zero
// value is an empty set. Not safe for concurrent use; owned by its user.
type ShownNames struct {
	taken map[uint64]struct{} // the keys of all names
	// first is the lowest number that may be free for a look, until a name is removed.
	first map[Look]int
}

// shownKeys are the hashes of the two halves of a [Look] and the number behind it,
// 0 for none. No two names of a set share one. Should two hashes be equal by
// chance, a name is shown with a number that it does not need.
type shownKeys [2]uint64

var shownSeed = maphash.MakeSeed()

func keysOf(l Look, number int) (k shownKeys) {
	type key struct {
		text   string
		number int
		drawn  bool
	}
	if l != (Look{}) {
		k[0] = maphash.Comparable(shownSeed, key{l.folded, number, false})
		k[1] = maphash.Comparable(shownSeed, key{l.drawn, number, true})
	}
	return k
}

// Add adds a name and returns how it is shown beside the others: as it is, or with
// " 2", " 3" and so on behind it, the lowest that is free. It has the limits of
// [Name].
func (n *ShownNames) Add(name string) Shown {
	asked := LookOf(name)
	s := Shown{Name: name, Asked: name, look: keysOf(asked, 0)}
	if n.has(s.look) {
		n.addNumber(&s, asked)
	}
	if n.taken == nil {
		n.taken = map[uint64]struct{}{}
	}
	for _, k := range s.keys() {
		n.taken[k] = struct{}{}
	}
	return s
}

// addNumber puts the lowest free number behind a name.
func (n *ShownNames) addNumber(s *Shown, asked Look) {
	number := max(2, n.first[asked])
	for ; ; number++ {
		if s.number = keysOf(asked, number); n.has(s.number) {
			continue
		}
		suffix := " " + strconv.Itoa(number)
		s.Name = limit(s.Asked, MaxName-len(suffix), MaxNameBytes-len(suffix)) + suffix
		if s.look = keysOf(LookOf(s.Name), 0); !n.has(s.look) {
			break
		}
	}
	if n.first == nil {
		n.first = map[Look]int{}
	}
	n.first[asked] = number + 1
}

// Remove removes a name that Add returned.
func (n *ShownNames) Remove(s Shown) {
	for _, k := range s.keys() {
		delete(n.taken, k)
	}
	clear(n.first)
}

func (n *ShownNames) has(keys shownKeys) bool {
	_, folded := n.taken[keys[0]]
	_, drawn := n.taken[keys[1]]
	return folded || drawn
}

// keys are those that no other name of the set may have.
func (s *Shown) keys() []uint64 {
	switch {
	case s.look == shownKeys{}:
		return nil
	case s.number == shownKeys{}:
		return s.look[:]
	default:
		return []uint64{s.look[0], s.look[1], s.number[0], s.number[1]}
	}
}
