package replicate

import "tactus/game/fixed"

// noCell is the cell of dead rows.
const noCell int32 = -1

// placement holds the cells of a table's rows, now and in the last snapshot. A
// table without positions has a nil placement; its methods do nothing.
type placement struct {
	grid       *grid
	changes    *cellChanges // of all tables
	pos        int          // first word of the position
	cell       []int32      // by row
	prev       []int32      // by row: in the last snapshot
	rows       rowIndex     // by cell
	arrivals   rowIndex     // rows that entered a cell from another one
	departures rowIndex     // rows that left a cell: moved, died, or were replaced
}

func newPlacement(g *grid, changes *cellChanges, pos, capacity int) *placement {
	p := &placement{
		grid: g, changes: changes, pos: pos, cell: make([]int32, capacity), prev: make([]int32, capacity),
		rows: newRowIndex(g.size(), capacity), arrivals: newRowIndex(g.size(), capacity), departures: newRowIndex(g.size(), capacity),
	}
	for i := range p.cell {
		p.cell[i], p.prev[i] = noCell, noCell
	}
	return p
}

func (p *placement) reset() {
	if p != nil {
		p.rows.clear()
		p.arrivals.clear()
		p.departures.clear()
	}
}

// place enters a living row into its cell. changed: some public column changed.
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

// remove records that a row of the last snapshot has died.
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
