package replicate

import "tactus/game"

// spatialIndex sorts the rows of a world with interest into cells and records
// what changed in each cell. Owned by the Tracker; encoders read it during a
// snapshot.
type spatialIndex struct {
	grid    *grid
	viewer  game.Viewer
	tables  []*tableState // those with a position
	changes *cellChanges  // since the last snapshot
	far     farSchedule
}

// newSpatialIndex returns nil for a world without interest.
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

// beginSnapshot clears the changes of the last snapshot, before tables are
// stamped.
func (x *spatialIndex) beginSnapshot(tick game.Tick) {
	x.changes.clear()
	x.far.beginSnapshot(tick)
}
