package fixed_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"tactus/game/fixed"
)

const unit = 1.0 / 65536

func nums() *rapid.Generator[fixed.Num] {
	return rapid.Map(rapid.OneOf(
		rapid.Int32(),
		rapid.Int32Range(-70000, 70000),
		rapid.SampledFrom([]int32{0, 1, -1, 65536, -65536, 1<<31 - 1, -1 << 31, -1<<31 + 1}),
	), func(i int32) fixed.Num { return fixed.Num(i) })
}

func vecs() *rapid.Generator[fixed.Vec] {
	return rapid.Custom(func(t *rapid.T) fixed.Vec {
		return fixed.Vec{X: nums().Draw(t, "x"), Y: nums().Draw(t, "y")}
	})
}

// saturated is a real number as the nearest one in range.
func saturated(x float64) float64 { return max(min(x, 32768-unit), -32768) }

func float(x fixed.Num) float64 { return float64(x) * unit }

func TestNum_integersAndRatios(t *testing.T) {
	for _, c := range []struct {
		name string
		got  fixed.Num
		want fixed.Num
	}{
		{"Int", fixed.Int(-3), -3 << 16},
		{"Int above the range", fixed.Int(40000), fixed.Largest},
		{"Int below the range", fixed.Int(-40000), fixed.Smallest},
		{"Ratio", fixed.Ratio(3, 2), 3 << 15},
		{"Ratio rounds", fixed.Ratio(2, 3), 43691},
		{"Ratio rounds negatives alike", fixed.Ratio(-2, 3), -43691},
		{"Ratio of nothing", fixed.Ratio(-1, 0), fixed.Smallest},
		{"0/0", fixed.Ratio(0, 0), 0},
		{"x/0", fixed.Num(1).Div(0), fixed.Largest},
		{"-x/0", fixed.Num(-1).Div(0), fixed.Smallest},
		{"Abs of Smallest", fixed.Smallest.Abs(), fixed.Largest},
		{"Sqrt of a negative", fixed.Num(-5).Sqrt(), 0},
		{"Sqrt of 2", fixed.Int(2).Sqrt(), 92681},
		{"Clamp below", fixed.Clamp(-5, 1, 3), 1},
		{"Clamp above", fixed.Clamp(5, 1, 3), 3},
		{"Clamp inside", fixed.Clamp(2, 1, 3), 2},
		{"Min", fixed.Min(2, 1), 1},
		{"Max", fixed.Max(2, 1), 2},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, c.got, c.want)
		}
	}
	for _, c := range []struct{ x, floor, round int32 }{
		{-1, -1, 0}, {-1 << 15, -1, 0}, {-1<<15 - 1, -1, -1}, {1 << 15, 0, 1}, {1<<31 - 1, 32767, 32768},
	} {
		x := fixed.Num(c.x)
		if x.Int() != c.floor || x.Round() != c.round {
			t.Errorf("%d: Int %d, Round %d; want %d, %d", c.x, x.Int(), x.Round(), c.floor, c.round)
		}
	}
}

func TestNum_roundsToNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := nums().Draw(t, "x"), nums().Draw(t, "y")
		near := func(name string, got fixed.Num, want float64) {
			if d := math.Abs(float(got) - saturated(want)); d > 0.5001*unit {
				t.Fatalf("%s(%d, %d): got %v, want %v", name, x, y, float(got), want)
			}
		}
		near("Mul", x.Mul(y), float(x)*float(y))
		if y != 0 {
			near("Div", x.Div(y), float(x)/float(y))
			near("Ratio", fixed.Ratio(int32(x), int32(y)), float64(x)/float64(y))
		}
		if got := fixed.Lerp(x, y, 0); got != x {
			t.Fatalf("Lerp at 0: %d, want %d", got, x)
		}
		if got := fixed.Lerp(x, y, fixed.One); got != y {
			t.Fatalf("Lerp at 1: %d, want %d", got, y)
		}
		at := fixed.Num(rapid.Int32Range(0, 1<<16).Draw(t, "t"))
		near("Lerp", fixed.Lerp(x, y, at), float(x)+(float(y)-float(x))*float(at))
		root := x.Sqrt()
		if x > 0 && (int64(root)*int64(root) > int64(x)<<16 || int64(root+1)*int64(root+1) <= int64(x)<<16) {
			t.Fatalf("Sqrt(%d) = %d is not the root rounded down", x, root)
		}
	})
}

func TestISqrt_isExactFloor(t *testing.T) {
	check := func(u uint64) {
		t.Helper()
		want := new(big.Int).Sqrt(new(big.Int).SetUint64(u)).Uint64()
		if got := fixed.ISqrt(u); uint64(got) != want {
			t.Fatalf("ISqrt(%d) = %d, want %d", u, got, want)
		}
	}
	for u := range uint64(1 << 16) {
		check(u)
	}
	for shift := range 64 {
		for d := range uint64(5) {
			check(1<<shift + d - 2)
		}
	}
	for root := uint64(1<<32 - 1); root > 1<<32-200; root-- {
		check(root * root)
		check(root*root - 1)
		check(root*root + 2*root)
	}
	rapid.Check(t, func(r *rapid.T) {
		root := rapid.Uint32().Draw(r, "root")
		square := uint64(root) * uint64(root)
		check(square)
		check(square - 1)
		check(square + uint64(root))
		check(rapid.Uint64().Draw(r, "u"))
	})
}

func TestFixed_doesNotAllocate(t *testing.T) {
	var sink fixed.Vec
	allocations := testing.AllocsPerRun(100, func() {
		v := fixed.FromAngle(fixed.Degrees(30), fixed.Int(10)).Rotate(7).Norm().ClampLen(fixed.One)
		sink = sink.Add(v.Scale(v.Len().Sqrt().Div(fixed.Int(3)))).Lerp(v, fixed.One/2)
		sink.X += fixed.Num(sink.Angle())
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
