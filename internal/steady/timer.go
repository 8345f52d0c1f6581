package steady

import (
	"sync"
	"time"
)

// Timer calls a function once, like one of [time.AfterFunc], when its time has passed
// by the process's clock. It is safe for concurrent use.
type Timer struct {
	clock *Clock
	f     func()

	mu      sync.Mutex
	due     int64
	waiting bool
	timer   *time.Timer
}

// AfterFunc waits and then calls f in its own goroutine.
func AfterFunc(d time.Duration, f func()) *Timer { return process.afterFunc(d, f) }

func (c *Clock) afterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{clock: c, f: f, due: c.Now() + int64(d), waiting: true}
	t.mu.Lock() // it may fire before t.timer is set
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(d, t.fire)
	return t
}

// fire calls the function. If the process stood still meanwhile, or the timer was
// reset, it waits for the rest of the time instead.
func (t *Timer) fire() {
	t.mu.Lock()
	left := t.due - t.clock.Now()
	over := t.waiting && left <= 0
	switch {
	case over:
		t.waiting = false
	case t.waiting:
		t.timer.Reset(time.Duration(left))
	}
	t.mu.Unlock()
	if over {
		t.f()
	}
}

// Stop prevents the call. It returns false if the function was called already or the
// timer was stopped before.
func (t *Timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	waited := t.waiting
	t.waiting = false
	return waited
}

// Reset restarts the timer with d. It returns whether the timer was waiting.
func (t *Timer) Reset(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	waited := t.waiting
	t.due, t.waiting = t.clock.Now()+int64(d), true
	t.timer.Reset(d)
	return waited
}

// After returns a channel that is closed when the time has passed, and a function that
// stops the wait.
func After(d time.Duration) (passed <-chan struct{}, stop func()) {
	c := make(chan struct{})
	t := AfterFunc(d, func() { close(c) })
	return c, func() { t.Stop() }
}
