package replicate

import "math/bits"

// cells is a set of a grid's cells, a bit each, so that what a player sees, and
// where something happened, meet in a few words.
type cells []uint64

func newCells(g *grid) cells { return make(cells, g.size()/64) }

func (s cells) add(cell int32) { s[cell>>6] |= 1 << (cell & 63) }

func (s cells) has(cell int32) bool { return s[cell>>6]>>(cell&63)&1 != 0 }

// viewWord is the part of a view that lies in one word of a set of cells.
type viewWord struct {
	at   int32  // the word
	all  uint64 // cells in view
	near uint64 // those of them that are told of with every snapshot
}

// nextCell takes the first cell off a word that is not empty.
func nextCell(at int32, word uint64) (cell int32, more uint64) {
	return at<<6 + int32(bits.TrailingZeros64(word)), word & (word - 1)
}

// cellChanges is what a snapshot's rows did, by cell: most cells have none of most of
// it, and cost nothing then.
type cellChanges struct {
	occupied cells // there are some
	changed  cells // some that everyone sees changes of
	born     cells // some are new
	entered  cells // some came from another cell
	left     cells // some are in another cell now, moved or replaced
	died     cells // some are nowhere any more
}

func newCellChanges(g *grid) *cellChanges {
	return &cellChanges{newCells(g), newCells(g), newCells(g), newCells(g), newCells(g), newCells(g)}
}

func (s *cellChanges) clear() {
	for _, set := range [...]cells{s.occupied, s.changed, s.born, s.entered, s.left, s.died} {
		clear(set)
	}
}
