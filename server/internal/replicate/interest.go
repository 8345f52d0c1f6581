package replicate

import (
	"slices"

	"tactus/game"
	"tactus/game/fixed"
)

// interest holds the cells of the view that is being encoded: those visible
// now, and those visible in the last snapshot. It is an Encoder's scratch
// memory, cleared for each view.
type interest struct {
	*spatialIndex
	now    visibleCells
	before visibleCells // in the client's last snapshot

	touched         []int32 // words of these sets that are not 0
	columnDistances []int64 // squared distances from the viewpoint to columns of cells
}

// visibleCells are the cells that a player sees.
type visibleCells struct {
	all  cells
	near cells // those of them that are sent with every snapshot
}

func newInterest(space *spatialIndex) *interest {
	g := space.grid
	return &interest{
		spatialIndex: space,
		now:          visibleCells{newCells(g), newCells(g)},
		before:       visibleCells{newCells(g), newCells(g)},
	}
}

// update computes the visible cells of v. They are those that touch a disc with
// radius Far; a cell leaves the view half a cell beyond that. fresh ignores
// what was visible before.
func (x *interest) update(v *View, fresh bool) {
	x.clear()
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
			s := viewWord{at: at, all: all<<shift | kept<<shift&x.before.all[at], near: near << shift}
			if s.all != 0 {
				next = append(next, s)
				x.now.all[at], x.now.near[at] = s.all, s.near
				x.touched = append(x.touched, at)
			}
		}
	}
	v.state.next = next
	x.addOwnRows(v)
}

// clear empties the sets of the previous view.
func (x *interest) clear() {
	for _, at := range x.touched {
		x.now.all[at], x.now.near[at], x.before.all[at], x.before.near[at] = 0, 0, 0, 0
	}
	x.touched = x.touched[:0]
}

// setBefore sets the cells of the client's last snapshot.
func (x *interest) setBefore(words []viewWord) {
	for _, w := range words {
		x.before.all[w.at], x.before.near[w.at] = w.all, w.near
		x.touched = append(x.touched, w.at)
	}
}

// measureColumns computes the squared distances from p to columns of cells.
func (x *interest) measureColumns(p fixed.Vec, from, to int32) {
	x.columnDistances = x.columnDistances[:0]
	for col := from; col <= to; col++ {
		x.columnDistances = append(x.columnDistances, x.grid.columnDistance2(p, col))
	}
}

// within returns which of the measured columns from lo to hi, at most 64, are
// within each of three squared distances. It has no branch that depends on a
// distance: a mispredicted branch costs more than the rest of the update.
func (x *interest) within(lo, hi int32, a, b, c int64) (inA, inB, inC uint64) {
	distances := x.columnDistances[lo : hi+1]
	for _, d := range slices.Backward(distances) {
		inA = inA<<1 | uint64(d-a-1)>>63
		inB = inB<<1 | uint64(d-b-1)>>63
		inC = inC<<1 | uint64(d-c-1)>>63
	}
	return inA, inB, inC
}

// addOwnRows makes the cells of the player's own rows visible and near.
func (x *interest) addOwnRows(v *View) {
	for _, t := range x.tables {
		if t.byOwner.next == nil {
			continue
		}
		for i := t.byOwner.first(uint32(v.Slot)); i >= 0; i = t.byOwner.next[i] {
			if cell := t.placed.cell[i]; !x.now.near.has(cell) {
				x.addNear(v.state, cell)
			}
		}
	}
}

func (x *interest) addNear(v *viewState, cell int32) {
	at := cell >> 6
	x.now.all.add(cell)
	x.now.near.add(cell)
	for i := range v.next {
		if s := &v.next[i]; s.at == at {
			s.all, s.near = x.now.all[at], x.now.near[at]
			return
		}
	}
	v.next = append(v.next, viewWord{at: at, all: x.now.all[at], near: x.now.near[at]})
	x.touched = append(x.touched, at)
}

// wasVisible and isVisible report whether a cell was visible in the last
// snapshot and is visible in this one.
func (x *interest) wasVisible(cell int32) bool { return cell >= 0 && x.before.all.has(cell) }
func (x *interest) isVisible(cell int32) bool  { return cell >= 0 && x.now.all.has(cell) }

// wasNear reports whether a cell was near in the last snapshot.
func (x *interest) wasNear(cell int32) bool { return cell >= 0 && x.before.near.has(cell) }

// known reports whether the client has the row in a state to which private
// words can be encoded as differences.
func (x *interest) known(t *tableState, i int32, tick game.Tick) bool {
	return t.born[i] != tick && x.wasVisible(t.placed.prev[i]) && x.wasVisible(t.placed.cell[i])
}

// departuresVisible reports whether the player still sees all rows that moved
// from a cell to another one.
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

// commonArrivalKind returns the kind of part that is right for all rows that
// entered a cell, if there is one.
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

// arrivalKind returns the kind of part for a row that came from another cell.
func (x *interest) arrivalKind(from int32) partKind {
	switch {
	case !x.wasVisible(from):
		return partEnteredNew
	case x.wasNear(from):
		return partEntered
	}
	return partEnteredFar
}
