package scheduler

import (
	"time"

	"tactus/internal/steady"
)

// Clock is the time of a Scheduler and its tasks; tests inject their own.
type Clock interface {
	// Now is a monotonic time in nanoseconds. It stops while the process is
	// suspended.
	Now() int64
	// StoodStill is for how long the process was suspended so far, in nanoseconds,
	// as of the last Now.
	StoodStill() int64
	// SleepUntil waits until Now is at least t, or until wake receives a value. One
	// goroutine calls it at a time.
	SleepUntil(t int64, wake <-chan struct{})
}

// SystemClock returns the clock of the process, starting at 1. The process's own
// time is negative in a test that has synthetic time.
func SystemClock() Clock {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &systemClock{start: steady.Now() - 1, timer: t}
}

type systemClock struct {
	start int64
	timer *time.Timer
}

func (c *systemClock) Now() int64 { return steady.Now() - c.start }

func (c *systemClock) StoodStill() int64 { return steady.Process().StoodStill() }

func (c *systemClock) SleepUntil(t int64, wake <-chan struct{}) {
	wait := t - c.Now()
	if wait <= 0 {
		return
	}
	c.timer.Reset(time.Duration(wait))
	select {
	case <-c.timer.C:
	case <-wake:
		c.timer.Stop()
	}
}
