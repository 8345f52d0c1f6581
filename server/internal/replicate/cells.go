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

// eachCell takes the cells of a word one by one: for more := word; more != 0; {
// cell, more = nextCell(at, more) }.
func nextCell(at int32, word uint64) (cell int32, more uint64) {
	return at<<6 + int32(bits.TrailingZeros64(word)), word & (word - 1)
}

// run is the columns from lo to hi, hi below lo for none.
type run struct{ lo, hi int32 }

// word returns the run's bits in the word that begins with a column.
func (r run) word(first int32) uint64 {
	lo, hi := max(r.lo-first, 0), min(r.hi-first, 63)
	if lo > hi {
		return 0
	}
	return ^uint64(0) << lo & (^uint64(0) >> (63 - hi))
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
