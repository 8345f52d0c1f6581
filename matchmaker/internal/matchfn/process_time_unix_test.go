//go:build unix

package matchfn

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime is the time that the process has used of all cores. Unlike the clock's
// it does not depend on other processes.
func processTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
