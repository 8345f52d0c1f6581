// Package steady measures time that stands still while the process does: under
// SIGSTOP, in a suspended or migrated virtual machine, on a host that gives it no
// processor. A deadline by this clock does not expire for a client because the
// process itself was absent.
//
// A process stands still as a whole, so it has one clock. Until [Watch] is called,
// the clock runs like any other.
package steady

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkInterval is the time between two checks of the machine's clock.
	checkInterval = 500 * time.Millisecond
	// standstillAfter is the time without a check after which the process is taken
	// to have stood still. Checks are late under load, too, but hardly by tens of
	// milliseconds: goroutines that compute are interrupted.
	standstillAfter = 3 * checkInterval
)

// Clock is a clock that leaves out the time in which the process stood still. It is
// safe for concurrent use.
type Clock struct {
	machine func() int64 // monotonic, in nanoseconds

	watched atomic.Bool
	stood   atomic.Int64 // nanoseconds left out so far
	checked atomic.Int64 // time of the last check, by the machine's clock

	mu sync.Mutex // held to change any of these
}

var process = newClock()

func newClock() *Clock {
	start := time.Now()
	return &Clock{machine: func() int64 { return int64(time.Since(start)) + 1 }}
}

// Process returns the clock of this process.
func Process() *Clock { return process }

// Watch makes the process's clock detect standstills from now on, and calls report with
// the length of each.
func Watch(report func(time.Duration)) { process.watch(report) }

func (c *Clock) watch(report func(time.Duration)) {
	if !c.startObserving() {
		return
	}
	reported := c.StoodStill()
	var again *time.Timer
	again = time.AfterFunc(time.Hour, func() {
		c.observe()
		if total := c.StoodStill(); total > reported {
			report(time.Duration(total - reported))
			reported = total
		}
		again.Reset(checkInterval)
	})
	again.Reset(checkInterval)
}

// startObserving enables standstill detection. It returns false if it was enabled before.
func (c *Clock) startObserving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched.Load() {
		return false
	}
	c.checked.Store(c.machine())
	c.watched.Store(true)
	return true
}

// observe records that the process runs, and how long it did not.
func (c *Clock) observe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.machine()
	if gap := now - c.checked.Load(); gap > int64(standstillAfter) {
		c.stood.Add(gap - int64(checkInterval)) // the expected part of the gap
	}
	c.checked.Store(now)
}

// Now returns the time in nanoseconds, greater than 0. It never goes back. It neither
// waits nor allocates.
func (c *Clock) Now() int64 {
	for {
		stood := c.stood.Load()
		now := c.machine()
		if c.watched.Load() && now-c.checked.Load() > int64(checkInterval) {
			// A caller shows that the process runs. The next check leaves out all but
			// checkInterval since this one, so no time beyond that may be returned before it.
			c.observe()
		} else if c.stood.Load() == stood {
			return now - stood
		}
	}
}

// StoodStill returns the time, in nanoseconds, for which the process has stood still so
// far. It is no older than the last Now of the same goroutine.
func (c *Clock) StoodStill() int64 { return c.stood.Load() }

// Now returns the process's time in nanoseconds, see [Clock].
func Now() int64 { return process.Now() }

// Since returns the time that has passed since then, a value of [Now].
func Since(then int64) time.Duration { return time.Duration(process.Now() - then) }

// StoodStill returns the time for which the process has stood still so far.
func StoodStill() time.Duration {
	process.Now()
	return time.Duration(process.StoodStill())
}
