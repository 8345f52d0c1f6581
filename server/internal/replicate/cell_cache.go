package replicate

import "tactus/game"

// partKind says which changes of a cell a part contains.
type partKind int

const (
	partDiff  partKind = iota // changes since the last snapshot as differences; births
	partFar                   // changes since far cells were sent last as values; births
	partBorn                  // births only
	partWhole                 // all rows
	// partDied has the removals of rows that died.
	partDied
	partEntered // changes of rows that came from a near cell, as differences
	// partEnteredFar has the changes of rows that came from a far cell, as values.
	partEnteredFar
	partEnteredNew // rows that came from a cell out of view, as births
	partKinds
)

// part is a run of encoded blocks within cellCache.bytes.
type part struct {
	tick       game.Tick // snapshot that it belongs to
	start, end int32
	count      int32
}

// far reports whether the part contains values of everything that changed since
// far cells were sent last.
func (k partKind) far() bool { return k == partFar || k == partEnteredFar }

// diff reports whether changed columns are encoded as differences.
func (k partKind) diff() bool { return k == partDiff || k == partEntered }

// cellCache holds the parts encoded for the current snapshot, by kind and cell.
// A part is valid if its tick is that of the snapshot. Each Encoder has a cache
// of its own.
type cellCache struct {
	bytes    []byte
	parts    [partKinds][]part
	unplaced [2]part // tables without a position, as values and as differences
}

func newCellCache(g *grid) *cellCache {
	c := &cellCache{}
	for kind := range c.parts {
		c.parts[kind] = make([]part, g.size())
	}
	return c
}

func (c *cellCache) clear() { c.bytes = c.bytes[:0] }

// copyTo appends the ints of p to w.
func (c *cellCache) copyTo(w *writer, p *part) {
	if p.count != 0 {
		w.buf = append(w.buf, c.bytes[p.start:p.end]...)
		w.count += int(p.count)
	}
}

// begin returns a writer that appends to the cached bytes. end records what was
// written as p.
func (c *cellCache) begin(tick game.Tick, diff bool) writer {
	return writer{buf: c.bytes, tick: tick, diff: diff}
}

func (c *cellCache) end(p *part, w *writer) {
	*p = part{tick: w.tick, start: int32(len(c.bytes)), end: int32(len(w.buf)), count: int32(w.count)}
	c.bytes = w.buf
}
