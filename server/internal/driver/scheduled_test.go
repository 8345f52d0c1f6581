package driver

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/game"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/scheduler"
)

// gatedClock is a clock by hand that stands still until the gate is opened. Matches
// that are closed read it while others tick.
type gatedClock struct {
	now  atomic.Int64
	gate chan struct{}
}

func (c *gatedClock) Now() int64 { return c.now.Load() }

func (*gatedClock) StoodStill() int64 { return 0 }

func (c *gatedClock) SleepUntil(t int64, wake <-chan struct{}) {
	<-c.gate
	select {
	case <-wake:
	default:
		c.now.Store(max(c.now.Load(), t))
	}
}

// start runs matches on one scheduler until ctx, or they themselves, end, and
// calls onTick at each of their ticks.
func start(ctx context.Context, t *testing.T, s *scheduler.Scheduler, n int, onTick func(match int)) (ended *sync.WaitGroup, matches []*harness) {
	t.Helper()
	ended = &sync.WaitGroup{}
	for i := range n {
		h := newHarnessOn(t, s, game.Mode{MaxPlayers: 2}, nil, prometheus.NewRegistry())
		h.log.OnTick = func() { onTick(i) }
		ended.Add(1)
		h.d.Start(ctx, ended.Done)
		matches = append(matches, h)
	}
	return ended, matches
}

// TestDriver_turnsOfOthersAreNoLateness: the third match of a round that takes three
// quarters of the period is on time, as long as the round is.
func TestDriver_turnsOfOthersAreNoLateness(t *testing.T) {
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
	clock := &gatedClock{gate: make(chan struct{})}
	clock.now.Store(1)
	ended, matches := start(t.Context(), t, scheduler.New(clock), 3, func(int) { clock.now.Add(matchtest.Period / 4) })
	close(clock.gate)
	ended.Wait()
	for i, h := range matches {
		value, wait, share := h.d.Pressure()
		if wait > 0.01 || value < 0.2 || value > 0.26 || share < 0.2 {
			t.Errorf("match %d: pressure %v, of which wait %v, %v with a snapshot; want a quarter and no wait", i, value, wait, share)
		}
	}
}
