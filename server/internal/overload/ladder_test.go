package overload

import (
	"math"
	"testing"
	"time"
)

const (
	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
	period      = 50 * millisecond
)

// walk keeps up a pressure for a time, looking every 50 ms, and returns the
// rungs that were stood on.
type walk struct {
	ladder Ladder
	now    int64
}

func (w *walk) hold(pressure float64, d time.Duration) []Rung {
	stood := []Rung{w.ladder.Rung()}
	for end := w.now + int64(d); w.now < end; {
		w.now += period
		if r := w.ladder.Observe(w.now, pressure, pressure); r != stood[len(stood)-1] {
			stood = append(stood, r)
		}
	}
	return stood
}

func want(t *testing.T, got []Rung, rungs ...Rung) {
	t.Helper()
	if len(got) != len(rungs) {
		t.Fatalf("stood on %v, want %v", got, rungs)
	}
	for i := range got {
		if got[i] != rungs[i] {
			t.Fatalf("stood on %v, want %v", got, rungs)
		}
	}
}

func TestLadder_climbsAndLeavesRungByRung(t *testing.T) {
	w := &walk{}
	want(t, w.hold(2, time.Minute), Calm, FarSlower, HalfRate, Dilated, NoMatches, NoJoins)
	want(t, w.hold(0.1, 9*time.Second), NoJoins, NoMatches, Dilated, HalfRate, FarSlower)
	want(t, w.hold(0.1, 2*time.Second), FarSlower, Calm)
	want(t, w.hold(0.1, time.Minute), Calm)
}

func TestLadder_eachRungHasItsOwnThresholds(t *testing.T) {
	for rung := FarSlower; rung < Rungs; rung++ {
		l := limits[rung]
		w := &walk{ladder: Ladder{rung: rung - 1, calm: calmFor}}
		w.hold(l.up-0.01, time.Minute)
		if got := w.ladder.Rung(); got != rung-1 {
			t.Errorf("%v is climbed below its threshold", rung)
		}
		w.hold(l.up, time.Duration(l.after)+2*time.Duration(period))
		if got := w.ladder.Rung(); got != rung {
			t.Errorf("at its threshold, %v is not climbed: standing on %v", rung, got)
		}
		w.hold((l.up+l.down)/2, time.Minute)
		if got := w.ladder.Rung(); got != rung {
			t.Errorf("between its thresholds, %v is not kept: standing on %v", rung, got)
		}
		w.hold(l.down, time.Duration(calmFor)+2*time.Duration(period))
		if got := w.ladder.Rung(); got != rung-1 {
			t.Errorf("at its lower threshold, %v is not left: standing on %v", rung, got)
		}
	}
}

func TestLimits_leaveRoomForWhatARungRelieves(t *testing.T) {
	for rung := FarSlower; rung < Rungs; rung++ {
		if l := limits[rung]; l.down >= l.up {
			t.Errorf("%v is climbed at %v and left at %v: it would flap", rung, l.up, l.down)
		}
		if rung > FarSlower && limits[rung].up < limits[rung-1].up {
			t.Errorf("%v is climbed at less than the rung below", rung)
		}
	}
}

// TestLadder_fullRateReturnsWhenThereIsTime: what ticks without a snapshot cost
// says little of it; a world's own work may be most of a match's.
func TestLadder_fullRateReturnsWhenThereIsTime(t *testing.T) {
	const snapshot = 0.5
	for _, c := range []struct {
		step   float64
		leaves bool
	}{{0.4, true}, {0.46, false}} {
		p, l, now := NewPressure(period), Ladder{rung: HalfRate, calm: calmFor}, int64(0)
		for tick := range 500 {
			now += period
			due := tick < 100 || tick%SnapshotEvery == 0 // from the full rate to half of it
			cost := c.step
			if due {
				cost += snapshot
			}
			p.Tick(now, now, now+int64(cost*float64(period)), due)
			if tick >= 100 {
				l.Observe(now, p.Value(), p.AtFullRate())
			}
		}
		if left := l.Rung() < HalfRate; left != c.leaves {
			t.Errorf("ticks of %v, with a snapshot %v: left the rung: %v", c.step, c.step+snapshot, left)
		}
	}
}

func TestLadder_peakIsNoOverload(t *testing.T) {
	w := &walk{}
	for range 20 {
		want(t, w.hold(3, 900*time.Millisecond), Calm)
		want(t, w.hold(0.5, 100*time.Millisecond), Calm)
	}
	w.hold(3, 1100*time.Millisecond)
	for range 20 { // calm, but never for long enough
		want(t, w.hold(0.1, 1900*time.Millisecond), FarSlower)
		want(t, w.hold(0.7, 100*time.Millisecond), FarSlower)
	}
}

