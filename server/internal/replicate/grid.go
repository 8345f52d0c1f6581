package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
)

// grid divides the world into square cells, numbered row by row. A row of cells
// takes whole words of 64, so that no word contains cells of two rows.
type grid struct {
	min        fixed.Vec
	cell       int64
	cols, rows int32
	words      int32 // of a row
}

// A grid with more cells than this gets larger cells.
const (
	maxCells    = 1 << 16
	maxGridSize = 1 << 18 // includes unused numbers
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

// size returns the number of cell numbers, including the unused ones at the end
// of each row.
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

// columnDistance2 and rowDistance2 return the squared distance from a point to
// a column and to a row of cells. Their sum is the squared distance to a cell.
// The unit is 1/256, so that the sum does not overflow on any map of Q16.16
// numbers.
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
