package watchdog

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

const limit = 5 * CheckEvery

func watched(cfg Config) (w *Watchdog, t *Turns, hung *int) {
	w, t, hung = New(cfg), &Turns{}, new(int)
	w.Watch(t, func() { *hung++ })
	return w, t, hung
}

func check(w *Watchdog, times int) {
	for range times {
		w.Check()
	}
}

func TestWatchdog_givesUpTurnsOverTheLimit(t *testing.T) {
	w, turns, hung := watched(Config{Limit: limit})
	for range 20 { // short turns, seen in different phases
		turns.Begin()
		w.Check()
		if !turns.End() {
			t.Fatal("a short turn was given up")
		}
	}
	check(w, 100) // between turns
	turns.Begin()
	check(w, 5)
	if *hung != 0 || turns.Hung() {
		t.Fatal("given up within the limit")
	}
	w.Check()
	if *hung != 1 || !turns.Hung() || w.Hanging() != 1 {
		t.Fatalf("reported %d times, %d hang", *hung, w.Hanging())
	}
	check(w, 10)
	if *hung != 1 {
		t.Errorf("reported %d times", *hung)
	}
	if turns.End() || w.Hanging() != 0 {
		t.Error("a turn that was given up has effects")
	}
}

// A turn either ends in time or is given up, never both.
func TestTurns_endInTimeOrAreGivenUp(t *testing.T) {
	for range 300 {
		w, turns, hung := watched(Config{Limit: CheckEvery})
		turns.Begin()
		w.Check()
		var ended bool
		var wg sync.WaitGroup
		wg.Go(func() { ended = turns.End() })
		wg.Go(w.Check)
		wg.Wait()
		if ended == (*hung == 1) {
			t.Fatalf("ended in time: %v, given up %d times", ended, *hung)
		}
	}
}

func TestWatchdog_stoppedProcessAccusesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, turns, hung := watched(Config{Limit: limit})
		done := make(chan struct{})
		defer close(done)
		turns.Begin()
		// The process is stopped: it makes no check, whatever the clocks say.
		testtime.Sleep(time.Hour)
		check(w, 2)
		if *hung != 0 {
			t.Fatal("a turn is to blame for the time in which the process was stopped")
		}
		go w.Run(done)
		testtime.Sleep(limit)
		synctest.Wait()
		if *hung != 1 {
			t.Error("a turn that hangs while the process runs is not given up")
		}
	})
}

func TestWatchdog_waitsForDebuggers(t *testing.T) {
	debugged := true
	w, turns, hung := watched(Config{Limit: limit, Debugged: func() bool { return debugged }})
	turns.Begin()
	check(w, 100)
	if *hung != 0 {
		t.Fatal("given up at a breakpoint")
	}
	debugged = false
	check(w, 10)
	if *hung != 1 {
		t.Error("not given up without a debugger")
	}
}

func TestWatchdog_forgetsTurns(t *testing.T) {
	w, turns, hung := watched(Config{Limit: limit})
	turns.Begin()
	w.Forget(turns)
	if check(w, 100); *hung != 0 {
		t.Error("given up, though nothing watches it")
	}
}

func TestWatchdog_withoutLimitWatchesNothing(t *testing.T) {
	w, turns, hung := watched(Config{Limit: -1})
	turns.Begin()
	w.Run(nil) // returns
	if *hung != 0 {
		t.Error("given up without a limit")
	}
}

func TestStacks_culpritIsFirst(t *testing.T) {
	w := New(Config{Limit: limit})
	name, wake := make(chan string), make(chan struct{})
	defer close(wake)
	go culprit(name, wake)
	stacks := string(w.Stacks(<-name))
	if first, _, _ := strings.Cut(stacks, "\n\n"); !strings.Contains(first, "watchdog.culprit(") {
		t.Errorf("first is\n%s", first)
	}
	if again := w.Stacks(""); len(again) > 100 {
		t.Errorf("read again within a minute: %d bytes", len(again))
	}
}

func culprit(name chan<- string, wake <-chan struct{}) {
	name <- Goroutine()
	<-wake
}
