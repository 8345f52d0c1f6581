package arena

import (
	"tactus/game/fixed"
)

// segmentMeets reports whether the line from a to b comes within radius of c.
func segmentMeets(a, b, c fixed.Vec, radius fixed.Num) bool {
	d, f := b.Sub(a), c.Sub(a)
	along, square := f.Dot(d), d.LenSq()
	limit := int64(radius) * int64(radius)
	switch {
	case along <= 0:
		return f.LenSq() <= limit
	case along >= square:
		return c.Sub(b).LenSq() <= limit
	}
	return absolute(d.Cross(f)) <= int64(radius)*int64(fixed.ISqrt(uint64(square)))
}

// segmentEntersCircle returns how far along the line from a by d, 0 to 1, it
// enters the circle round c; ok false when it does not. A line that starts
// inside enters at 0.
func segmentEntersCircle(a, d, c fixed.Vec, radius fixed.Num) (at fixed.Num, ok bool) {
	f := c.Sub(a)
	if f.LenSq() <= int64(radius)*int64(radius) {
		return 0, true
	}
	length := int64(d.Len())
	along := f.Dot(d)
	if along <= 0 || length == 0 {
		return 0, false
	}
	aside := absolute(d.Cross(f)) / length // distance of c from the line
	if aside > int64(radius) {
		return 0, false
	}
	back := int64(fixed.ISqrt(uint64(int64(radius)*int64(radius) - aside*aside)))
	enter := max(along/length-back, 0)
	if enter > length {
		return 0, false
	}
	return fixed.Num(enter << 16 / length), true
}

// segmentEntersBox is segmentEntersCircle for a box with the given half sizes.
func segmentEntersBox(a, d, center, half fixed.Vec) (at fixed.Num, ok bool) {
	lo, hi := int64(0), int64(fixed.One)
	for _, axis := range [2][4]fixed.Num{{a.X, d.X, center.X, half.X}, {a.Y, d.Y, center.Y, half.Y}} {
		from, step := int64(axis[0]), int64(axis[1])
		near, far := int64(axis[2])-int64(axis[3]), int64(axis[2])+int64(axis[3])
		if step == 0 {
			if from < near || from > far {
				return 0, false
			}
			continue
		}
		enter, leave := (near-from)<<16/step, (far-from)<<16/step
		if enter > leave {
			enter, leave = leave, enter
		}
		lo, hi = max(lo, enter), min(hi, leave)
	}
	return fixed.Num(lo), lo <= hi
}

// segmentMeetsBox reports whether the line from a to b touches the box, exactly
// and without a division: two convex shapes are apart if and only if the
// direction of one of their sides separates them.
func segmentMeetsBox(a, b, center, half fixed.Vec) bool {
	// Twice the line's middle relative to the box, and its whole span.
	mx, my := int64(a.X)+int64(b.X)-2*int64(center.X), int64(a.Y)+int64(b.Y)-2*int64(center.Y)
	dx, dy := int64(b.X)-int64(a.X), int64(b.Y)-int64(a.Y)
	hx, hy := 2*int64(half.X), 2*int64(half.Y)
	if absolute(mx) > hx+absolute(dx) || absolute(my) > hy+absolute(dy) {
		return false
	}
	return absolute(mx*dy-my*dx) <= hx*absolute(dy)+hy*absolute(dx)
}

// pushOut moves a circle at p out of a box with the given half sizes (none: a
// point) grown by reach. It returns the new place and the direction it was
// pushed in; hit false and no change when they do not touch.
func pushOut(p, center, half fixed.Vec, reach fixed.Num) (to, normal fixed.Vec, hit bool) {
	rel := p.Sub(center)
	edge := fixed.Vec{X: fixed.Clamp(rel.X, -half.X, half.X), Y: fixed.Clamp(rel.Y, -half.Y, half.Y)}
	d := rel.Sub(edge)
	if d.LenSq() >= int64(reach)*int64(reach) {
		return p, fixed.Vec{}, false
	}
	if d != (fixed.Vec{}) {
		normal = d.Norm()
		return center.Add(edge).Add(normal.Scale(reach)), normal, true
	}
	// The centre is inside: out through the nearest side.
	if half.X-rel.X.Abs() < half.Y-rel.Y.Abs() {
		normal.X = sign(rel.X)
		return fixed.Vec{X: center.X + normal.X.Mul(half.X+reach), Y: p.Y}, normal, true
	}
	normal.Y = sign(rel.Y)
	return fixed.Vec{X: p.X, Y: center.Y + normal.Y.Mul(half.Y+reach)}, normal, true
}

func sign(x fixed.Num) fixed.Num {
	if x < 0 {
		return -fixed.One
	}
	return fixed.One
}

func absolute(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}
