//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// usage is the CPU time of a process since it started. all is exact. The kernel gives
// the parts in hundredths of a second.
type usage struct {
	at                time.Time
	all, user, system time.Duration
}

func takeUsage(pid int) (u usage, err error) {
	var t unix.Timespec
	if err := unix.ClockGettime(processClock(pid), &t); err != nil {
		return u, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	u.at, u.all = time.Now(), time.Duration(t.Nano())
	u.user, u.system, err = cpuTimes(pid)
	return u, err
}

// processClock returns the clock of a process's CPU time (clock_getcpuclockid(3)).
func processClock(pid int) int32 {
	const scheduled = 2 // counted by the scheduler, in nanoseconds
	return int32(^pid)<<3 | scheduled
}
