package grid

import (
	"math/bits"

	"tactus/game/fixed"
)

// segment is a line between two points, and how far from it counts as touching.
type segment struct {
	x, y      int64 // one end
	dx, dy    int64 // from there to the other
	lengthSq  int64
	reach     int64
	low, high int64 // range of Y
}

func newSegment(from, to fixed.Vec, reach fixed.Num) segment {
	s := segment{x: int64(from.X), y: int64(from.Y), reach: int64(reach)}
	s.dx, s.dy = difference(to.X, from.X), difference(to.Y, from.Y)
	s.lengthSq = s.dx*s.dx + s.dy*s.dy
	s.low, s.high = min(s.y, s.y+s.dy), max(s.y, s.y+s.dy)
	return s
}

// difference is a-b, held within 31 bits so that sums of two products fit.
func difference(a, b fixed.Num) int64 {
	return min(max(int64(a)-int64(b), -int64(fixed.Largest)), int64(fixed.Largest))
}

// within returns the range of X of the part of the line from which points with
// a Y between low and high can be touched.
func (s *segment) within(low, high int64) (left, right int64) {
	low = min(max(low-s.reach, s.low), s.high)
	high = min(max(high+s.reach, s.low), s.high)
	if s.dy == 0 {
		return min(s.x, s.x+s.dx), max(s.x, s.x+s.dx)
	}
	a := s.x + s.dx*(low-s.y)/s.dy
	b := s.x + s.dx*(high-s.y)/s.dy
	return min(a, b) - 1, max(a, b) + 1 // the divisions were cut off
}

// touches reports whether the point is at most reach away.
func (s *segment) touches(p fixed.Vec) bool {
	wx := difference(p.X, fixed.Num(s.x))
	wy := difference(p.Y, fixed.Num(s.y))
	along := wx*s.dx + wy*s.dy
	switch {
	case along <= 0:
		return wx*wx+wy*wy <= s.reach*s.reach
	case along >= s.lengthSq:
		// Beyond the other end, which is then the nearest point.
		wx, wy = wx-s.dx, wy-s.dy
		return inside(wx, s.reach) && inside(wy, s.reach) && wx*wx+wy*wy <= s.reach*s.reach
	}
	// The distance from the line is |cross| / length; compare the squares,
	// which have 128 bits.
	cross := wx*s.dy - wy*s.dx
	if cross < 0 {
		cross = -cross
	}
	crossHigh, crossLow := bits.Mul64(uint64(cross), uint64(cross))
	limitHigh, limitLow := bits.Mul64(uint64(s.reach*s.reach), uint64(s.lengthSq))
	return crossHigh < limitHigh || crossHigh == limitHigh && crossLow <= limitLow
}

func inside(d, reach int64) bool { return d <= reach && d >= -reach }
