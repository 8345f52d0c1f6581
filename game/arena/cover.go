package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// cover is an index over walls and rocks: for each cell of the map those that
// may come within coverMargin of it. It is computed from their tables, and again
// when these have changed.
type cover struct {
	size fixed.Vec
	// The index was made of these walls and rocks.
	walls      []Wall
	rocks      []Rock
	cols, rows int
	starts     []int32 // per cell, where its part of items begins
	items      []int32 // places of walls, and of rocks as -1-place
}

const (
	coverShift  = 19 // cells of 8 m
	coverMargin = fixed.One + fixed.One/2
)

// sync brings the index up to date with the tables.
func (c *cover) sync(w *world) {
	if c.fresh(w) {
		return
	}
	c.size = w.match.Size
	c.walls, c.rocks = c.walls[:0], c.rocks[:0]
	for i := range w.walls.High() {
		c.walls = append(c.walls, wallIn(w, i))
	}
	for i := range w.rocks.High() {
		c.rocks = append(c.rocks, rockIn(w, i))
	}
	c.cols = int(max(c.size.X, 0)>>coverShift) + 1
	c.rows = int(max(c.size.Y, 0)>>coverShift) + 1
	c.fill()
}

func (c *cover) fresh(w *world) bool {
	if c.size != w.match.Size || len(c.walls) != w.walls.High() || len(c.rocks) != w.rocks.High() || c.starts == nil {
		return false
	}
	for i := range c.walls {
		if c.walls[i] != wallIn(w, i) {
			return false
		}
	}
	for i := range c.rocks {
		if c.rocks[i] != rockIn(w, i) {
			return false
		}
	}
	return true
}

// wallIn returns the wall in a place, or one of no size for a free place: callers
// need no distinction.
func wallIn(w *world, i int) Wall {
	if _, wall := w.walls.At(i); wall != nil {
		return *wall
	}
	return Wall{}
}

func rockIn(w *world, i int) Rock {
	if _, rock := w.rocks.At(i); rock != nil {
		return *rock
	}
	return Rock{}
}

// fill sorts walls and rocks into cells: count, sum up, place.
func (c *cover) fill() {
	n := c.cols*c.rows + 1
	if cap(c.starts) < n {
		c.starts = make([]int32, n)
	}
	c.starts = c.starts[:n]
	clear(c.starts)
	c.each(func(cell int, _ int32) { c.starts[cell]++ })
	total := int32(0)
	for i := range c.starts {
		total += c.starts[i]
		c.starts[i] = total
	}
	if cap(c.items) < int(total) {
		c.items = make([]int32, total)
	}
	c.items = c.items[:total]
	c.each(func(cell int, item int32) {
		c.starts[cell]--
		c.items[c.starts[cell]] = item
	})
}

// each visits every pair of a cell and something that reaches into it.
func (c *cover) each(visit func(cell int, item int32)) {
	for i := range c.walls {
		if wall := &c.walls[i]; *wall != (Wall{}) {
			c.eachCell(wall.Center, fixed.Vec{X: wall.Half.X + wall.Radius, Y: wall.Half.Y + wall.Radius}, int32(i), visit)
		}
	}
	for i := range c.rocks {
		if rock := &c.rocks[i]; rock.Radius > 0 {
			c.eachCell(rock.Home, rock.extent(), int32(-1-i), visit)
		}
	}
}

func (c *cover) eachCell(center, half fixed.Vec, item int32, visit func(cell int, item int32)) {
	grown := fixed.Vec{X: half.X + coverMargin, Y: half.Y + coverMargin}
	fromCol, fromRow := c.cellOf(center.Sub(grown))
	toCol, toRow := c.cellOf(center.Add(grown))
	for row := fromRow; row <= toRow; row++ {
		for col := fromCol; col <= toCol; col++ {
			visit(row*c.cols+col, item)
		}
	}
}

func (c *cover) cellOf(p fixed.Vec) (col, row int) {
	return min(max(int(p.X>>coverShift), 0), c.cols-1), min(max(int(p.Y>>coverShift), 0), c.rows-1)
}

// at returns what may come within coverMargin of p.
func (c *cover) at(p fixed.Vec) []int32 {
	col, row := c.cellOf(p)
	cell := row*c.cols + col
	return c.items[c.starts[cell]:c.starts[cell+1]]
}

// along visits, row by row, the cells that the line from a to b crosses, and
// stops when visit returns false. Things in several cells are seen several
// times.
func (c *cover) along(a, b fixed.Vec, visit func(items []int32) bool) {
	if a.Y > b.Y {
		a, b = b, a
	}
	_, row := c.cellOf(a)
	_, last := c.cellOf(b)
	for ; row <= last; row++ {
		lo, hi := c.spanInRow(a, b, row)
		for col := lo; col <= hi; col++ {
			cell := row*c.cols + col
			if items := c.items[c.starts[cell]:c.starts[cell+1]]; len(items) > 0 && !visit(items) {
				return
			}
		}
	}
}

