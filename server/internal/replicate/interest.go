package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// interest is what a player sees, and has seen, of a world with interest: an
// encoder's scratch memory for the view that is being encoded.
type interest struct {
	*spatialIndex
	cache    cellCache
	unplaced [2]part // tables without a position: as values, as differences

	visibleCells // of the player whose snapshot is being made
}

// visibleCells is what a player sees, as sets of cells.
type visibleCells struct {
	now, nowNear       cells
	before, beforeNear cells   // in his last snapshot
	touched            []int32 // words of these that are not 0

	columnDistances []int64 // squared distances from his eye to columns of cells
}

// newInterest returns nil for a world in which everyone sees everything.
func newInterest(space *spatialIndex) *interest {
	if space == nil {
		return nil
	}
	g := space.grid
	return &interest{
		spatialIndex: space,
		cache:        newCellCache(g),
		visibleCells: visibleCells{now: newCells(g), nowNear: newCells(g), before: newCells(g), beforeNear: newCells(g)},
	}
}

// update finds the cells that the player sees now. A cell leaves the view half a
// cell later than it enters.
func (x *interest) update(v *View, fresh bool) {
	x.visibleCells.clear()
	if !fresh {
		x.setBefore(v.state.words)
	}
	g, view, next := x.grid, &v.state.viewpoint, v.state.next[:0]
	far := max(view.Near, view.Far)
	leaving := far + fixed.Num(g.cell/2)
	near2, far2, leaving2 := square(view.Near), square(far), square(leaving)
	from, to := g.col(view.Center.X-leaving), g.col(view.Center.X+leaving)
	x.measureColumns(view.Center, from, to)
	last := g.row(view.Center.Y + leaving)
	for row := g.row(view.Center.Y - leaving); row <= last; row++ {
		rowDistance := g.rowDistance2(view.Center, row)
		for word := from >> 6; word <= to>>6; word++ {
			lo, hi := max(word<<6, from), min(word<<6|63, to)
			near, all, kept := x.within(lo-from, hi-from, near2-rowDistance, far2-rowDistance, leaving2-rowDistance)
			at, shift := row*g.words+word, lo&63
			s := viewWord{at: at, all: all<<shift | kept<<shift&x.before[at], near: near << shift}
			if s.all != 0 {
				next = append(next, s)
				x.now[at], x.nowNear[at] = s.all, s.near
				x.touched = append(x.touched, at)
			}
		}
	}
	v.state.next = next
	x.addOwnRows(v)
}

// clear forgets the player before.
func (s *visibleCells) clear() {
	for _, at := range s.touched {
		s.now[at], s.nowNear[at], s.before[at], s.beforeNear[at] = 0, 0, 0, 0
	}
	s.touched = s.touched[:0]
}

// setBefore notes what the player saw in his last snapshot.
func (s *visibleCells) setBefore(spans []viewWord) {
	for _, w := range spans {
		s.before[w.at], s.beforeNear[w.at] = w.all, w.near
		s.touched = append(s.touched, w.at)
	}
}

// measureColumns computes the squared distances from a point to columns.
func (x *interest) measureColumns(p fixed.Vec, from, to int32) {
	x.columnDistances = x.columnDistances[:0]
	for col := from; col <= to; col++ {
		x.columnDistances = append(x.columnDistances, x.grid.columnDistance2(p, col))
	}
}

// within returns which of the measured columns from lo to hi, 64 at most, are
// within each of three squared distances. There is no branch in it that depends
// on a distance: with one, guessing wrong cost more than all the rest of a look.
func (s *visibleCells) within(lo, hi int32, a, b, c int64) (inA, inB, inC uint64) {
	distances := s.columnDistances[lo : hi+1]
	for i := len(distances) - 1; i >= 0; i-- {
		d := distances[i]
		inA = inA<<1 | uint64(d-a-1)>>63
		inB = inB<<1 | uint64(d-b-1)>>63
		inC = inC<<1 | uint64(d-c-1)>>63
	}
	return inA, inB, inC
}

