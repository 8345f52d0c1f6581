package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
)

// noCell is the cell of rows that do not live.
const noCell int32 = -1

// grid sorts positions into cells, numbered row by row. A row takes whole words of
// 64 cells, so that a row's cells are bits of words of its own.
type grid struct {
	min        fixed.Vec
	cell       int64
	cols, rows int32
	words      int32 // of a row
}

// A game with finer cells gets coarser ones.
const (
	maxCells    = 1 << 16
	maxGridSize = 1 << 18 // with those that are no cells
)

func newGrid(in game.Interest) *grid {
	g := &grid{min: in.Min, cell: int64(in.Cell)}
	for ; ; g.cell *= 2 {
		g.cols = int32((int64(in.Max.X)-int64(in.Min.X))/g.cell + 1)
		g.rows = int32((int64(in.Max.Y)-int64(in.Min.Y))/g.cell + 1)
		g.words = (g.cols + 63) / 64
		if int64(g.cols)*int64(g.rows) <= maxCells && int64(g.words)*64*int64(g.rows) <= maxGridSize {
			return g
		}
	}
}

// size is how many numbers of cells there are.
func (g *grid) size() int { return int(g.rows) * int(g.words) * 64 }

func (g *grid) col(x fixed.Num) int32 { return cellIndex(int64(x)-int64(g.min.X), g.cell, g.cols) }
func (g *grid) row(y fixed.Num) int32 { return cellIndex(int64(y)-int64(g.min.Y), g.cell, g.rows) }

func cellIndex(d, cell int64, n int32) int32 {
	if d < 0 {
		return 0
	}
	return int32(min(d/cell, int64(n-1)))
}

func (g *grid) at(pos fixed.Vec) int32 { return g.row(pos.Y)*g.words<<6 + g.col(pos.X) }

// columnDistance2 and above2 are the squared distances from a point to a column and to
// a row of cells, in units of 1/256, so that no map of Q16.16 numbers overflows
// their sum: the squared distance to a cell.
func (g *grid) columnDistance2(p fixed.Vec, col int32) int64 {
	d := distanceOutside(int64(p.X)-int64(g.min.X), int64(col)*g.cell, g.cell) >> 8
	return d * d
}

func (g *grid) rowDistance2(p fixed.Vec, row int32) int64 {
	d := distanceOutside(int64(p.Y)-int64(g.min.Y), int64(row)*g.cell, g.cell) >> 8
	return d * d
}

func distanceOutside(x, from, length int64) int64 {
	switch {
	case x < from:
		return from - x
	case x > from+length:
		return x - from - length
	}
	return 0
}

func square(r fixed.Num) int64 { return (int64(r) >> 8) * (int64(r) >> 8) }

// placement is where a table's rows are, now and as of the last snapshot. A nil
// placement is that of a table without positions: its methods do nothing.
type placement struct {
	grid       *grid
	changes    *cellChanges // of all tables
	pos        int          // first word of the position
	cell       []int32      // by row
	prev       []int32      // cell in the last snapshot
	rows       index        // by cell
	arrivals   index        // rows that came into a cell from another one
	departures index        // rows that a cell lost: moved, gone, or replaced
}

func newPlacement(g *grid, changes *cellChanges, pos, capacity int) *placement {
	p := &placement{
		grid: g, changes: changes, pos: pos, cell: make([]int32, capacity), prev: make([]int32, capacity),
		rows: newIndex(g.size(), capacity), arrivals: newIndex(g.size(), capacity), departures: newIndex(g.size(), capacity),
	}
	for i := range p.cell {
		p.cell[i], p.prev[i] = noCell, noCell
	}
	return p
}

func (p *placement) begin() {
	if p != nil {
		p.rows.clear()
		p.arrivals.clear()
		p.departures.clear()
	}
}

// place sorts a living row into its cell. changed: in what everyone sees of it.
func (p *placement) place(i int, row []uint32, born, changed bool) {
	if p == nil {
		return
	}
	c := p.grid.at(fixed.Vec{X: fixed.Num(row[p.pos]), Y: fixed.Num(row[p.pos+1])})
	p.cell[i] = c
	p.rows.add(uint32(c), int32(i))
	p.changes.occupied.add(c)
	if born {
		p.changes.born.add(c)
	}
	was := p.prev[i]
	if was == c || was == noCell {
		if changed {
			p.changes.changed.add(c)
		}
		return
	}
	p.departures.add(uint32(was), int32(i))
	p.changes.left.add(was)
	if !born {
		p.changes.entered.add(c)
		p.arrivals.add(uint32(c), int32(i))
	}
}

// remove notes that a row of the last snapshot does not live any more.
func (p *placement) remove(i int) {
	if p == nil {
		return
	}
	p.cell[i] = noCell
	p.departures.add(uint32(p.prev[i]), int32(i))
	p.changes.died.add(p.prev[i])
}

func (p *placement) endSnapshot(i int32, alive bool) {
	switch {
	case p == nil:
	case alive:
		p.prev[i] = p.cell[i]
	default:
		p.prev[i] = noCell
	}
}
