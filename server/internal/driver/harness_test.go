package driver

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
)

// patience bounds waits for events; tests that pass never reach it.
const patience = 10 * time.Second

// stacksOf counts the goroutines that are in a function.
func stacksOf(function string) int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), function)
}

// harness is a driver whose turns a test takes, or a scheduler.
type harness struct {
	t     *testing.T
	d     *Driver
	clock *matchtest.Clock
	log   *matchtest.Log
	ended []match.EndReport
	joins int
}

func newHarness(t *testing.T, mode game.Mode) *harness {
	t.Helper()
	return newHarnessIn(t, mode, nil, prometheus.NewRegistry())
}

func newHarnessIn(t *testing.T, mode game.Mode, process *overload.Process, registry *prometheus.Registry) *harness {
	t.Helper()
	clock := &matchtest.Clock{Time: 1}
	h := newHarnessOn(t, scheduler.New(clock), mode, process, registry)
	h.clock = clock
	return h
}

func newHarnessOn(t *testing.T, s *scheduler.Scheduler, mode game.Mode, process *overload.Process, registry *prometheus.Registry) *harness {
	t.Helper()
	mode.Name = "m"
	h := &harness{t: t, log: &matchtest.Log{}}
	var err error
	h.d, err = New(Config{
		Match: match.Config{
			ID: "match", Game: matchtest.Game{Mode: mode}, Match: game.MatchConfig{Mode: mode, Seed: 1},
			Grace: 30 * time.Second, Linger: time.Second, Empty: 2 * time.Second, HashEvery: 1,
			Metrics: metrics.New(registry), Log: zap.NewNop(),
			Record: func(*game.Simulation) match.Recorder { return h.log },
		},
		Scheduler: s, Process: process, OnStatus: func() {},
		OnSeated: func(match.SeatChange) {},
		OnOver:   func(match.EndReport) {},
		OnEnd:    func(r match.EndReport) { h.ended = append(h.ended, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// run lets the match run by itself to its end.
func (h *harness) run(ctx context.Context) {
	over := make(chan struct{})
	h.d.Start(ctx, func() { close(over) })
	<-over
}

// turn lets time pass until the match is due, or until something wakes it while it
// hibernates, and takes its turn.
func (h *harness) turn() {
	var wake chan struct{}
	if h.d.pace == match.Hibernating {
		wake = h.d.hibernation.wakes
	}
	h.clock.SleepUntil(h.d.due, wake)
	h.d.turn(scheduler.Turn{Now: h.clock.Time, Due: h.d.due})
}

// interval is the time between the last turn and the next.
func (h *harness) interval() int64 { return h.d.due - h.clock.Time }

func (h *harness) tick(n int) {
	for range n {
		h.turn()
	}
}

// tickNumber is that of the last tick.
func (h *harness) tickNumber() game.Tick { return h.log.LastTick }

func (h *harness) join(name string) *matchtest.Client {
	h.t.Helper()
	h.joins++
	reservation := fmt.Sprintf("r%d-%s", h.joins, name)
	slots, err := h.d.reserve(h.clock.Time, []match.Request{{Player: name, Name: name, Team: -1, Reservation: reservation}}, int64(15*time.Second))
	if err != nil {
		h.t.Fatalf("reserving a seat for %s: %v", name, err)
	}
	p := matchtest.NewClient(h.t)
	h.d.Claim(p.Conn.Server, 0, slots[0], name, reservation)
	h.tick(1)
	p.Read()
	return p
}

func (h *harness) resume(old *matchtest.Client, event uint32) *matchtest.Client {
	p := matchtest.NewClient(h.t)
	h.d.Resume(p.Conn.Server, 0, old.Welcome.Slot, old.Secret(), event)
	h.tick(1)
	p.Read()
	return p
}

func (h *harness) want(what string, ok bool) {
	h.t.Helper()
	if !ok {
		h.t.Errorf("want %s", what)
	}
}
