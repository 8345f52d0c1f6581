package queue

import (
	"testing"
	"time"
)

func TestWaits_estimateIsAboveTheWaitSoFar(t *testing.T) {
	var w waits
	if p50, p90 := w.estimate(0); p50 != 0 || p90 != 0 {
		t.Errorf("%s and %s from nothing", p50, p90)
	}
	for n := range 10 {
		w.observe(time.Duration(10-n) * time.Second)
	}
	for _, tt := range []struct{ waited, p50, p90 time.Duration }{
		{0, 6, 10}, {1, 6, 10}, {5, 8, 10}, {8, 10, 10}, {9, 10, 10}, {10, 0, 0}, {100, 0, 0},
	} {
		p50, p90 := w.estimate(tt.waited * time.Second)
		if p50 != tt.p50*time.Second || p90 != tt.p90*time.Second {
			t.Errorf("after %d s: %s and %s, want %d s and %d s", tt.waited, p50, p90, tt.p50, tt.p90)
		}
	}
}
