package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// interest replicates a world by cells: each player gets the cells that he looks
// at. What changed in a cell is encoded once per tick and kind of part, and
// gathered by everyone who sees the cell; rows that move between cells are told
// to each player by what he saw of their way.
//
// Cells beyond a player's Near are told every farEvery snapshots, half as often
// in times of overload, by values instead of differences; births and ends are
// told at once everywhere.
type interest struct {
	grid   *grid
	viewer game.Viewer
	tables []*tableState // those with a position

	stamps int                        // snapshots so far
	since  [maxFarEvery + 1]game.Tick // ticks of the last snapshots, by count
	every  int                        // snapshots between two news of a far cell
	span   int                        // how many ago a far cell may have been told last
	settle int                        // value of stamps from which on span is every again

	parts []byte
	cells [partKinds][]part

	// serial marks the cells of the player whose frame is being made.
	serial uint32
	now    []mark
	before []mark
}

// farEvery is how many snapshots apart far cells are told.
const farEvery = 4

// maxFarEvery is farEvery in times of overload.
const maxFarEvery = 2 * farEvery

type mark struct {
	serial uint32
	near   bool
}

// partKind is what a part tells of its cell.
type partKind int

const (
	partDiff  partKind = iota // changes since the last snapshot, as differences, and births
	partFar                   // changes since the span's first snapshot, as values, and births
	partBirth                 // births only
	partWhole                 // every row
	partKinds
)

// part is an encoded run of blocks within interest.parts.
type part struct {
	tick       game.Tick // it is good for
	start, end int
	count      int
}

// newInterest returns nil for a world in which everyone sees everything.
func newInterest(world game.World, tables []*tableState) *interest {
	viewer, ok := world.(game.Viewer)
	if !ok || viewer.Interest().Cell <= 0 {
		return nil
	}
	x := &interest{grid: newGrid(viewer.Interest()), viewer: viewer, every: farEvery, span: farEvery}
	x.makeMarks()
	for _, t := range tables {
		if sc := t.raw.Schema(); sc.Pos >= 0 && t.rowsFor == public {
			t.placed = newPlacement(x.grid, sc.Fields[sc.Pos].Offset, sc.Capacity)
			x.tables = append(x.tables, t)
		}
	}
	return x
}

func (x *interest) makeMarks() {
	n := x.grid.cells()
	for k := range x.cells {
		x.cells[k] = make([]part, n)
	}
	x.now, x.before = make([]mark, n), make([]mark, n)
}

// twin has the same cells with marks and parts of its own.
func (x *interest) twin() *interest {
	t := &interest{grid: x.grid, tables: x.tables}
	t.makeMarks()
	return t
}

// follow brings a twin to the last stamp of another.
func (x *interest) follow(of *interest) {
	x.stamps, x.since, x.every, x.span = of.stamps, of.since, of.every, of.span
	x.parts = x.parts[:0]
}

// stamp begins a snapshot.
func (x *interest) stamp(tick game.Tick) {
	x.since[x.stamps%len(x.since)] = tick
	x.stamps++
	if x.stamps > x.settle {
		x.span = x.every
	}
	x.parts = x.parts[:0]
}

// slow sets how often far cells are told. After a change some of them were told
// maxFarEvery snapshots ago, until all had their turn.
func (x *interest) slow(slow bool) {
	every := farEvery
	if slow {
		every = maxFarEvery
	}
	if every == x.every {
		return
	}
	x.every, x.span = every, maxFarEvery
	x.settle = x.stamps + farEvery
}

// farBaseline is the tick of the snapshot that far cells are told since.
func (x *interest) farBaseline() game.Tick {
	if x.stamps <= x.span {
		return 0
	}
	return x.since[(x.stamps-1-x.span)%len(x.since)]
}

func (x *interest) farDue(cell int32) bool { return (x.stamps+int(cell))%x.every == 0 }

// seen is a cell in a player's view: the cell's number and whether it is near.
type seen uint32

func makeSeen(cell int32, near bool) seen {
	s := seen(cell) << 1
	if near {
		s |= 1
	}
	return s
}

func (s seen) cell() int32 { return int32(s >> 1) }
func (s seen) near() bool  { return s&1 != 0 }

