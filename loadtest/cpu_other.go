//go:build !linux

package loadtest

import (
	"errors"
	"time"
)

// errNoProc is returned where a process's CPU time is not to be had.
var errNoProc = errors.New("the server's CPU time is measured on Linux only")

// serverCPU fails for any process but 0, which stands for none.
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
