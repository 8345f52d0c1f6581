package text

import (
	"hash/maphash"
	"slices"
	"strconv"
)

// Shown is a name among others, none of which looks like it.
type Shown struct {
	Name  string // as shown
	Asked string // as asked for: without the number behind it

	number int // behind Asked; 0: none
}

// Numbered reports whether a number is behind the name. Without one, Name and Asked
// are the same, and Shown{Name: name, Asked: name} equals what Add returned.
func (s *Shown) Numbered() bool { return s.number != 0 }

// ShownNames is a set of names that are shown beside each other: no two look
// alike. Adding a name takes about the same time however many look like it. The zero
// value is an empty set. Not safe for concurrent use; owned by its user.
type ShownNames struct {
	taken []uint32 // the keys of all names, sorted: a map of them is four times as large
	// first is the lowest number that may be free for a look, until a name is removed.
	first map[Look]int
}

// shownKeys are the hashes of the two halves of a [Look] and the number behind it,
// 0 for none. No two names of a set share one. If two hashes are equal by chance,
// a name is shown with a number that it does not need: 1 of 350,000 names in a
// match of 3,000 players.
type shownKeys [2]uint32

var shownSeed = maphash.MakeSeed()

func keysOf(l Look, number int) (k shownKeys) {
	type key struct {
		text   string
		number int
		drawn  bool
	}
	if l != (Look{}) {
		k[0] = uint32(maphash.Comparable(shownSeed, key{l.folded, number, false}))
		k[1] = uint32(maphash.Comparable(shownSeed, key{l.drawn, number, true}))
	}
	return k
}

// Add adds a name and returns how it is shown beside the others: as it is, or with
// " 2", " 3" and so on behind it, the lowest that is free. It has the limits of
// [Name].
func (n *ShownNames) Add(name string) Shown {
	asked := LookOf(name)
	s := Shown{Name: name, Asked: name}
	if n.has(keysOf(asked, 0)) {
		n.addNumber(&s, asked)
	}
	for _, k := range s.keys() {
		if at, found := slices.BinarySearch(n.taken, k); !found {
			n.taken = slices.Insert(n.taken, at, k)
		}
	}
	return s
}

// addNumber puts the lowest free number behind a name.
func (n *ShownNames) addNumber(s *Shown, asked Look) {
	for s.number = max(2, n.first[asked]); ; s.number++ {
		if n.has(keysOf(asked, s.number)) {
			continue
		}
		suffix := " " + strconv.Itoa(s.number)
		s.Name = limit(s.Asked, MaxName-len(suffix), MaxNameBytes-len(suffix)) + suffix
		if !n.has(keysOf(LookOf(s.Name), 0)) {
			break
		}
	}
	if n.first == nil {
		n.first = map[Look]int{}
	}
	n.first[asked] = s.number + 1
}

// Remove removes a name that Add returned.
func (n *ShownNames) Remove(s Shown) {
	for _, k := range s.keys() {
		if at, found := slices.BinarySearch(n.taken, k); found {
			n.taken = slices.Delete(n.taken, at, at+1)
		}
	}
	clear(n.first)
}

func (n *ShownNames) has(keys shownKeys) bool {
	_, folded := slices.BinarySearch(n.taken, keys[0])
	_, drawn := slices.BinarySearch(n.taken, keys[1])
	return folded || drawn
}

// keys are those that no other name of the set may have. They are computed again
// when a name is removed: kept, they would take more memory than most names.
func (s *Shown) keys() []uint32 {
	look := keysOf(LookOf(s.Name), 0)
	switch {
	case look == shownKeys{}:
		return nil
	case s.number == 0:
		return look[:]
	default:
		number := keysOf(LookOf(s.Asked), s.number)
		return []uint32{look[0], look[1], number[0], number[1]}
	}
}
