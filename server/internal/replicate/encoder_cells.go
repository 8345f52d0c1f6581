package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// publicCells appends the public section of a world with interest. Rows that
// left the view come first, because other rows may have taken their places in
// the table.
func (e *Encoder) publicCells(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
	start := len(dst)
	dst = protocol.BeginSection(dst)
	w := writer{buf: dst, tick: e.tick, diff: baseline != 0}
	e.cache.copyTo(&w, e.unplacedPart(baseline))
	if w.diff {
		for i := range v.state.words {
			s := &v.state.words[i]
			e.encodeLeft(&w, s.at, s.all)
		}
	}
	for i := range v.state.next {
		e.encodeCells(&w, &v.state.next[i], hash)
	}
	return protocol.EndSection(w.buf, start, w.count)
}

// unplacedPart returns the part of the tables without a position. All clients
// with the same baseline share it.
func (e *Encoder) unplacedPart(baseline game.Tick) *part {
	diff := baseline != 0
	p := &e.cache.unplaced[0]
	if diff {
		p = &e.cache.unplaced[1]
	}
	if p.tick == e.tick {
		return p
	}
	in := interval{from: baseline, to: e.tick, diff: diff}
	w := e.cache.begin(e.tick, diff)
	for _, t := range e.tracker.tables {
		if len(t.columns[public]) == 0 || t.placed != nil {
			continue
		}
		e.rows.collect(t, public, 0, in)
		w.block(t, public, &e.rows)
	}
	e.cache.end(p, &w)
	return p
}

// encodeLeft removes rows of one word of cells that the client knows and the
// player no longer sees: all rows of cells that left the view, and rows that
// moved out of view.
func (e *Encoder) encodeLeft(w *writer, at int32, before uint64) {
	x := e.interest
	changes, now := x.changes, x.now.all[at]
	var cell int32
	for lost := before &^ now & (changes.occupied[at] | changes.left[at] | changes.died[at]); lost != 0; {
		cell, lost = nextCell(at, lost)
		e.encodeLeftCell(w, cell, false)
	}
	died := before & now & changes.died[at]
	for left := before & now & changes.left[at]; left != 0; {
		cell, left = nextCell(at, left)
		if !x.departuresVisible(cell) {
			e.encodeLeftCell(w, cell, true)
			died &^= 1 << (cell & 63)
		}
	}
	e.encodeParts(w, partDied, at, died)
}

// encodeLeftCell removes the rows of one cell that left this client's view.
func (e *Encoder) encodeLeftCell(w *writer, cell int32, visible bool) {
	x := e.interest
	for _, t := range x.tables {
		e.rows.collectLeft(t, cell, x, visible)
		w.block(t, public, &e.rows)
	}
}

// encodeCells appends the changes in one word of visible cells. A snapshot with
// a hash includes all far cells, so that the client has the state that was
// hashed.
func (e *Encoder) encodeCells(w *writer, s *viewWord, hash bool) {
	x, at := e.interest, s.at
	changes, before := x.changes, x.before.all[at]
	e.encodeParts(w, partWhole, at, s.all&^before&changes.occupied[at])
	kept := s.all & before
	near := kept & s.near & x.before.near[at]
	e.encodeParts(w, partDiff, at, near&(changes.changed[at]|changes.born[at]))
	far := kept &^ near
	due := far & (s.near | x.far.due(at))
	if hash {
		due = far
	}
	e.encodeParts(w, partFar, at, due&changes.occupied[at])
	e.encodeParts(w, partBorn, at, far&^due&changes.born[at])
	for entered := kept & changes.entered[at]; entered != 0; {
		var cell int32
		cell, entered = nextCell(at, entered)
		e.encodeEntered(w, cell)
	}
}

func (e *Encoder) encodeParts(w *writer, kind partKind, at int32, word uint64) {
	for word != 0 {
		var cell int32
		cell, word = nextCell(at, word)
		e.cache.copyTo(w, e.cell(kind, cell))
	}
}

// encodeEntered appends the rows that entered a cell from another one: their
// changes if the client knows them, otherwise all of their columns. Usually all
// rows of a cell are alike in this, and a cached part serves.
func (e *Encoder) encodeEntered(w *writer, cell int32) {
	x := e.interest
	if kind, same := x.commonArrivalKind(cell); same {
		e.cache.copyTo(w, e.cell(kind, cell))
		return
	}
	for _, t := range x.tables {
		e.rows.collectArrivals(t, cell, x, false)
		w.block(t, public, &e.rows)
		e.rows.collectArrivals(t, cell, x, true)
		w.absoluteBlock(t, public, &e.rows)
	}
}

// cell returns a part of a cell. The first client of a snapshot that needs it
// causes it to be encoded.
func (e *Encoder) cell(kind partKind, cell int32) *part {
	p := &e.cache.parts[kind][cell]
	if p.tick != e.tick {
		e.encodePart(p, kind, cell)
	}
	return p
}

func (e *Encoder) encodePart(p *part, kind partKind, cell int32) {
	x := e.interest
	w := e.cache.begin(e.tick, kind.diff())
	w.absolute = kind.far()
	far := x.far.baseline()
	for _, t := range x.tables {
		e.rows.collectPart(t, kind, cell, e.tick, far)
		w.block(t, public, &e.rows)
	}
	e.cache.end(p, &w)
}

// privateCells appends the visible rows of which a player or a team sees more
// than everyone. Rows that are new to the client are written as values.
func (e *Encoder) privateCells(w *writer, t *tableState, a audience, key uint32, in interval) {
	others := e.rows.collectVisible(t, a, key, e.interest, in, true)
	w.block(t, a, &e.rows)
	if others {
		e.rows.collectVisible(t, a, key, e.interest, in, false)
		w.absoluteBlock(t, a, &e.rows)
	}
}
