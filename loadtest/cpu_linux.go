package loadtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go runs on (proc_pid_stat(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// errStat is returned for a stat file of an unknown shape.
var errStat = errors.New("loadtest: unexpected /proc/PID/stat")

// serverCPU returns the user and system time of all threads of a process, 0 for pid 0.
func serverCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("server pid: %w", err)
	}
	return parseStat(stat)
}

// parseStat reads utime and stime, fields 14 and 15. The second field, the
// program's name in parentheses, may hold any text, parentheses too.
func parseStat(stat []byte) (time.Duration, error) {
	const afterName, utime = 3, 14
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= utime+1-afterName {
		return 0, errStat
	}
	var ticks int64
	for _, field := range fields[utime-afterName : utime-afterName+2] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errStat, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// ownCPU returns the user and system time of this process.
func ownCPU() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// WatchStolen begins to measure the share of the machine's CPU time that its host gives
// to other machines. The function that it returns returns the share since then, from 0
// to 1. It is 0 without a host, or if the host does not report it.
func WatchStolen() (share func() float64) {
	start, before := time.Now(), stolenCPU()
	return func() float64 {
		after := stolenCPU()
		span := time.Since(start) * time.Duration(after.processors)
		if span <= 0 {
			return 0
		}
		return float64(after.time-before.time) / float64(span)
	}
}

// stolen is the time taken from all processors since the machine started.
type stolen struct {
	time       time.Duration
	processors int
}

func stolenCPU() stolen {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return stolen{}
	}
	return parseStolen(stat)
}

// parseStolen reads the eighth number of the first line, and counts the lines of
// processors that follow it (proc_stat(5)).
func parseStolen(stat []byte) (s stolen) {
	const steal = 8
	for line := range bytes.Lines(stat) {
		fields := bytes.Fields(line)
		switch {
		case len(fields) <= steal || !bytes.HasPrefix(fields[0], []byte("cpu")):
			return s
		case string(fields[0]) != "cpu":
			s.processors++
			continue
		}
		n, err := strconv.ParseInt(string(fields[steal]), 10, 64)
		if err != nil {
			return s
		}
		s.time = time.Duration(n) * clockTick
	}
	return s
}
