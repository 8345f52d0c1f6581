//go:build unix

package publicport

import (
	"math"
	"syscall"
)

// openFiles returns the most descriptors that the process may have.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return unknownOpenFiles
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)) //nolint:unconvert // its type differs by system
}
