package fixed

// Angle is a binary angle: 65536 to the full turn, 0 along +X, growing towards
// +Y. Only the low 16 bits count; arithmetic wraps.
type Angle int32

// Turn is the full circle.
const Turn Angle = 1 << 16

const quarter = Turn / 4

// Degrees returns d degrees, rounded to the nearest unit. It does not wrap, so
// that 720 degrees are two turns.
func Degrees(d int32) Angle { return Angle(divide(int64(d)*int64(Turn), 360)) }

// Wrap returns the same direction in 0 to 65535.
func (a Angle) Wrap() Angle { return a & (Turn - 1) }

// Diff returns the shortest way from b to a, -32768 to 32767; exactly opposite
// directions are -32768 apart.
func (a Angle) Diff(b Angle) Angle { return Angle(int16(a - b)) }

// Sin returns the sine of a, less than 1 unit (1/65536) off. It is exact at the
// quarters, odd, and mirrored at them.
func Sin(a Angle) Num {
	a = a.Wrap()
	if a >= Turn/2 {
		return -firstHalfSine(a - Turn/2)
	}
	return firstHalfSine(a)
}

// Cos returns the cosine of a, less than 1 unit off.
func Cos(a Angle) Num { return Sin(a + quarter) }

// SinCos returns both.
func SinCos(a Angle) (sin, cos Num) { return Sin(a), Sin(a + quarter) }

// firstHalfSine is the sine of 0 <= a < 32768, by linear interpolation in a
// table of the first quarter: off by at most h*h/8 for the table's step h of
// 64/65536 turns, 0.31 units, and by half a unit of rounding.
func firstHalfSine(a Angle) Num {
	if a > quarter {
		a = Turn/2 - a
	}
	const step, guard = 6, 30 - fractionBits
	i := a >> step
	lo := sineTable[i]
	if a&(1<<step-1) == 0 {
		return Num((lo + 1<<(guard-1)) >> guard)
	}
	hi := sineTable[i+1]
	sum := int64(lo)<<step + int64(hi-lo)*int64(a&(1<<step-1))
	return Num((sum + 1<<(guard+step-1)) >> (guard + step))
}

// Atan2 returns the direction of (x, y), 0 to 65535, less than 0.6 units
// (1/65536 turn) off, and exact along the axes and diagonals. Atan2(0, 0) is 0.
func Atan2(y, x Num) Angle {
	ax, ay := abs64(int64(x)), abs64(int64(y))
	if ax == 0 && ay == 0 {
		return 0
	}
	var a Angle
	if ay <= ax {
		a = firstEighth(ay, ax)
	} else {
		a = quarter - firstEighth(ax, ay)
	}
	if x < 0 {
		a = Turn/2 - a
	}
	if y < 0 {
		a = -a
	}
	return a.Wrap()
}

// firstEighth is the angle with the tangent n/d, 0 <= n <= d, by linear
// interpolation in a table of 256 steps: off by at most 0.014 units, and by half
// a unit of rounding.
func firstEighth(n, d int64) Angle {
	const step, guard = 16, 16
	ratio := n << (8 + step) / d
	i := ratio >> step
	if i == int64(len(arcTable)-1) {
		return Turn / 8
	}
	lo, hi := int64(arcTable[i]), int64(arcTable[i+1])
	sum := lo<<step + (hi-lo)*(ratio&(1<<step-1))
	return Angle((sum + 1<<(guard+step-1)) >> (guard + step))
}
