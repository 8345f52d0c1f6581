package steady

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// handClock is a clock whose machine's time the test moves.
func handClock(at time.Duration) (*Clock, *atomic.Int64) {
	var machine atomic.Int64
	machine.Store(int64(at))
	return &Clock{machine: machine.Load}, &machine
}

func TestClock_standsStillWithTheProcess(t *testing.T) {
	c, machine := handClock(time.Hour)
	c.startObserving()
	pass := func(d time.Duration) { machine.Add(int64(d)) }
	want := func(what string, now, still time.Duration) {
		t.Helper()
		if got := time.Duration(c.Now()); got != now {
			t.Errorf("%s: %v, want %v", what, got, now)
		}
		if got := time.Duration(c.StoodStill()); got != still {
			t.Errorf("%s: stood still for %v, want %v", what, got, still)
		}
	}
	pass(time.Second)
	want("a look that is late", time.Hour+time.Second, 0)
	c.observe()
	pass(9 * time.Second)
	want("after nine seconds without a look", time.Hour+time.Second+checkInterval, 9*time.Second-checkInterval)
	want("asked again", time.Hour+time.Second+checkInterval, 9*time.Second-checkInterval)
	pass(20 * time.Second)
	c.observe()
	want("after twenty more, noticed by a look", time.Hour+time.Second+2*checkInterval, 29*time.Second-2*checkInterval)
	pass(standstillAfter)
	want("as late as it may be", time.Hour+time.Second+2*checkInterval+standstillAfter, 29*time.Second-2*checkInterval)
}

func TestClock_runsUntilWatched(t *testing.T) {
	c, machine := handClock(time.Second)
	machine.Add(int64(time.Hour))
	if got := time.Duration(c.Now()); got != time.Hour+time.Second || c.StoodStill() != 0 {
		t.Errorf("%v, stood still for %d", got, c.StoodStill())
	}
	c.startObserving()
	if got := time.Duration(c.Now()); got != time.Hour+time.Second {
		t.Errorf("time before it is watched counts: %v", got)
	}
}

// TestClock_neverGoesBack: whoever is first to ask after a pause notices it.
func TestClock_neverGoesBack(t *testing.T) {
	c, machine := handClock(time.Second)
	c.startObserving()
	const pauses = 500
	end := time.Second + pauses*checkInterval
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := c.Now()
			for range 20_000 {
				now := c.Now()
				if now < last || now > int64(end) {
					t.Errorf("from %d to %d, of at most %d", last, now, end)
					return
				}
				last = now
			}
		})
	}
	for range pauses {
		machine.Add(int64(10 * time.Second))
		c.observe()
	}
	wg.Wait()
	if now := c.Now(); now != int64(end) {
		t.Errorf("at the end %d, want %d", now, end)
	}
}

// TestClock_pauseLeavesOutNothingReported: somebody asked while the look was late, and
// the process stood still after that.
func TestClock_pauseLeavesOutNothingReported(t *testing.T) {
	c, machine := handClock(time.Second)
	c.startObserving()
	machine.Add(int64(standstillAfter - time.Millisecond))
	before := c.Now()
	if want := int64(time.Second + standstillAfter - time.Millisecond); before != want {
		t.Errorf("a late look: %d, want %d", before, want)
	}
	machine.Add(int64(2 * time.Millisecond))
	if now := c.Now(); now != before+int64(2*time.Millisecond) || c.StoodStill() != 0 {
		t.Errorf("%v later: %v, stood still for %v", 2*time.Millisecond, time.Duration(now-before), time.Duration(c.StoodStill()))
	}
}

func TestTimer_waitsForTheRest(t *testing.T) {
	c, machine := handClock(time.Second)
	c.startObserving()
	called := make(chan time.Duration, 1)
	tm := &Timer{clock: c, f: func() { called <- time.Duration(c.Now()) }, due: c.Now() + int64(5*time.Second), waiting: true}
	tm.timer = time.AfterFunc(time.Hour, tm.fire)
	defer tm.Stop()
	machine.Add(int64(time.Minute))
	tm.fire()
	select {
	case at := <-called:
		t.Fatalf("called at %v, though the process stood still", at)
	default:
	}
	if !tm.timer.Stop() {
		t.Fatal("it does not wait for the rest")
	}
	for c.Now() < tm.due {
		machine.Add(int64(checkInterval))
		c.observe()
	}
	tm.fire()
	if len(called) != 1 {
		t.Fatal("not called when its time had passed")
	}
}

func TestTimer_callsOnce(t *testing.T) {
	passed, stop := After(time.Millisecond)
	defer stop()
	<-passed
	tm := AfterFunc(time.Hour, func() { t.Error("called though stopped") })
	if !tm.Stop() || tm.Stop() {
		t.Error("a timer that waited can be stopped once")
	}
	called := make(chan struct{})
	tm = AfterFunc(time.Hour, func() { close(called) })
	tm.Reset(0)
	<-called
}

func TestClock_doesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Now() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
