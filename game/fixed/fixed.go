// Package fixed implements arithmetic that gives the same bits on every machine.
//
// Numbers are Q16.16: 16 bits before the point, 16 after. Floats would not agree
// between a server and a browser: the Go specification permits fusing a
// multiplication with an addition, and GOAMD64=v3 or arm64 do it.
//
// Errors are stated in units: one unit is the smallest step, 1/65536. The
// operators + and - on numbers wrap as integers do; functions that can leave
// the range saturate. Nothing allocates.
package fixed

// Num is a Q16.16 number, -32768 to 32767.99998, steps of 1/65536.
type Num int32

// One is 1.
const One Num = 1 << 16

// Ends of the range.
const (
	Largest  Num = 1<<31 - 1
	Smallest Num = -1 << 31
)

const (
	fractionBits = 16
	half         = 1 << (fractionBits - 1)
)

// Int returns i as a number; it saturates outside -32768 to 32767.
func Int(i int32) Num { return saturate(int64(i) << fractionBits) }

// Ratio returns n/d, rounded to the nearest unit. It saturates; n/0 does so by
// the sign of n, and 0/0 is 0.
func Ratio(n, d int32) Num { return saturate(divide(int64(n)<<fractionBits, int64(d))) }

// Int returns x rounded down to an integer.
func (x Num) Int() int32 { return int32(x >> fractionBits) }

// Round returns the integer nearest to x, halves upwards.
func (x Num) Round() int32 { return int32((int64(x) + half) >> fractionBits) }

// Mul returns x*y rounded to the nearest unit; it saturates.
func (x Num) Mul(y Num) Num { return saturate((int64(x)*int64(y) + half) >> fractionBits) }

// Div returns x/y rounded to the nearest unit. It saturates; x/0 does so by
// the sign of x, and 0/0 is 0.
func (x Num) Div(y Num) Num { return saturate(divide(int64(x)<<fractionBits, int64(y))) }

// Abs returns x without its sign; that of Smallest is Largest.
func (x Num) Abs() Num {
	if x < 0 {
		return saturate(-int64(x))
	}
	return x
}

// Sqrt returns the root of x rounded down to a unit, and 0 for negative x.
func (x Num) Sqrt() Num {
	if x <= 0 {
		return 0
	}
	return Num(ISqrt(uint64(x) << fractionBits))
}

// Min returns the smaller number.
func Min(a, b Num) Num { return min(a, b) }

// Max returns the larger number.
func Max(a, b Num) Num { return max(a, b) }

// Clamp returns x, or the bound it is beyond. Where lo > hi it returns lo.
func Clamp(x, lo, hi Num) Num { return max(min(x, hi), lo) }

// Lerp returns a + (b-a)*t, rounded to the nearest unit: exactly a at 0 and
// exactly b at One. t may lie outside 0 to One; the result saturates.
func Lerp(a, b, t Num) Num {
	return saturate(int64(a) + ((int64(b)-int64(a))*int64(t)+half)>>fractionBits)
}

func saturate(x int64) Num { return Num(min(max(x, int64(Smallest)), int64(Largest))) }

// divide returns n/d rounded to the nearest integer, halves away from zero.
// Both have at most 48 bits.
func divide(n, d int64) int64 {
	if d == 0 {
		switch {
		case n > 0:
			return int64(Largest)
		case n < 0:
			return int64(Smallest)
		}
		return 0
	}
	q, r := n/d, n%d
	if 2*abs64(r) >= abs64(d) {
		if (n < 0) == (d < 0) {
			return q + 1
		}
		return q - 1
	}
	return q
}

func abs64(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}
