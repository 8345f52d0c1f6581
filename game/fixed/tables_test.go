package fixed

import (
	"math"
	"testing"
)

func TestTables_equalFormulas(t *testing.T) {
	for i := range sineTable {
		if want := int32(math.Round(math.Sin(float64(i)*math.Pi/512) * (1 << 30))); sineTable[i] != want {
			t.Errorf("sineTable[%d] = %d, want %d", i, sineTable[i], want)
		}
		if want := int32(math.Round(math.Atan(float64(i)/256) / (2 * math.Pi) * (1 << 32))); arcTable[i] != want {
			t.Errorf("arcTable[%d] = %d, want %d", i, arcTable[i], want)
		}
	}
}

func BenchmarkISqrt(b *testing.B) {
	var sum uint32
	for i := range b.N {
		sum += ISqrt(uint64(i) * 0x9e3779b97f4a7c15)
	}
	if sum == 1 {
		b.Log(sum)
	}
}

func BenchmarkNorm(b *testing.B) {
	v := Vec{One, One}
	for i := range b.N {
		v = v.Norm().Add(Vec{Num(i), One})
	}
	if v.X == 1 {
		b.Log(v)
	}
}

func BenchmarkSinCos(b *testing.B) {
	var sum Num
	for i := range b.N {
		s, c := SinCos(Angle(i * 7))
		sum += s + c
	}
	if sum == 1 {
		b.Log(sum)
	}
}

func BenchmarkAtan2(b *testing.B) {
	var sum Angle
	for i := range b.N {
		sum += Atan2(Num(i*77), Num(i*13-100000))
	}
	if sum == 1 {
		b.Log(sum)
	}
}
