package timingwheel

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The wheel agrees with a list that is searched, for times that are set, set again
// and removed, also far ahead and after a long pause.
func TestWheel_returnsDueNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w Wheel
	want := map[int32]int64{}
	now, returned := int64(0), 0
	for range 20_000 {
		number := int32(r.IntN(50))
		switch r.IntN(4) {
		case 0:
			w.Remove(number)
			delete(want, number)
		default:
			at := now + r.Int64N(int64(40*time.Millisecond)) - int64(5*time.Millisecond)
			if r.IntN(20) == 0 {
				at += int64(time.Second) // goes round several times
			}
			at = max(at, 0)
			w.Set(number, at)
			want[number] = at
		}
		switch r.IntN(100) {
		case 0:
			now += r.Int64N(int64(2 * time.Second))
		default:
			now += r.Int64N(int64(3 * time.Millisecond))
		}
		var due []int32
		for n, at := range want {
			if at <= now {
				due = append(due, n)
				delete(want, n)
			}
		}
		got := slices.Clone(w.Due(now))
		slices.Sort(due)
		slices.Sort(got)
		if !slices.Equal(due, got) {
			t.Fatalf("due at %v: %v, want %v", time.Duration(now), got, due)
		}
		returned += len(got)
		soonest := now + int64(100*time.Millisecond)
		for _, at := range want {
			soonest = min(soonest, at)
		}
		if next := w.Next(now + int64(100*time.Millisecond)); next != soonest {
			t.Fatalf("the next is due at %v, want %v", time.Duration(next), time.Duration(soonest))
		}
	}
	if returned < 1000 {
		t.Errorf("only %d were ever due", returned)
	}
}