// addOwnRows keeps the cells of the player's own rows in view, every snapshot.
func (x *interest) addOwnRows(v *View) {
	for _, t := range x.tables {
		if t.byOwner.next == nil {
			continue
		}
		for i := t.byOwner.first(uint32(v.Slot)); i >= 0; i = t.byOwner.next[i] {
			if cell := t.placed.cell[i]; !x.nowNear.has(cell) {
				x.addNear(v.state, cell)
			}
		}
	}
}

func (x *interest) addNear(v *viewState, cell int32) {
	at := cell >> 6
	x.now.add(cell)
	x.nowNear.add(cell)
	for i := range v.next {
		if s := &v.next[i]; s.at == at {
			s.all, s.near = x.now[at], x.nowNear[at]
			return
		}
	}
	v.next = append(v.next, viewWord{at: at, all: x.now[at], near: x.nowNear[at]})
	x.touched = append(x.touched, at)
}

// wasVisible and isVisible tell whether the player had the cell in his last snapshot, and
// has it in this one.
func (s *visibleCells) wasVisible(cell int32) bool { return cell >= 0 && s.before.has(cell) }
func (s *visibleCells) isVisible(cell int32) bool  { return cell >= 0 && s.now.has(cell) }

// wasNear tells whether the player had the cell near in his last snapshot.
func (s *visibleCells) wasNear(cell int32) bool { return cell >= 0 && s.beforeNear.has(cell) }

// known tells whether the player's client has the row, in a state that private
// words may be told of as differences.
func (x *interest) known(t *tableState, i int32, tick game.Tick) bool {
	return t.born[i] != tick && x.wasVisible(t.placed.prev[i]) && x.wasVisible(t.placed.cell[i])
}

// publicByCells appends the player's public section: first what he does not see
// any more, since another row may have its place by now.
func (e *Encoder) publicByCells(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
	x := e.interest
	start := len(dst)
	dst = protocol.BeginSection(dst)
	w := writer{buf: dst, tick: e.tick, diff: baseline != 0}
	x.copy(&w, e.unplacedPart(baseline))
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

// encodeCells tells the player of a span's cells. hash: of all, so that what he has of
// far ones is no older than the hash.
func (e *Encoder) encodeCells(w *writer, s *viewWord, hash bool) {
	x, at := e.interest, s.at
	changes, before := x.changes, x.before[at]
	e.encodeParts(w, partWhole, at, s.all&^before&changes.occupied[at])
	kept := s.all & before
	near := kept & s.near & x.beforeNear[at]
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
		e.interest.copy(w, e.part(kind, cell))
	}
}

// unplacedPart returns the part of the tables without a position; like everybody else
// in view, they are told since the last snapshot or from the beginning.
func (e *Encoder) unplacedPart(baseline game.Tick) *part {
	x := e.interest
	diff := baseline != 0
	p := &x.unplaced[0]
	if diff {
		p = &x.unplaced[1]
	}
	if p.tick == e.tick {
		return p
	}
	w := x.beginPart(e.tick, diff)
	for _, t := range e.tracker.tables {
		if len(t.columns[public]) == 0 || t.placed != nil {
			continue
		}
		e.collect(t, public, 0, baseline, diff)
		e.flush(&w, t, public, false)
	}
	x.endPart(p, &w)
	return p
}

// flush writes a block of what was collected, if anything was.
func (e *Encoder) flush(w *writer, t *tableState, a audience, absolute bool) {
	if len(e.removed)+len(e.born)+len(e.rows) > 0 {
		w.absolute = absolute
		e.block(w, t, a)
		w.absolute = false
	}
	e.reset()
}

func (e *Encoder) reset() {
	e.removed, e.born, e.rows, e.masks = e.removed[:0], e.born[:0], e.rows[:0], e.masks[:0]
}

