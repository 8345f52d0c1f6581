package driver

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

// sleeper is what runs under a hibernation: it looks at what was posted and sleeps.
type sleeper struct {
	t            *testing.T
	h            hibernation
	wait         time.Duration
	posted, seen atomic.Int64
	running      atomic.Int32
	spin         atomic.Int32
	runs         int // unguarded: the race detector sees two owners
}

func newSleeper(t *testing.T, wait time.Duration) *sleeper {
	t.Helper()
	s := &sleeper{t: t, wait: wait}
	s.h.init(s.run)
	return s
}

func (s *sleeper) run() {
	if s.running.Add(1) != 1 {
		s.t.Error("two goroutines own the match")
	}
	for {
		s.h.clear()
		s.seen.Store(s.posted.Load())
		s.runs++
		for range s.runs % 512 { // so that wake-ups meet each line of enter
			s.spin.Add(1)
		}
		s.running.Add(-1) // enter may give the match away
		if s.h.enter(int64(s.wait)) {
			return
		}
		if s.running.Add(1) != 1 {
			s.t.Error("two goroutines own the match")
		}
	}
}

// TestHibernation_losesNoWakeUp: a wake-up that comes after the first look at the
// channel, and before the match is asleep, keeps it awake.
func TestHibernation_losesNoWakeUp(t *testing.T) {
	s := newSleeper(t, time.Hour)
	s.h.beforeSleep = s.h.wake
	if s.h.enter(int64(s.wait)) {
		t.Error("the wake-up was lost")
	}
	if s.h.asleep.Load() {
		t.Error("a match that is awake counts as asleep")
	}
}

// TestHibernation_seesWhatIsPosted while the match falls asleep, though its timer is
// far.
func TestHibernation_seesWhatIsPosted(t *testing.T) {
	s := newSleeper(t, time.Hour)
	s.run()
	rounds := int64(50_000)
	if testing.Short() {
		rounds = 10_000
	}
	deadline := time.Now().Add(time.Minute)
	for n := int64(1); n <= rounds; n++ {
		s.posted.Store(n)
		s.h.wake()
		for s.seen.Load() != n {
			if time.Now().After(deadline) {
				t.Fatalf("wake-up %d was lost", n)
			}
			runtime.Gosched()
		}
	}
}

// TestHibernation_hasOneOwner: the timer and wake-ups come at the same moments.
func TestHibernation_hasOneOwner(t *testing.T) {
	s := newSleeper(t, time.Microsecond)
	s.run()
	stop := time.Now().Add(200 * time.Millisecond)
	for time.Now().Before(stop) {
		s.h.wake()
		runtime.Gosched()
	}
	s.h.timer.Stop()
	for !s.h.asleep.CompareAndSwap(true, false) { // the test owns it now
		runtime.Gosched()
	}
}

func TestHibernation_timerEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSleeper(t, time.Second)
		s.run()
		testtime.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if s.runs != 4 {
			t.Errorf("%d turns in three and a half seconds, want 4", s.runs)
		}
		s.h.timer.Stop()
	})
}

func TestHibernation_doesNotBeginWhenDue(t *testing.T) {
	s := newSleeper(t, time.Hour)
	if s.h.enter(0) {
		t.Error("a match that is due hibernates")
	}
	s.h.wake()
	if s.h.enter(int64(time.Hour)) {
		t.Error("a match that was woken hibernates")
	}
}
