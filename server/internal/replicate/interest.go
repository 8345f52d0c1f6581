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

	moves []moves // by cell: what this snapshot's rows did there
	parts []byte
	cells []cellParts
	whole [2]part // tables without a position: as values, as differences

	// serial marks the cells of the player whose frame is being made.
	serial uint32
	marks  []cellMarks
	beside []int64 // squared distances from his eye to columns of cells
}

// farEvery is how many snapshots apart far cells are told: a power of two.
const farEvery = 4

// maxFarEvery is farEvery in times of overload.
const maxFarEvery = 2 * farEvery

// mark is the serial of the player who has a cell in view, times two, plus one
// when it is near.
type mark uint32

const nearMark mark = 1

// cellMarks are a cell's now and as of the player's last snapshot.
type cellMarks struct{ now, before mark }

// maxSerial is the highest that fits a mark.
const maxSerial = 1<<31 - 1

// newInterest returns nil for a world in which everyone sees everything.
func newInterest(world game.World, tables []*tableState) *interest {
	viewer, ok := world.(game.Viewer)
	if !ok || viewer.Interest().Cell <= 0 {
		return nil
	}
	x := &interest{grid: newGrid(viewer.Interest()), viewer: viewer, every: farEvery, span: farEvery}
	x.moves = make([]moves, x.grid.cells())
	x.makeMarks()
	for _, t := range tables {
		if sc := t.raw.Schema(); sc.Pos >= 0 && t.rowsFor == public {
			t.placed = newPlacement(x.grid, x.moves, sc.Fields[sc.Pos].Offset, sc.Capacity)
			x.tables = append(x.tables, t)
		}
	}
	return x
}

func (x *interest) makeMarks() {
	n := x.grid.cells()
	x.cells, x.marks = make([]cellParts, n), make([]cellMarks, n)
}

// twin has the same cells with marks and parts of its own.
func (x *interest) twin() *interest {
	t := &interest{grid: x.grid, tables: x.tables, moves: x.moves}
	t.makeMarks()
	return t
}

// follow brings a twin to the last stamp of another.
func (x *interest) follow(of *interest) {
	x.stamps, x.since, x.every, x.span = of.stamps, of.since, of.every, of.span
	x.parts = x.parts[:0]
}

// begin forgets what rows did in the last snapshot, before the next is stamped.
func (x *interest) begin() {
	if x != nil {
		clear(x.moves)
	}
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

func (x *interest) farDue(cell int32) bool { return (x.stamps+int(cell))&(x.every-1) == 0 }

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
	before := x.nextSerial()
	if !fresh {
		for _, s := range v.sight.cells {
			x.marks[s.cell()].before = before | mark(s)&nearMark
		}
	}
	view, next := &v.sight.eye, v.sight.nextCells[:0]
	far := max(view.Near, view.Far)
	stay := far + fixed.Num(x.grid.cell/2)
	near2, far2, stay2 := square(view.Near), square(far), square(stay)
	g := x.grid
	from, to := g.col(view.Center.X-stay), g.col(view.Center.X+stay)
	x.beside = x.beside[:0]
	for col := from; col <= to; col++ {
		x.beside = append(x.beside, g.beside2(view.Center, col))
	}
	last := g.row(view.Center.Y + stay)
	for row := g.row(view.Center.Y - stay); row <= last; row++ {
		above, first := g.above2(view.Center, row), row*g.cols+from
		marks := x.marks[first:][:len(x.beside)]
		for i, beside := range x.beside {
			d, m := above+beside, &marks[i]
			if d <= far2 || d <= stay2 && m.before|nearMark == before|nearMark {
				s := makeSeen(first+int32(i), d <= near2)
				m.now = before | mark(s)&nearMark
				next = append(next, s)
			}
		}
	}
	v.sight.nextCells = next
	x.addOwn(v)
}

// nextSerial begins a player's frame and returns the mark of a far cell of his.
func (x *interest) nextSerial() mark {
	if x.serial == maxSerial {
		clear(x.marks)
		x.serial = 0
	}
	x.serial++
	return mark(x.serial << 1)
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
	now := &x.marks[cell].now
	had := x.sees(cell)
	if had && *now&nearMark != 0 {
		return
	}
	*now = mark(x.serial<<1) | nearMark
	if !had {
		v.sight.nextCells = append(v.sight.nextCells, makeSeen(cell, true))
		return
	}
	for i, s := range v.sight.nextCells {
		if s.cell() == cell {
			v.sight.nextCells[i] = makeSeen(cell, true)
		}
	}
}

// saw and sees tell whether the player had the cell in his last snapshot, and
// has it in this one.
func (x *interest) saw(cell int32) bool {
	return cell >= 0 && uint32(x.marks[cell].before>>1) == x.serial
}

func (x *interest) sees(cell int32) bool {
	return cell >= 0 && uint32(x.marks[cell].now>>1) == x.serial
}