// spanInRow returns the columns that the line from a down to b crosses in a
// row of cells. What is near a cell's border is listed on both sides of it, so
// rounding loses nothing.
func (c *cover) spanInRow(a, b fixed.Vec, row int) (lo, hi int) {
	x0, x1 := a.X, b.X
	if high := int64(b.Y) - int64(a.Y); high > 0 {
		slope := func(y int64) fixed.Num {
			y = min(max(y, int64(a.Y)), int64(b.Y))
			return a.X + fixed.Num((int64(b.X)-int64(a.X))*(y-int64(a.Y))/high)
		}
		x0, x1 = slope(int64(row)<<coverShift), slope(int64(row+1)<<coverShift)
	}
	lo, _ = c.cellOf(fixed.Vec{X: min(x0, x1)})
	hi, _ = c.cellOf(fixed.Vec{X: max(x0, x1)})
	return lo, hi
}

// at returns where the rock is at a tick.
func (r *Rock) at(t game.Tick) fixed.Vec {
	sin, cos := fixed.SinCos(r.Phase + fixed.Angle(r.Spin)*fixed.Angle(int32(t)))
	return fixed.Vec{X: r.Home.X + cos.Mul(r.Reach.X), Y: r.Home.Y + sin.Mul(r.Reach.Y)}
}

// extent is how far the rock ever gets from its home, its own size included.
func (r *Rock) extent() fixed.Vec {
	return fixed.Vec{X: r.Reach.X.Abs() + r.Radius, Y: r.Reach.Y.Abs() + r.Radius}
}

// enter returns how far along the line from a by d, 0 to 1, it meets the wall.
func (wall *Wall) enter(a, d fixed.Vec) (at fixed.Num, ok bool) {
	if wall.Radius > 0 {
		return segmentEntersCircle(a, d, wall.Center, wall.Radius)
	}
	return segmentEntersBox(a, d, wall.Center, wall.Half)
}

// meets reports whether the line from a to b comes within margin of the wall
// (at a box's corners a little more).
func (wall *Wall) meets(a, b fixed.Vec, margin fixed.Num) bool {
	if wall.Radius > 0 {
		return segmentMeets(a, b, wall.Center, wall.Radius+margin)
	}
	return segmentMeetsBox(a, b, wall.Center, fixed.Vec{X: wall.Half.X + margin, Y: wall.Half.Y + margin})
}

// wallEnd returns how far along the line from a by d, 0 to 1, a shot gets
// before a wall or the map's edge stops it.
func (w *world) wallEnd(a, d fixed.Vec) fixed.Num {
	end := w.edgeEnd(a, d)
	w.cover.along(a, a.Add(d.Scale(end)), func(items []int32) bool {
		for _, item := range items {
			if item >= 0 {
				if at, ok := w.cover.walls[item].enter(a, d); ok {
					end = min(end, at)
				}
			}
		}
		return true
	})
	return end
}

func (w *world) edgeEnd(a, d fixed.Vec) fixed.Num {
	end := fixed.One
	for _, axis := range [2][3]fixed.Num{{a.X, d.X, w.match.Size.X}, {a.Y, d.Y, w.match.Size.Y}} {
		from, step, limit := axis[0], axis[1], axis[2]
		switch {
		case step > 0 && from+step > limit:
			end = min(end, max(limit-from, 0).Div(step))
		case step < 0 && from+step < 0:
			end = min(end, max(from, 0).Div(-step))
		}
	}
	return end
}

// visible reports whether a line of the given half width from a to b is free
// of walls.
func (w *world) visible(a, b fixed.Vec, width fixed.Num) bool {
	free := true
	w.cover.along(a, b, func(items []int32) bool {
		for _, item := range items {
			if item >= 0 && w.cover.walls[item].meets(a, b, width) {
				free = false
				return false
			}
		}
		return true
	})
	return free
}

// occupied reports whether a circle at p would touch a wall, a rock as it is at
// tick t, or the map's edge. Radius is at most coverMargin.
func (w *world) occupied(p fixed.Vec, radius fixed.Num, t game.Tick) bool {
	if p.X < radius || p.Y < radius || p.X > w.match.Size.X-radius || p.Y > w.match.Size.Y-radius {
		return true
	}
	for _, item := range w.cover.at(p) {
		var hit bool
		if item >= 0 {
			wall := &w.cover.walls[item]
			_, _, hit = pushOut(p, wall.Center, wall.Half, wall.Radius+radius)
		} else {
			rock := &w.cover.rocks[-1-item]
			_, _, hit = pushOut(p, rock.at(t), fixed.Vec{}, rock.Radius+radius)
		}
		if hit {
			return true
		}
	}
	return false
}
