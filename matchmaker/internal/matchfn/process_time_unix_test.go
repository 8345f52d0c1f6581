//go:build unix

package matchfn

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime is what the process has used of all cores: unlike the clock's, it
// leaves out what other processes use.
func processTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