// encodeLeft tells the player of rows that he knows from cells of a word and no longer
// sees: those that left for where he does not look, and all of a cell that went
// out of his view.
func (e *Encoder) encodeLeft(w *writer, at int32, before uint64) {
	x := e.interest
	changes, now := x.changes, x.now[at]
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

// encodeLeftCell tells of the rows that the player knows from one cell and no longer
// sees, one by one.
func (e *Encoder) encodeLeftCell(w *writer, cell int32, visible bool) {
	x := e.interest
	for _, t := range x.tables {
		e.reset()
		p := t.placed
		for i := p.departures.first(uint32(cell)); i >= 0; i = p.departures.next[i] {
			if !x.isVisible(p.cell[i]) {
				e.removed = append(e.removed, i)
			}
		}
		if !visible {
			for i := p.rows.first(uint32(cell)); i >= 0; i = p.rows.next[i] {
				if p.prev[i] == cell {
					e.removed = append(e.removed, i)
				}
			}
			sortRows(e.removed)
		}
		e.flush(w, t, public, false)
	}
}

// departuresVisible reports whether the player sees all rows that went from a cell to
// another.
func (x *interest) departuresVisible(cell int32) bool {
	for _, t := range x.tables {
		p := t.placed
		for i := p.departures.first(uint32(cell)); i >= 0; i = p.departures.next[i] {
			if to := p.cell[i]; to != noCell && !x.isVisible(to) {
				return false
			}
		}
	}
	return true
}

// sortRows sorts two ascending runs that were appended to each other; lists are
// short.
func sortRows(list []int32) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// encodeEntered tells the player of rows that came into a cell from another: what
// changed, when he saw them there, all of them otherwise. Mostly all of a cell
// were the same to him, and a part tells of them.
func (e *Encoder) encodeEntered(w *writer, cell int32) {
	x := e.interest
	if kind, same := x.commonArrivalKind(cell); same {
		x.copy(w, e.part(kind, cell))
		return
	}
	for _, t := range x.tables {
		p := t.placed
		e.reset()
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			if arrival := x.arrivalKind(p.prev[i]); arrival == partEnteredNew {
				e.born = append(e.born, i)
			} else if arrival == partEntered {
				e.addChanged(i, t.masks[public][i])
			}
		}
		e.flush(w, t, public, false)
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			if x.arrivalKind(p.prev[i]) == partEnteredFar {
				e.addChanged(i, t.maskSince(public, int(i), x.far.baseline()))
			}
		}
		e.flush(w, t, public, true)
	}
}

// commonArrivalKind returns the kind of part that tells of all rows that came into a
// cell, if there is one.
func (x *interest) commonArrivalKind(cell int32) (kind partKind, same bool) {
	kind = partKinds
	for _, t := range x.tables {
		p := t.placed
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			arrival := x.arrivalKind(p.prev[i])
			if kind != partKinds && kind != arrival {
				return kind, false
			}
			kind = arrival
		}
	}
	return kind, kind != partKinds
}

// arrivalKind returns the kind of part that tells of a row from another cell.
func (x *interest) arrivalKind(from int32) partKind {
	switch {
	case !x.wasVisible(from):
		return partEnteredNew
	case x.wasNear(from):
		return partEntered
	}
	return partEnteredFar
}

func (e *Encoder) addChanged(i int32, mask uint32) {
	if mask != 0 {
		e.rows = append(e.rows, i)
		e.masks = append(e.masks, mask)
	}
}

// privateByCells collects and writes the rows of a table with a position that
// one player, or his side, sees more of. Rows his client has only just got are
// told by values.
func (e *Encoder) privateByCells(w *writer, t *tableState, a audience, key uint32) {
	ix := &t.byOwner
	if a == team {
		ix = &t.bySide
	}
	if e.collectPrivate(w, t, a, ix.first(key), true) {
		e.flush(w, t, a, false)
		e.collectPrivate(w, t, a, ix.first(key), false)
		e.flush(w, t, a, true)
		return
	}
	e.flush(w, t, a, false)
}

// collectPrivate lists of the rows from one on those that the client knows, or
// the others, and reports whether it left any out.
func (e *Encoder) collectPrivate(w *writer, t *tableState, a audience, first int32, known bool) (others bool) {
	ix := &t.byOwner
	if a == team {
		ix = &t.bySide
	}
	e.reset()
	for i := first; i >= 0; i = ix.next[i] {
		switch isKnown := w.diff && e.interest.known(t, i, e.tick); {
		case !e.interest.isVisible(t.placed.cell[i]):
		case isKnown != known:
			others = true
		case !isKnown:
			e.addChanged(i, t.nonZero(a, int(i)))
		case t.changed[i] == e.tick:
			e.addChanged(i, t.masks[a][i])
		}
	}
	return others
}
