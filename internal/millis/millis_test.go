package millis

import (
	"math"
	"testing"
	"time"
)

func TestOf_saturates(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Hour: 0, 0: 0, time.Millisecond - 1: 0, 1500 * time.Microsecond: 1, 30 * time.Second: 30_000,
		Longest: math.MaxInt32, Longest + time.Millisecond: math.MaxInt32,
		(1 << 32) * time.Millisecond: math.MaxInt32, math.MaxInt64: math.MaxInt32, math.MinInt64: 0,
	} {
		if got := Of(d); got != want {
			t.Errorf("%s is %d ms, want %d", d, got, want)
		}
	}
}
