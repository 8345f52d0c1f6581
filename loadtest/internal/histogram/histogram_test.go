package histogram

import (
	"testing"
	"time"
)

func TestTimes_clampsToRange(t *testing.T) {
	times := New()
	times.Record(-5)
	times.Record(int64(time.Hour))
	if times.Count() != 2 || times.Micros(1) != 1 || times.Micros(100) < longest*999/1000 {
		t.Errorf("%d times from %d to %d us", times.Count(), times.Micros(1), times.Micros(100))
	}
}

func TestTimes_countsGapForEveryEventHeldUp(t *testing.T) {
	times := New()
	times.RecordGap(int64(time.Second), int64(100*time.Millisecond))
	if n, half := times.Count(), times.Millis(50); n != 10 || half < 499 || half > 501 {
		t.Errorf("%d times, median %v ms; want 10 of 100 ms to 1 s", n, half)
	}
}

func TestTimes_isZeroWithoutTimes(t *testing.T) {
	times := New()
	if ms := times.Millis(99); ms != 0 {
		t.Errorf("got %v ms", ms)
	}
	other := New()
	other.Record(int64(time.Millisecond))
	times.Merge(other)
	if ms := times.Millis(99); ms < 0.999 || ms > 1.001 {
		t.Errorf("after a merge: %v ms, want 1", ms)
	}
}
