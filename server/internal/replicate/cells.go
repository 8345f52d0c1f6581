package replicate

import "math/bits"

// cells is a set of a grid's cells, a bit each, so that what a player sees, and
// where something happened, meet in a few words.
type cells []uint64

func newCells(g *grid) cells { return make(cells, g.numbers()/64) }

func (s cells) add(cell int32) { s[cell>>6] |= 1 << (cell & 63) }

func (s cells) has(cell int32) bool { return s[cell>>6]>>(cell&63)&1 != 0 }

// span is the part of a view that lies in one word of a set of cells.
type span struct {
	at   int32  // the word
	all  uint64 // cells in view
	near uint64 // those of them that are told of with every snapshot
}

// nextCell takes the first cell off a word that is not empty.
func nextCell(at int32, word uint64) (cell int32, more uint64) {
	return at<<6 + int32(bits.TrailingZeros64(word)), word & (word - 1)
}

// stir is what a snapshot's rows did, by cell: most cells have none of most of
// it, and cost nothing then.
type stir struct {
	rows    cells // there are some
	changed cells // some that everyone sees changes of
	born    cells // some are new
	came    cells // some came from another cell
	wentOn  cells // some are in another cell now, moved or replaced
	gone    cells // some are nowhere any more
}

func newStir(g *grid) *stir {
	return &stir{newCells(g), newCells(g), newCells(g), newCells(g), newCells(g), newCells(g)}
}

func (s *stir) clear() {
	for _, set := range [...]cells{s.rows, s.changed, s.born, s.came, s.wentOn, s.gone} {
		clear(set)
	}
}
