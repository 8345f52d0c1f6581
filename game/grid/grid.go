// Package grid finds points near a place, for the rules of a game.
//
// A grid is a cache that rules fill in every tick from their tables. It is never
// state: rules that read it before they fill it would differ after a restore.
package grid

import (
	"math/bits"
	"slices"

	"tactus/game/fixed"
)

// maxCells bounds a grid's memory, 4 bytes a cell; see [New].
const maxCells = 1 << 16

// Grid is a uniform grid over points with ids. It is not safe for concurrent
// use; owned by the world that fills it. Queries may sort the points first.
type Grid struct {
	min        fixed.Vec
	shift      uint // a cell is 1<<shift units wide
	cols, rows int
	added      []point // in the order of insertion
	sorted     []point // by cell, then in the order of insertion
	starts     []int32 // per cell, where it starts in sorted; one more at the end
	built      bool
}

type point struct {
	id   int32
	cell int32
	pos  fixed.Vec
}

// New returns an empty grid over the rectangle from lo to hi for at most
// capacity points. Cells are cell wide, rounded up to a power of two of units,
// and wider where more than 65536 of them would be needed; about the radius of
// the usual query is a good width. Points outside the rectangle are found all
// the same, only slower. Nothing allocates after New, as long as the slices
// given to queries have room.
func New(lo, hi fixed.Vec, cell fixed.Num, capacity int) *Grid {
	capacity = max(capacity, 0)
	g := &Grid{
		min:    fixed.Vec{X: min(lo.X, hi.X), Y: min(lo.Y, hi.Y)},
		shift:  uint(bits.Len32(uint32(max(cell, 1)) - 1)),
		added:  make([]point, 0, capacity),
		sorted: make([]point, capacity),
	}
	width := int64(max(lo.X, hi.X)) - int64(g.min.X)
	height := int64(max(lo.Y, hi.Y)) - int64(g.min.Y)
	for width>>g.shift >= maxCells || height>>g.shift >= maxCells || (width>>g.shift+1)*(height>>g.shift+1) > maxCells {
		g.shift++
	}
	g.cols, g.rows = int(width>>g.shift)+1, int(height>>g.shift)+1
	g.starts = make([]int32, g.cols*g.rows+1)
	return g
}

// Len is the number of points.
func (g *Grid) Len() int { return len(g.added) }

// Clear removes all points.
func (g *Grid) Clear() {
	g.added = g.added[:0]
	g.built = false
}

// Insert adds a point; it reports false when the grid is full. Ids need not be
// unique.
func (g *Grid) Insert(id int32, pos fixed.Vec) bool {
	if len(g.added) == cap(g.added) {
		return false
	}
	g.added = append(g.added, point{id: id, cell: int32(g.row(int64(pos.Y))*g.cols + g.col(int64(pos.X))), pos: pos})
	g.built = false
	return true
}

// Build sorts the points into cells. The first query after an insertion does
// it by itself.
func (g *Grid) Build() {
	clear(g.starts)
	for i := range g.added {
		g.starts[g.added[i].cell+1]++
	}
	for i := 1; i < len(g.starts); i++ {
		g.starts[i] += g.starts[i-1]
	}
	// Placing the points from the last to the first, each cell's end walks
	// down to its start, which leaves the array correct.
	for _, p := range slices.Backward(g.added) {
		end := &g.starts[p.cell+1]
		*end--
		g.sorted[*end] = p
	}
	copy(g.starts, g.starts[1:])
	g.starts[len(g.starts)-1] = int32(len(g.added))
	g.built = true
}

// Near appends to out the ids of the points at most radius from pos, in
// ascending order.
func (g *Grid) Near(pos fixed.Vec, radius fixed.Num, out []int32) []int32 {
	if radius < 0 {
		return out
	}
	first, reach := len(out), int64(radius)
	x, y := int64(pos.X), int64(pos.Y)
	fromCol, toCol := g.col(x-reach), g.col(x+reach)
	for row := g.row(y - reach); row <= g.row(y+reach); row++ {
		for _, p := range g.span(row, fromCol, toCol) {
			dx, dy := int64(p.pos.X)-x, int64(p.pos.Y)-y
			// The first test also keeps the squares within 63 bits.
			if dx <= reach && dx >= -reach && dy <= reach && dy >= -reach && dx*dx+dy*dy <= reach*reach {
				out = append(out, p.id)
			}
		}
	}
	slices.Sort(out[first:])
	return out
}

// Ray appends to out the ids of the points at most radius from the line between
// from and to, both ends included, in ascending order. It is exact as long as
// coordinates differ by less than 32768.
func (g *Grid) Ray(from, to fixed.Vec, radius fixed.Num, out []int32) []int32 {
	if radius < 0 {
		return out
	}
	first, reach := len(out), int64(radius)
	line := newSegment(from, to, radius)
	for row := g.row(line.low - reach); row <= g.row(line.high+reach); row++ {
		left, right := line.within(g.rowRange(row))
		for _, p := range g.span(row, g.col(left-reach), g.col(right+reach)) {
			if line.touches(p.pos) {
				out = append(out, p.id)
			}
		}
	}
	slices.Sort(out[first:])
	return out
}

// span is the points of one row's cells, both ends included.
func (g *Grid) span(row, fromCol, toCol int) []point {
	if !g.built {
		g.Build()
	}
	at := row * g.cols
	return g.sorted[g.starts[at+fromCol]:g.starts[at+toCol+1]]
}

func (g *Grid) col(x int64) int { return cellOf(x-int64(g.min.X), g.shift, g.cols) }

func (g *Grid) row(y int64) int { return cellOf(y-int64(g.min.Y), g.shift, g.rows) }

// cellOf puts what lies outside into the cells at the border. Since that keeps
// the order, a range of cells holds all points of the range of coordinates.
func cellOf(offset int64, shift uint, count int) int {
	return int(min(max(offset>>shift, 0), int64(count-1)))
}

// rowRange is the range of Y of a row's points; the outer rows have no outer end.
func (g *Grid) rowRange(row int) (low, high int64) {
	low = int64(g.min.Y) + int64(row)<<g.shift
	high = low + 1<<g.shift
	if row == 0 {
		low = int64(fixed.Smallest)
	}
	if row == g.rows-1 {
		high = int64(fixed.Largest)
	}
	return low, high
}