// TestLadder_relapseDoublesTheWait: a rung that has to be climbed again at once is
// kept longer and longer; after a while without it, no longer than at first.
func TestLadder_relapseDoublesTheWait(t *testing.T) {
	w := &walk{}
	kept := func() time.Duration {
		w.hold(0.9, 2*time.Second)
		from := w.now
		for w.ladder.Rung() != Calm {
			w.hold(0.1, time.Duration(period))
		}
		return time.Duration(w.now - from).Round(time.Second)
	}
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 32} {
		if got := kept(); got != want*time.Second {
			t.Errorf("the rung was kept for %v, want %v", got, want*time.Second)
		}
	}
	w.hold(0.1, time.Minute)
	if got := kept(); got != 2*time.Second {
		t.Errorf("after a minute of calm the rung was kept for %v", got)
	}
}

func TestPressure_isTheShareOfThePeriodThatTicksTake(t *testing.T) {
	p := NewPressure(period)
	due := int64(0)
	for range 200 {
		due += period
		p.Tick(due, due, due+period*3/4, true)
	}
	if v := p.Value(); math.Abs(v-0.75) > 0.01 {
		t.Errorf("ticks of three quarters of a period: pressure %v", v)
	}
}

func TestPressure_countsLateStarts(t *testing.T) {
	p := NewPressure(period)
	due := int64(0)
	for range 200 {
		due += period
		p.Tick(due, due+period*9/10, due+period*9/10+1, true)
	}
	if v := p.Value(); math.Abs(v-0.9) > 0.01 {
		t.Errorf("ticks late by nine tenths of a period: pressure %v", v)
	}
}

func TestPressure_ownLongTicksAreNoWait(t *testing.T) {
	p := NewPressure(period)
	now := int64(0)
	for n := range int64(200) { // each tick begins when the last has ended
		p.Tick(n*period, now, now+2*period, true)
		now += 2 * period
	}
	if p.Wait() > 0.01 || math.Abs(p.Value()-2) > 0.01 {
		t.Errorf("ticks of two periods: pressure %v, of which wait %v", p.Value(), p.Wait())
	}
}

func TestPressure_oneStallHardlyCounts(t *testing.T) {
	p := NewPressure(period)
	p.Tick(period, 100*period, 200*period, true)
	if v := p.Value(); v > 0.2 {
		t.Errorf("after a stall of a hundred periods the pressure is %v", v)
	}
}

func TestWhole_bigMatchCountsByItsCores(t *testing.T) {
	for _, c := range []struct{ wait, worst, cpu, want float64 }{
		{wait: 0.1, worst: 2, cpu: 1, want: 2},       // alone on the only core
		{wait: 0.1, worst: 2, cpu: 0.05, want: 0.1},  // one core of many
		{wait: 1.2, worst: 1.3, cpu: 0.1, want: 1.2}, // starved by other processes
		{wait: 0.2, worst: 0.3, cpu: 1, want: 0.3},   // busy, but on time
	} {
		if got := whole(c.wait, c.worst, c.cpu); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("wait %v, worst %v, cpu %v: pressure %v, want %v", c.wait, c.worst, c.cpu, got, c.want)
		}
	}
}

func TestProcess_rungIsVisibleToMatches(t *testing.T) {
	var nobody *Process
	if nobody.Rung() != Calm {
		t.Error("without a process there is overload")
	}
	p := &Process{}
	for now := second; now < 4*second; now += period {
		p.Judge(now, Load{MeanWait: 1.1, Worst: 1.1})
	}
	if got := p.Rung(); got != HalfRate {
		t.Errorf("after three seconds of pressure matches see %v", got)
	}
}

// TestProcess_fullRateReturnsWhenAllMatchesHaveTime: none of them
// is late any more at half the rate, which says nothing of the full one.
func TestProcess_fullRateReturnsWhenAllMatchesHaveTime(t *testing.T) {
	p, now := &Process{}, int64(0)
	judge := func(l Load, d time.Duration) {
		for end := now + int64(d); now < end; {
			now += int64(JudgeEvery)
			p.Judge(now, l)
		}
	}
	judge(Load{MeanWait: 0.97, FullRate: 1.1}, 10*time.Second)
	judge(Load{MeanWait: 0.01, FullRate: 1.0}, time.Minute)
	if got := p.Rung(); got != HalfRate {
		t.Errorf("where the full rate would take all the time there is, the process stands on %v", got)
	}
	judge(Load{MeanWait: 0.01, FullRate: 0.85}, 20*time.Second)
	if got := p.Rung(); got != Calm {
		t.Errorf("with time for the full rate the process stands on %v", got)
	}
}

func TestProcess_judgeDoesNotAllocate(t *testing.T) {
	p, process, now := NewPressure(period), &Process{}, int64(1)
	if n := testing.AllocsPerRun(1000, func() {
		now += period
		p.Tick(now, now, now+period, true)
		process.Judge(now, Load{MeanWait: p.Value(), Worst: p.Value(), CPU: 1})
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