// sawNear tells whether the player had the cell near in his last snapshot.
func (x *interest) sawNear(cell int32) bool {
	return cell >= 0 && x.marks[cell].before == mark(x.serial<<1)|nearMark
}

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
	x.copy(&w, e.global(baseline))
	if w.diff {
		for _, s := range v.sight.cells {
			e.leave(&w, s.cell())
		}
	}
	for _, s := range v.sight.nextCells {
		cell := s.cell()
		if !x.saw(cell) {
			x.copy(&w, e.part(partWhole, cell))
			continue
		}
		m := x.moves[cell]
		switch {
		case s.near() && x.sawNear(cell):
			x.copy(&w, e.part(partDiff, cell))
		case s.near() || hash || x.farDue(cell):
			x.copy(&w, e.part(partFar, cell))
		case m&someBorn != 0:
			x.copy(&w, e.part(partBirth, cell))
		}
		if m&someCame != 0 {
			e.arrive(&w, cell)
		}
	}
	return protocol.EndSection(w.buf, start, w.count)
}

// global returns the part of the tables without a position; like everybody else
// in view, they are told since the last snapshot or from the beginning.
func (e *Engine) global(baseline game.Tick) *part {
	x := e.interest
	diff := baseline != 0
	p := &x.whole[0]
	if diff {
		p = &x.whole[1]
	}
	if p.tick == e.tick {
		return p
	}
	w := x.begunPart(e.tick, diff)
	for _, t := range e.tables {
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
	m, sees := x.moves[cell], x.sees(cell)
	if sees && (m&someWentOn == 0 || x.seesLeavers(cell)) {
		if m&someGone != 0 {
			x.copy(w, e.part(partGone, cell))
		}
		return
	}
	for _, t := range x.tables {
		e.reset()
		p := t.placed
		for i := p.leavers.first(uint32(cell)); i >= 0; i = p.leavers.next[i] {
			if !x.sees(p.cell[i]) {
				e.removed = append(e.removed, i)
			}
		}
		if !sees {
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

// seesLeavers reports whether the player sees all rows that went from a cell to
// another.
func (x *interest) seesLeavers(cell int32) bool {
	for _, t := range x.tables {
		p := t.placed
		for i := p.leavers.first(uint32(cell)); i >= 0; i = p.leavers.next[i] {
			if to := p.cell[i]; to != noCell && !x.sees(to) {
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

// arrive tells the player of rows that came into a cell from another: what
// changed, when he saw them there, all of them otherwise. Mostly all of a cell
// were the same to him, and a part tells of them.
func (e *Engine) arrive(w *writer, cell int32) {
	x := e.interest
	if kind, same := x.arrivedAs(cell); same {
		x.copy(w, e.part(kind, cell))
		return
	}
	for _, t := range x.tables {
		p := t.placed
		e.reset()
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			if as := x.cameAs(p.prev[i]); as == partCameNew {
				e.born = append(e.born, i)
			} else if as == partCame {
				e.addChanged(i, t.masks[public][i])
			}
		}
		e.flush(w, t, public, false)
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			if x.cameAs(p.prev[i]) == partCameFar {
				e.addChanged(i, t.maskSince(public, int(i), x.farBaseline()))
			}
		}
		e.flush(w, t, public, true)
	}
}

// arrivedAs returns the kind of part that tells of all rows that came into a
// cell, if there is one.
func (x *interest) arrivedAs(cell int32) (kind partKind, same bool) {
	kind = partKinds
	for _, t := range x.tables {
		p := t.placed
		for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
			as := x.cameAs(p.prev[i])
			if kind != partKinds && kind != as {
				return kind, false
			}
			kind = as
		}
	}
	return kind, kind != partKinds
}

// cameAs returns the kind of part that tells of a row from another cell.
func (x *interest) cameAs(from int32) partKind {
	switch {
	case !x.saw(from):
		return partCameNew
	case x.sawNear(from):
		return partCame
	}
	return partCameFar
}

func (e *Engine) addChanged(i int32, mask uint32) {
	if mask != 0 {
		e.rows = append(e.rows, i)
		e.masks = append(e.masks, mask)
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
func (e *Engine) collectPrivate(w *writer, t *tableState, a audience, first int32, known bool) (others bool) {
	ix := &t.byOwner
	if a == team {
		ix = &t.bySide
	}
	e.reset()
	for i := first; i >= 0; i = ix.next[i] {
		switch knows := w.diff && e.interest.knows(t, i, e.tick); {
		case !e.interest.sees(t.placed.cell[i]):
		case knows != known:
			others = true
		case !knows:
			e.addChanged(i, t.nonZero(a, int(i)))
		case t.changed[i] == e.tick:
			e.addChanged(i, t.masks[a][i])
		}
	}
	return others
}
