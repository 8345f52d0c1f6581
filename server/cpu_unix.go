//go:build unix

package server

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

// cpuMeter measures the share of the process's cores in use since the last call of
// share. It is safe for concurrent use.
type cpuMeter struct {
	mu   sync.Mutex
	at   time.Time
	used time.Duration
}

func (m *cpuMeter) share() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	elapsed := now.Sub(m.at)
	share := float64(used-m.used) / float64(elapsed) / float64(runtime.GOMAXPROCS(0))
	first := m.at.IsZero()
	m.at, m.used = now, used
	if first || elapsed <= 0 {
		return 0
	}
	return min(max(share, 0), 1)
}
