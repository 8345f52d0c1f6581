package fixed_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"tactus/game/fixed"
)

func radians(a fixed.Angle) float64 { return float64(a) * 2 * math.Pi / 65536 }

func TestSin_errorForEveryAngle(t *testing.T) {
	var worst float64
	for a := range fixed.Turn {
		sin, cos := fixed.SinCos(a)
		worst = max(worst, math.Abs(float(sin)-math.Sin(radians(a))), math.Abs(float(cos)-math.Cos(radians(a))))
		if sin != fixed.Sin(a) || cos != fixed.Cos(a) {
			t.Fatalf("SinCos(%d) is not Sin and Cos", a)
		}
		if fixed.Sin(-a) != -sin || fixed.Sin(fixed.Turn/2-a) != sin || fixed.Sin(a+3*fixed.Turn) != sin {
			t.Fatalf("sine is not odd, mirrored and periodic at %d", a)
		}
	}
	if worst >= unit {
		t.Errorf("largest error %v units, stated is below 1", worst/unit)
	}
	if fixed.Sin(fixed.Turn/4) != fixed.One || fixed.Cos(fixed.Turn/2) != -fixed.One || fixed.Sin(0) != 0 {
		t.Error("sine is not exact at the quarters")
	}
}

func TestAtan2_error(t *testing.T) {
	check := func(y, x fixed.Num) {
		t.Helper()
		got := fixed.Atan2(y, x)
		if got != got.Wrap() {
			t.Fatalf("Atan2(%d, %d) = %d is not in 0 to 65535", y, x, got)
		}
		want := math.Atan2(float64(y), float64(x)) * 65536 / (2 * math.Pi)
		if off := math.Abs(math.Remainder(float64(got)-want, 65536)); off >= 0.6 {
			t.Fatalf("Atan2(%d, %d) = %d, want %v: %v units off, stated is below 0.6", y, x, got, want, off)
		}
	}
	for y := fixed.Num(-40); y <= 40; y++ {
		for x := fixed.Num(-40); x <= 40; x++ {
			check(y, x)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(nums().Draw(t, "y"), nums().Draw(t, "x")) })
	for i, v := range []fixed.Vec{{X: 9}, {X: 9, Y: 9}, {Y: 9}, {X: -9, Y: 9}, {X: -9}, {X: -9, Y: -9}, {Y: -9}, {X: 9, Y: -9}} {
		if got, want := v.Angle(), fixed.Turn/8*fixed.Angle(i); got != want {
			t.Errorf("direction of %v is %d, want %d", v, got, want)
		}
	}
	if fixed.Atan2(0, 0) != 0 {
		t.Error("Atan2(0, 0) is not 0")
	}
}

func TestAngle_arithmetic(t *testing.T) {
	for _, c := range []struct{ a, b, want fixed.Angle }{
		{10, 65530, 16}, {65530, 10, -16}, {32768, 0, -32768}, {0, 32768, -32768}, {-1, 65535, 0}, {5 * fixed.Turn, 3, -3},
	} {
		if got := c.a.Diff(c.b); got != c.want {
			t.Errorf("%d.Diff(%d) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := (c.b + c.a.Diff(c.b)).Wrap(); got != c.a.Wrap() {
			t.Errorf("%d + Diff does not lead to %d", c.b, c.a)
		}
	}
	if fixed.Degrees(90) != fixed.Turn/4 || fixed.Degrees(-720) != -2*fixed.Turn || fixed.Degrees(1) != 182 {
		t.Error("Degrees is wrong")
	}
	if fixed.Angle(-1).Wrap() != 65535 || (fixed.Turn+3).Wrap() != 3 {
		t.Error("Wrap is wrong")
	}
}
