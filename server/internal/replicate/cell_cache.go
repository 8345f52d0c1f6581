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

// cellCache are what was encoded for this tick, by kind and cell.
type cellCache struct {
	bytes []byte
	of    [partKinds][]part
}

func newCellCache(g *grid) (p cellCache) {
	for kind := range p.of {
		p.of[kind] = make([]part, g.size())
	}
	return p
}

func (p *cellCache) clear() { p.bytes = p.bytes[:0] }

// copy appends a part's ints.
func (x *interest) copy(w *writer, p *part) {
	if p.count != 0 {
		w.buf = append(w.buf, x.cache.bytes[p.start:p.end]...)
		w.count += int(p.count)
	}
}

// beginPart returns a writer behind the parts there are, endPart notes what it
// wrote.
func (x *interest) beginPart(tick game.Tick, diff bool) writer {
	return writer{buf: x.cache.bytes, tick: tick, diff: diff}
}

func (x *interest) endPart(p *part, w *writer) {
	*p = part{tick: w.tick, start: int32(len(x.cache.bytes)), end: int32(len(w.buf)), count: int32(w.count)}
	x.cache.bytes = w.buf
}

// part returns a cell's part of this tick, encoding it when it is the first to
// be asked for it.
func (e *Encoder) part(kind partKind, cell int32) *part {
	p := &e.interest.cache.of[kind][cell]
	if p.tick != e.tick {
		e.encodePart(p, kind, cell)
	}
	return p
}

func (e *Encoder) encodePart(p *part, kind partKind, cell int32) {
	x := e.interest
	w := x.beginPart(e.tick, kind == partDiff || kind == partEntered)
	for _, t := range x.tables {
		e.reset()
		switch kind {
		case partDied:
			e.collectDied(t, cell)
		case partEntered, partEnteredFar, partEnteredNew:
			e.collectEntered(t, kind, cell)
		default:
			e.collectCell(t, kind, cell)
		}
		e.flush(&w, t, public, kind == partFar || kind == partEnteredFar)
	}
	x.endPart(p, &w)
}

// collectDied lists the rows that a cell lost to no other.
func (e *Encoder) collectDied(t *tableState, cell int32) {
	p := t.placed
	for i := p.departures.first(uint32(cell)); i >= 0; i = p.departures.next[i] {
		if p.cell[i] == noCell {
			e.removed = append(e.removed, i)
		}
	}
}

// collectEntered lists what a kind of part tells of the rows that came into a cell.
func (e *Encoder) collectEntered(t *tableState, kind partKind, cell int32) {
	p := t.placed
	for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
		switch kind {
		case partEnteredNew:
			e.born = append(e.born, i)
		case partEnteredFar:
			e.addChanged(i, t.maskSince(public, int(i), e.interest.far.baseline()))
		default:
			e.addChanged(i, t.masks[public][i])
		}
	}
}

// collectCell lists what a kind of part tells of the table's rows in a cell.
// Rows that came from another cell are not the part's: see encodeEntered.
func (e *Encoder) collectCell(t *tableState, kind partKind, cell int32) {
	p := t.placed
	for i := p.rows.first(uint32(cell)); i >= 0; i = p.rows.next[i] {
		switch {
		case kind == partWhole, t.born[i] == e.tick:
			e.born = append(e.born, i)
		case kind == partBorn || p.prev[i] != cell:
		case kind == partFar:
			e.addChanged(i, t.maskSince(public, int(i), e.interest.far.baseline()))
		case t.changed[i] == e.tick:
			e.addChanged(i, t.masks[public][i])
		}
	}
}
