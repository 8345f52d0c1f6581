package watchdog

import "sync/atomic"

// Turns are the turns of one match, one after the other, or its making. The zero value
// is not watched. Begin and End belong to the goroutine that has the turn, Hung is safe
// for concurrent use.
type Turns struct {
	// state is 2n between turns, of which n have ended, and 2n+1 during a turn.
	state    atomic.Uint64
	watchdog *Watchdog
	onHung   func()

	// Of the watchdog's checks, under its lock:
	last   uint64 // the state at the last check
	checks int    // consecutive, that saw the turn of last
}

// gaveUp is the state when a turn was given up; there is no further turn.
const gaveUp = 1 << 63

// Begin begins a turn.
func (t *Turns) Begin() { t.state.Add(1) }

// End ends a turn. It reports false when the turn was given up before: then nothing
// may come of it.
func (t *Turns) End() bool {
	if t.state.Add(1)&gaveUp == 0 {
		return true
	}
	t.watchdog.hanging.Add(-1)
	return false
}

// Hung reports whether a turn was given up.
func (t *Turns) Hung() bool { return t.state.Load()&gaveUp != 0 }

// seen counts a check, and reports whether the turn under way is over the limit of
// checks.
func (t *Turns) seen(limit int) bool {
	now := t.state.Load()
	if now != t.last || now%2 == 0 {
		t.last, t.checks = now, 0
		return false
	}
	t.checks++
	return t.checks >= limit
}

// giveUp gives up the turn of the last check, unless it has ended since.
func (t *Turns) giveUp() bool { return t.state.CompareAndSwap(t.last, t.last|gaveUp) }
