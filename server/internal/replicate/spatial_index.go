package replicate

import "tactus/game"

// spatialIndex sorts the rows of a world with interest into cells: each player
// gets the cells that he looks at. What changed in a cell is encoded once per tick
// and kind of part, and gathered by everyone who sees the cell; rows that move
// between cells are told to each player by what he saw of their way.
type spatialIndex struct {
	grid    *grid
	viewer  game.Viewer
	tables  []*tableState // those with a position
	changes *cellChanges  // what this snapshot's rows did
	far     farSchedule
}

// newSpatialIndex returns nil for a world in which everyone sees everything.
func newSpatialIndex(world game.World, tables []*tableState) *spatialIndex {
	viewer, ok := world.(game.Viewer)
	if !ok || viewer.Interest().Cell <= 0 {
		return nil
	}
	x := &spatialIndex{grid: newGrid(viewer.Interest()), viewer: viewer, far: newFarSchedule()}
	x.changes = newCellChanges(x.grid)
	for _, t := range tables {
		if sc := t.raw.Schema(); sc.Pos >= 0 && t.rowAudience == public {
			t.placed = newPlacement(x.grid, x.changes, sc.Fields[sc.Pos].Offset, sc.Capacity)
			x.tables = append(x.tables, t)
		}
	}
	return x
}

// beginSnapshot forgets what rows did in the last snapshot, before the next is
// stamped.
func (x *spatialIndex) beginSnapshot(tick game.Tick) {
	x.changes.clear()
	x.far.beginSnapshot(tick)
}
