package fixed

import "math/bits"

// Vec is a point or a direction.
type Vec struct{ X, Y Num }

// FromAngle returns the vector of the given direction and length, each part
// less than 1 unit off per 1.0 of length.
func FromAngle(a Angle, length Num) Vec {
	sin, cos := SinCos(a)
	return Vec{cos.Mul(length), sin.Mul(length)}
}

// Add returns v+w; parts wrap.
func (v Vec) Add(w Vec) Vec { return Vec{v.X + w.X, v.Y + w.Y} }

// Sub returns v-w; parts wrap.
func (v Vec) Sub(w Vec) Vec { return Vec{v.X - w.X, v.Y - w.Y} }

// Neg returns -v.
func (v Vec) Neg() Vec { return Vec{-v.X, -v.Y} }

// Scale returns v*k; parts are rounded and saturate as in [Num.Mul].
func (v Vec) Scale(k Num) Vec { return Vec{v.X.Mul(k), v.Y.Mul(k)} }

// Dot returns the scalar product as Q32.32: shift right by 16 for a Num, or
// compare it as it is, which is exact. It saturates in one case: all four parts
// are Smallest.
func (v Vec) Dot(w Vec) int64 {
	sum := int64(v.X)*int64(w.X) + int64(v.Y)*int64(w.Y)
	if sum == -1<<63 {
		return 1<<63 - 1
	}
	return sum
}

// Cross returns X*w.Y - Y*w.X as Q32.32, exactly: positive where w lies in the
// direction of growing angles from v.
func (v Vec) Cross(w Vec) int64 { return int64(v.X)*int64(w.Y) - int64(v.Y)*int64(w.X) }

// LenSq returns the squared length as Q32.32, as [Vec.Dot] does.
func (v Vec) LenSq() int64 { return v.Dot(v) }

// Len returns the length rounded down to a unit; it saturates.
func (v Vec) Len() Num { return saturate(int64(ISqrt(uint64(v.LenSq())))) }

// Dist returns the distance between two points rounded down to a unit; it
// saturates, also where v-w would wrap.
func (v Vec) Dist(w Vec) Num {
	dx, dy := abs64(int64(v.X)-int64(w.X)), abs64(int64(v.Y)-int64(w.Y))
	if dx > int64(Largest) || dy > int64(Largest) {
		return Largest
	}
	return saturate(int64(ISqrt(uint64(dx*dx + dy*dy))))
}

// Norm returns the vector of length 1 in the same direction, each part at most
// 1 unit off however short or long v is; the zero vector stays zero.
func (v Vec) Norm() Vec {
	x, y := int64(v.X), int64(v.Y)
	longer := max(abs64(x), abs64(y))
	if longer == 0 {
		return v
	}
	// Scaled up to 31 bits the length, an integer, has nine digits.
	shift := max(31-bits.Len64(uint64(longer)), 0)
	x, y = x<<shift, y<<shift
	length := int64(ISqrt(uint64(x*x) + uint64(y*y)))
	return Vec{
		saturate(divide(x<<fractionBits, length)),
		saturate(divide(y<<fractionBits, length)),
	}
}

// ClampLen returns v, shortened where its length is above limit: the result's
// Len is at most limit. A negative limit counts as 0.
func (v Vec) ClampLen(limit Num) Vec {
	limit = max(limit, 0)
	square := v.LenSq()
	if square <= int64(limit)*int64(limit) {
		return v
	}
	length := int64(ISqrt(uint64(square)))
	return Vec{
		Num(int64(v.X) * int64(limit) / length),
		Num(int64(v.Y) * int64(limit) / length),
	}
}

// Rotate returns v turned by a; each part is less than 1.5 units off per 1.0 of
// length, and saturates.
func (v Vec) Rotate(a Angle) Vec {
	sin, cos := SinCos(a)
	x, y, s, c := int64(v.X), int64(v.Y), int64(sin), int64(cos)
	return Vec{
		saturate((x*c - y*s + half) >> fractionBits),
		saturate((x*s + y*c + half) >> fractionBits),
	}
}

// Angle returns v's direction, 0 to 65535; that of the zero vector is 0.
func (v Vec) Angle() Angle { return Atan2(v.Y, v.X) }

// Lerp returns v + (w-v)*t, part by part as [Lerp].
func (v Vec) Lerp(w Vec, t Num) Vec { return Vec{Lerp(v.X, w.X, t), Lerp(v.Y, w.Y, t)} }