// look finds the cells that the player sees now and marks them and those of his
// last snapshot. A cell leaves the view half a cell later than it enters.
func (x *interest) look(v *View, fresh bool) {
	x.serial++
	if !fresh {
		for _, s := range v.sight.cells {
			x.before[s.cell()] = mark{x.serial, s.near()}
		}
	}
	v.sight.nextCells = v.sight.nextCells[:0]
	view := &v.sight.eye
	far := max(view.Near, view.Far)
	stay := far + fixed.Num(x.grid.cell/2)
	near2, far2, stay2 := square(view.Near), square(far), square(stay)
	g := x.grid
	for row := g.row(view.Center.Y - stay); row <= g.row(view.Center.Y+stay); row++ {
		for col := g.col(view.Center.X - stay); col <= g.col(view.Center.X+stay); col++ {
			cell := row*g.cols + col
			d := g.distance2(view.Center, col, row)
			if d <= far2 || d <= stay2 && x.saw(cell) {
				x.add(v, cell, d <= near2)
			}
		}
	}
	x.addOwn(v)
}

func (x *interest) add(v *View, cell int32, near bool) {
	x.now[cell] = mark{x.serial, near}
	v.sight.nextCells = append(v.sight.nextCells, makeSeen(cell, near))
}

// addOwn keeps the cells of the player's own rows in view, every snapshot.
func (x *interest) addOwn(v *View) {
	for _, t := range x.tables {
		if t.byOwner.next == nil {
			continue
		}
		for i := t.byOwner.first(uint32(v.Slot)); i >= 0; i = t.byOwner.next[i] {
			x.keepNear(v, t.placed.cell[i])
		}
	}
}

func (x *interest) keepNear(v *View, cell int32) {
	switch {
	case !x.sees(cell):
		x.add(v, cell, true)
	case !x.now[cell].near:
		x.now[cell].near = true
		for i, s := range v.sight.nextCells {
			if s.cell() == cell {
				v.sight.nextCells[i] = makeSeen(cell, true)
			}
		}
	}
}

// saw and sees tell whether the player had the cell in his last snapshot, and
// has it in this one.
func (x *interest) saw(cell int32) bool  { return cell >= 0 && x.before[cell].serial == x.serial }
func (x *interest) sees(cell int32) bool { return cell >= 0 && x.now[cell].serial == x.serial }

// knows tells whether the player's client has the row, in a state that private
// words may be told of as differences.
func (x *interest) knows(t *tableState, i int32, tick game.Tick) bool {
	return t.born[i] != tick && x.saw(t.placed.prev[i]) && x.saw(t.placed.cell[i])
}

// publicByCells appends the player's public section.
func (e *Engine) publicByCells(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
	x := e.interest
	start := len(dst)
	dst = protocol.BeginSection(dst)
	w := writer{buf: dst, tick: e.tick, diff: baseline != 0}
	e.global(&w, baseline)
	for _, s := range v.sight.cells {
		if x.saw(s.cell()) {
			e.leave(&w, s.cell())
		}
	}
	for _, s := range v.sight.nextCells {
		cell := s.cell()
		if !x.saw(cell) {
			x.copy(&w, e.part(partWhole, cell))
			continue
		}
		kind := partDiff
		switch {
		case s.near() && x.before[cell].near:
		case s.near() || hash || x.farDue(cell):
			kind = partFar
		default:
			kind = partBirth
		}
		x.copy(&w, e.part(kind, cell))
		e.arrive(&w, cell)
	}
	return protocol.EndSection(w.buf, start, w.count)
}

// global appends the changes of tables without a position.
func (e *Engine) global(w *writer, baseline game.Tick) {
	for _, t := range e.tables {
		if len(t.columns[public]) == 0 || t.placed != nil {
			continue
		}
		e.collect(t, public, 0, baseline, w.diff)
		e.flush(w, t, public, false)
	}
}

// flush writes a block of what was collected, if anything was.
func (e *Engine) flush(w *writer, t *tableState, a audience, absolute bool) {
	if len(e.removed)+len(e.born)+len(e.rows) > 0 {
		w.absolute = absolute
		e.block(w, t, a)
		w.absolute = false
	}
	e.reset()
}

