//go:build !linux

package loadtest

import (
	"errors"
	"time"
)

// errNoProc is returned on systems without a way to read a process's CPU time.
var errNoProc = errors.New("the server's CPU time is measured on Linux only")

// serverCPU returns an error, except for pid 0, which means no process.
func serverCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	return 0, errNoProc
}

// ownCPU is not measured here.
func ownCPU() (time.Duration, error) { return 0, errNoProc }

// WatchStolen is not measured here: it returns a share of 0.
func WatchStolen() (share func() float64) { return func() float64 { return 0 } }
