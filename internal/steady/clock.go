// Package steady measures time that stands still while the process does: under
// SIGSTOP, in a suspended or migrated virtual machine, on a host that gives it no
// processor. Whoever waits for somebody by it does not hold its own absence
// against them.
//
// A process stands still as a whole, so there is one clock for all of it. It runs
// like any other until [Watch] is called.
package steady

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is the time between two looks at the machine's clock.
	lookEvery = 500 * time.Millisecond
	// stillAfter is how long nobody has to have looked for the process to have
	// stood still. Looks are late under load, too, but hardly by tens of
	// milliseconds: goroutines that compute are interrupted.
	stillAfter = 3 * lookEvery
)

// Clock is a clock that leaves out when the process stood still.
type Clock struct {
	machine func() int64 // monotonic, in nanoseconds

	watched atomic.Bool
	left    atomic.Int64 // out of the time, so far
	looked  atomic.Int64 // when, by the machine's clock

	mu sync.Mutex // held to change any of these
}

var process = newClock()

func newClock() *Clock {
	start := time.Now()
	return &Clock{machine: func() int64 { return int64(time.Since(start)) + 1 }}
}

// Process returns the clock of this process.
func Process() *Clock { return process }

// Watch makes the process's clock notice from now on when it stands still, and
// report for how long it did.
func Watch(report func(time.Duration)) { process.watch(report) }

func (c *Clock) watch(report func(time.Duration)) {
	if !c.begin() {
		return
	}
	reported := c.StoodStill()
	var again *time.Timer
	again = time.AfterFunc(time.Hour, func() {
		c.look()
		if left := c.StoodStill(); left > reported {
			report(time.Duration(left - reported))
			reported = left
		}
		again.Reset(lookEvery)
	})
	again.Reset(lookEvery)
}

// begin lets looks count; it reports false when they do already.
func (c *Clock) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched.Load() {
		return false
	}
	c.looked.Store(c.machine())
	c.watched.Store(true)
	return true
}

// look notes that the process runs, and how long it did not.
func (c *Clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.machine()
	if gap := now - c.looked.Load(); gap > int64(stillAfter) {
		c.left.Add(gap - int64(lookEvery)) // that much of it was to be expected
	}
	c.looked.Store(now)
}

// Now is the time in nanoseconds, greater than 0. It never goes back, and neither
// waits nor allocates.
func (c *Clock) Now() int64 {
	for {
		left := c.left.Load()
		now := c.machine()
		if c.watched.Load() && now-c.looked.Load() > int64(lookEvery) {
			// A caller shows that the process runs. The next look leaves out all but
			// lookEvery since this one, so no time beyond that may be reported before it.
			c.look()
		} else if c.left.Load() == left {
			return now - left
		}
	}
}

// StoodStill is for how long the process has stood still so far, in nanoseconds.
// It is no older than the last Now of the same goroutine.
func (c *Clock) StoodStill() int64 { return c.left.Load() }

// Now is the process's time in nanoseconds, see [Clock].
func Now() int64 { return process.Now() }

// Since is the time that has passed since a Now.
func Since(then int64) time.Duration { return time.Duration(process.Now() - then) }

// StoodStill is for how long the process has stood still so far.
func StoodStill() time.Duration {
	process.Now()
	return time.Duration(process.StoodStill())
}