func (e *Engine) reset() {
	e.removed, e.born, e.rows, e.masks = e.removed[:0], e.born[:0], e.rows[:0], e.masks[:0]
}

// leave tells the player of rows that he knows from a cell and no longer sees:
// those that left for where he does not look, and all when the cell went out of
// his view.
func (e *Engine) leave(w *writer, cell int32) {
	x := e.interest
	for _, t := range x.tables {
		e.reset()
		p := t.placed
		for i := p.leavers.first(uint32(cell)); i >= 0; i = p.leavers.next[i] {
			if !x.sees(p.cell[i]) {
				e.removed = append(e.removed, i)
			}
		}
		if !x.sees(cell) {
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

// sortRows sorts two ascending runs that were appended to each other; lists are
// short.
func sortRows(list []int32) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// arrive tells the player of rows that came into a cell from another: what
// changed, when he saw them there, all of them otherwise.
func (e *Engine) arrive(w *writer, cell int32) {
	x := e.interest
	for _, t := range x.tables {
		p := t.placed
		first := p.arrivals.first(uint32(cell))
		if first < 0 {
			continue
		}
		e.reset()
		for i := first; i >= 0; i = p.arrivals.next[i] {
			switch from := p.prev[i]; {
			case !x.saw(from):
				e.born = append(e.born, i)
			case x.before[from].near:
				e.addChanged(i, t.masks[public][i])
			}
		}
		e.flush(w, t, public, false)
		for i := first; i >= 0; i = p.arrivals.next[i] {
			if from := p.prev[i]; x.saw(from) && !x.before[from].near {
				e.addChanged(i, t.maskSince(public, int(i), x.farBaseline()))
			}
		}
		e.flush(w, t, public, true)
	}
}

func (e *Engine) addChanged(i int32, mask uint32) {
	if mask != 0 {
		e.rows = append(e.rows, i)
		e.masks = append(e.masks, mask)
	}
}

// copy appends a part's ints.
func (x *interest) copy(w *writer, p *part) {
	w.buf = append(w.buf, x.parts[p.start:p.end]...)
	w.count += p.count
}

// part returns a cell's part of this tick, encoding it when it is the first to
// be asked for it.
func (e *Engine) part(kind partKind, cell int32) *part {
	x := e.interest
	p := &x.cells[kind][cell]
	if p.tick == e.tick {
		return p
	}
	w := writer{buf: x.parts, tick: e.tick, diff: kind == partDiff}
	start := len(x.parts)
	for _, t := range x.tables {
		e.reset()
		e.collectCell(t, kind, cell)
		e.flush(&w, t, public, kind == partFar)
	}
	x.parts = w.buf
	*p = part{tick: e.tick, start: start, end: len(w.buf), count: w.count}
	return p
}

// collectCell lists what a kind of part tells of the table's rows in a cell.
// Rows that came from another cell are not the part's: see arrive.
func (e *Engine) collectCell(t *tableState, kind partKind, cell int32) {
	p := t.placed
	for i := p.rows.first(uint32(cell)); i >= 0; i = p.rows.next[i] {
		switch {
		case kind == partWhole, t.born[i] == e.tick:
			e.born = append(e.born, i)
		case kind == partBirth || p.prev[i] != cell:
		case kind == partFar:
			e.addChanged(i, t.maskSince(public, int(i), e.interest.farBaseline()))
		case t.changed[i] == e.tick:
			e.addChanged(i, t.masks[public][i])
		}
	}
}

// privateByCells collects and writes the rows of a table with a position that
// one player, or his side, sees more of. Rows his client has only just got are
// told by values.
func (e *Engine) privateByCells(w *writer, t *tableState, a audience, key uint32) {
	ix := &t.byOwner
	if a == team {
		ix = &t.bySide
	}
	for _, known := range [2]bool{true, false} {
		e.reset()
		for i := ix.first(key); i >= 0; i = ix.next[i] {
			switch knows := w.diff && e.interest.knows(t, i, e.tick); {
			case knows != known || !e.interest.sees(t.placed.cell[i]):
			case !knows:
				e.addChanged(i, t.nonZero(a, int(i)))
			case t.changed[i] == e.tick:
				e.addChanged(i, t.masks[a][i])
			}
		}
		e.flush(w, t, a, !known)
	}
}
