package steady

import (
	"sync"
	"time"
)

const (
	// wallInterval is the time between two checks of the wall clock.
	wallInterval = time.Second
	// jumpOver is how far the wall clock may move against the monotonic clock between
	// two checks before that counts as a jump. Time daemons slew by at most 1 ms a second.
	jumpOver = 2 * time.Second
	// JumpMemory is how long a jump is taken into account. Nothing that was issued for a
	// seat before a jump is needed for longer.
	JumpMemory = time.Minute
	// consistentWithin is how long a reading of both clocks may take.
	consistentWithin = 100 * time.Millisecond
)

// Jumps are the jumps of the wall clock so far.
type Jumps struct {
	Forward, Backward uint64
	// Last is the newest jump, positive if forward; Ago the time since. Both are 0
	// before the first.
	Last, Ago time.Duration
}

// WallClock finds jumps of the wall clock: a correction, an operator, or a machine that
// was suspended, for which the monotonic clock stands still. It is safe for concurrent
// use.
type WallClock struct {
	clock *Clock
	read  func() (wall time.Time, machine int64) // of one moment

	mu      sync.Mutex
	watched bool
	report  func(time.Duration)
	wall    time.Time // at the last check
	machine int64
	stood   int64

	leaps []leap
	jumps Jumps // without Ago
	last  int64 // time of the last jump, by clock
}

// leap is time that passed for the wall clock and not for the process.
type leap struct{ at, by int64 }

var processWall = &WallClock{clock: process, read: readClocks}

// Wall returns the wall clock of this process.
func Wall() *WallClock { return processWall }

// WatchWall makes the wall clock detect jumps from now on, and calls report with each:
// positive if forward. report may be called on any goroutine.
func WatchWall(report func(time.Duration)) {
	if !processWall.start(report) {
		return
	}
	var again *time.Timer
	again = time.AfterFunc(time.Hour, func() {
		processWall.Check()
		again.Reset(wallInterval)
	})
	again.Reset(wallInterval)
}

// start enables the detection. It returns false if it was enabled before.
func (w *WallClock) start(report func(time.Duration)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched {
		return false
	}
	w.watched, w.report = true, report
	w.clock.Now() // what stood still before does not count
	w.wall, w.machine = w.read()
	w.stood = w.clock.StoodStill()
	return true
}

// Check compares the clocks.
func (w *WallClock) Check() {
	w.mu.Lock()
	by, report := w.checkLocked(), w.report
	w.mu.Unlock()
	if by != 0 {
		report(by)
	}
}

// checkLocked returns a jump since the last check, or 0.
func (w *WallClock) checkLocked() (jump time.Duration) {
	if !w.watched {
		return 0
	}
	now := w.clock.Now() // first, for it notices that the process stood still
	wall, machine := w.read()
	if d := wall.Sub(w.wall) - time.Duration(machine-w.machine); d.Abs() > jumpOver {
		jump = d
	}
	stood := w.clock.StoodStill()
	forward := max(jump, 0) + time.Duration(stood-w.stood)
	w.wall, w.machine, w.stood = wall, machine, stood
	kept := w.leaps[:0]
	for _, l := range w.leaps {
		if now-l.at < int64(JumpMemory) {
			kept = append(kept, l)
		}
	}
	w.leaps = kept
	if forward > 0 {
		w.leaps = append(w.leaps, leap{now, int64(forward)})
	}
	switch {
	case jump > 0:
		w.jumps.Forward++
	case jump < 0:
		w.jumps.Backward++
	}
	if jump != 0 {
		w.jumps.Last, w.last = jump, now
	}
	return jump
}

// Lenient returns the wall clock's time for checks of expiry. It leaves out what the
// clock jumped forward in the last [JumpMemory], and the time for which the process
// stood still: what was valid before has not expired by a jump. A jump backward
// is not left out, since what is issued after it expires earlier.
func (w *WallClock) Lenient() time.Time {
	w.Check()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.watched {
		return time.Now()
	}
	wall, _ := w.read()
	for _, l := range w.leaps {
		wall = wall.Add(-time.Duration(l.by))
	}
	return wall
}

// Jumps returns the jumps so far.
func (w *WallClock) Jumps() Jumps {
	w.Check()
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jumps
	if j.Last != 0 {
		j.Ago = time.Duration(w.clock.Now() - w.last)
	}
	return j
}

var wallBase = time.Now()

// readClocks reads both clocks. A process that is interrupted between the two readings
// would see a jump, so it reads again then. The returned time has no monotonic part.
func readClocks() (wall time.Time, machine int64) {
	before := time.Now()
	for {
		now := time.Now()
		if now.Sub(before) < consistentWithin {
			return now.Round(0), int64(now.Sub(wallBase))
		}
		before = now
	}
}
