package replicate

import "math/bits"

// cells is a set of cells of a grid, one bit for each cell. Sets are combined a
// word at a time.
type cells []uint64

func newCells(g *grid) cells { return make(cells, g.size()/64) }

func (s cells) add(cell int32) { s[cell>>6] |= 1 << (cell & 63) }

func (s cells) has(cell int32) bool { return s[cell>>6]>>(cell&63)&1 != 0 }

// viewWord is one word of the sets of cells that a view consists of.
type viewWord struct {
	at   int32  // index of the word
	all  uint64 // visible cells
	near uint64 // those sent with every snapshot
}

// nextCell returns the lowest cell of a word and the word without it. word is
// not 0.
func nextCell(at int32, word uint64) (cell int32, more uint64) {
	return at<<6 + int32(bits.TrailingZeros64(word)), word & (word - 1)
}

// cellChanges says what happened to rows since the last snapshot, by cell. In
// most cells little happens, and what did not happen costs nothing.
type cellChanges struct {
	occupied cells // has rows
	changed  cells // a public column changed
	born     cells // a row was born
	// entered are the cells that a row entered from another cell.
	entered cells
	left    cells // a row moved to another cell, or was replaced by one there
	died    cells // a row died
}

func newCellChanges(g *grid) *cellChanges {
	return &cellChanges{newCells(g), newCells(g), newCells(g), newCells(g), newCells(g), newCells(g)}
}

func (s *cellChanges) clear() {
	for _, set := range [...]cells{s.occupied, s.changed, s.born, s.entered, s.left, s.died} {
		clear(set)
	}
}
