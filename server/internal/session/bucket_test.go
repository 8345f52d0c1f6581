package session

import "testing"

func TestBucket_givesBurstThenRate(t *testing.T) {
	r := rate{burst: 5, every: 100}
	taken := func(b *bucket, now int64) (n int) {
		for b.allow(r, now) {
			n++
		}
		return n
	}
	b := fullBucket(r, 10)
	for _, step := range []struct {
		now  int64
		want int
	}{
		{10, 5},         // full at first
		{109, 0},        // not a moment early
		{110, 1},        // one for each interval
		{360, 2},        // what is begun counts on
		{410, 1},        //
		{99_000, 5},     // never more than the burst
		{1 << 40, 5},    //
		{1<<40 + 50, 0}, //
	} {
		if got := taken(&b, step.now); got != step.want {
			t.Errorf("at %d: %d tokens, want %d", step.now, got, step.want)
		}
	}
}
