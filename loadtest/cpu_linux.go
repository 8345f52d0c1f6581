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

// clockTick is what /proc/PID/stat counts in: USER_HZ, which is 100 on every
// architecture that Go runs on (proc_pid_stat(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// errStat is returned for a stat file of an unknown shape.
var errStat = errors.New("loadtest: unexpected /proc/PID/stat")

// serverCPU returns the user and system time that a process has used, all its
// threads together; 0 for pid 0.
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
// program's name in parentheses, may hold anything, parentheses too.
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

// ownCPU returns the user and system time that this process has used.
func ownCPU() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
