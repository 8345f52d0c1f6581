package replicate

import "tactus/game"

// partKind is what a part tells of its cell.
type partKind int

const (
	partDiff       partKind = iota // changes since the last snapshot, as differences, and births
	partFar                        // changes since the span's first snapshot, as values, and births
	partBorn                       // births only
	partWhole                      // every row
	partDied                       // ends of rows that are nowhere any more
	partEntered                    // rows from another cell that was near: their changes, as differences
	partEnteredFar                 // rows from another cell that was far: their changes, as values
	partEnteredNew                 // rows from another cell that was out of view, as births
	partKinds
)

// part is an encoded run of blocks within parts.
type part struct {
	tick       game.Tick // it is good for
	start, end int32
	count      int32
}

// far reports whether the part's changes are values since the first snapshot that
// far cells may have been sent in.
func (k partKind) far() bool { return k == partFar || k == partEnteredFar }

// diff reports whether the part's changes are differences.
func (k partKind) diff() bool { return k == partDiff || k == partEntered }

// cellCache holds the parts that were encoded for this snapshot, by kind and cell.
// They lie one behind the other in the same memory.
type cellCache struct {
	bytes    []byte
	parts    [partKinds][]part
	unplaced [2]part // tables without a position: as values, as differences
}

func newCellCache(g *grid) *cellCache {
	c := &cellCache{}
	for kind := range c.parts {
		c.parts[kind] = make([]part, g.size())
	}
	return c
}

func (c *cellCache) clear() { c.bytes = c.bytes[:0] }

// copyTo appends a part's ints.
func (c *cellCache) copyTo(w *writer, p *part) {
	if p.count != 0 {
		w.buf = append(w.buf, c.bytes[p.start:p.end]...)
		w.count += int(p.count)
	}
}

// begin returns a writer behind the parts there are; end notes what it wrote as a
// part.
func (c *cellCache) begin(tick game.Tick, diff bool) writer {
	return writer{buf: c.bytes, tick: tick, diff: diff}
}

func (c *cellCache) end(p *part, w *writer) {
	*p = part{tick: w.tick, start: int32(len(c.bytes)), end: int32(len(w.buf)), count: int32(w.count)}
	c.bytes = w.buf
}
