package fixed_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"tactus/game/fixed"
)

func TestVec_productsAreExact(t *testing.T) {
	product := func(a, b fixed.Num) *big.Int {
		return new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(int64(b)))
	}
	rapid.Check(t, func(t *rapid.T) {
		v, w := vecs().Draw(t, "v"), vecs().Draw(t, "w")
		dot := new(big.Int).Add(product(v.X, w.X), product(v.Y, w.Y))
		if !dot.IsInt64() {
			dot.SetInt64(math.MaxInt64)
		}
		if got := v.Dot(w); got != dot.Int64() {
			t.Fatalf("%v.Dot(%v) = %d, want %v", v, w, got, dot)
		}
		cross := new(big.Int).Sub(product(v.X, w.Y), product(v.Y, w.X))
		if got := v.Cross(w); !cross.IsInt64() || got != cross.Int64() {
			t.Fatalf("%v.Cross(%v) = %d, want %v", v, w, got, cross)
		}
	})
	corner := fixed.Vec{X: fixed.Smallest, Y: fixed.Smallest}
	if got := corner.LenSq(); got != math.MaxInt64 {
		t.Errorf("square of the longest vector is %d", got)
	}
}

func TestVec_lengths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := vecs().Draw(t, "v"), vecs().Draw(t, "w")
		length := math.Hypot(float64(v.X), float64(v.Y))
		if got, want := float64(v.Len()), min(math.Floor(length), 1<<31-1); math.Abs(got-want) > 1 || got > length {
			t.Fatalf("Len of %v is %v, want %v", v, got, want)
		}
		dist := math.Hypot(float64(v.X)-float64(w.X), float64(v.Y)-float64(w.Y))
		if got, want := float64(v.Dist(w)), min(math.Floor(dist), 1<<31-1); math.Abs(got-want) > 1 {
			t.Fatalf("distance of %v and %v is %v, want %v", v, w, got, want)
		}
		n := v.Norm()
		if v == (fixed.Vec{}) {
			if n != v {
				t.Fatalf("zero vector became %v", n)
			}
			return
		}
		for _, c := range [][2]float64{{float64(n.X), float64(v.X)}, {float64(n.Y), float64(v.Y)}} {
			if math.Abs(c[0]-c[1]/length*65536) > 1 {
				t.Fatalf("Norm of %v is %v", v, n)
			}
		}
		limit := nums().Draw(t, "limit")
		short := v.ClampLen(limit)
		if short.Len() > max(limit, 0) {
			t.Fatalf("%v.ClampLen(%d) = %v has length %d", v, limit, short, short.Len())
		}
		if v.Len() < limit && short != v {
			t.Fatalf("%v is not above %d and became %v", v, limit, short)
		}
		if limit > 0 && v.Len() > limit {
			scale := float64(limit) / length
			if math.Abs(float64(short.X)-float64(v.X)*scale) > 2 || math.Abs(float64(short.Y)-float64(v.Y)*scale) > 2 {
				t.Fatalf("%v.ClampLen(%d) = %v points elsewhere", v, limit, short)
			}
		}
	})
}

func TestVec_rotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := fixed.Angle(rapid.Int32().Draw(t, "a"))
		part := rapid.Map(rapid.Int32Range(-1000<<16, 1000<<16), func(i int32) fixed.Num { return fixed.Num(i) })
		v := fixed.Vec{X: part.Draw(t, "x"), Y: part.Draw(t, "y")}
		sin, cos := math.Sincos(radians(a.Wrap()))
		got := v.Rotate(a)
		bound := 1.5 + 1.5*math.Hypot(float(v.X), float(v.Y))
		if math.Abs(float64(got.X)-(float64(v.X)*cos-float64(v.Y)*sin)) > bound ||
			math.Abs(float64(got.Y)-(float64(v.X)*sin+float64(v.Y)*cos)) > bound {
			t.Fatalf("%v turned by %d is %v", v, a, got)
		}
		length := part.Draw(t, "length")
		ray := fixed.FromAngle(a, length)
		if bound := 1 + math.Abs(float(length)); math.Abs(float64(ray.X)-float64(length)*cos) > bound ||
			math.Abs(float64(ray.Y)-float64(length)*sin) > bound {
			t.Fatalf("FromAngle(%d, %d) is %v", a, length, ray)
		}
		if far := fixed.FromAngle(a, fixed.Int(100)); far.Angle().Diff(a) < -1 || far.Angle().Diff(a) > 1 {
			t.Fatalf("FromAngle(%d) points to %d", a, far.Angle())
		}
	})
}

func TestVec_sums(t *testing.T) {
	v, w := fixed.Vec{X: 3, Y: -5}, fixed.Vec{X: 10, Y: 7}
	for _, c := range []struct {
		name      string
		got, want fixed.Vec
	}{
		{"Add", v.Add(w), fixed.Vec{X: 13, Y: 2}},
		{"Sub", v.Sub(w), fixed.Vec{X: -7, Y: -12}},
		{"Neg", v.Neg(), fixed.Vec{X: -3, Y: 5}},
		{"Scale", v.Scale(fixed.Int(-2)), fixed.Vec{X: -6, Y: 10}},
		{"Scale saturates", fixed.Vec{X: fixed.Int(300)}.Scale(fixed.Int(300)), fixed.Vec{X: fixed.Largest}},
		{"Lerp", v.Lerp(w, fixed.One/2), fixed.Vec{X: 7, Y: 1}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}
