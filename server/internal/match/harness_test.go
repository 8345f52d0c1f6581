package match

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
)

const holdTime = int64(15 * time.Second)

// harness runs a match by hand: time passes with each tick, and what is asked of the
// match waits for the next one, as it does in a driver.
type harness struct {
	t     *testing.T
	m     *Match
	d     *runner
	clock *matchtest.Clock
	log   *matchtest.Log
	over  []EndReport
	ended []EndReport
	seats []string
	joins int
}

func newHarness(t *testing.T, mode game.Mode) *harness {
	t.Helper()
	mode.Name = "m"
	return newHarnessFor(t, matchtest.Game{Mode: mode}, Config{Match: game.MatchConfig{Mode: mode}})
}

// newHarnessFor runs a match of g with what cfg says about its mode and queue.
func newHarnessFor(t *testing.T, g game.Game, cfg Config) *harness {
	t.Helper()
	h := &harness{t: t, log: &matchtest.Log{}, clock: &matchtest.Clock{Time: 1}}
	cfg.ID, cfg.Game, cfg.Match.Seed = "match", g, 1
	cfg.Grace, cfg.Linger, cfg.Empty, cfg.HashEvery = 30*time.Second, time.Second, 2*time.Second, 1
	cfg.Now, cfg.Wake = h.clock.Time, func() {}
	if cfg.Log = zap.NewNop(); cfg.Metrics == nil {
		cfg.Metrics = metrics.New(prometheus.NewRegistry())
	}
	cfg.Record = func(*game.Simulation) Recorder { return h.log }
	var err error
	if h.m, err = New(&cfg); err != nil {
		t.Fatal(err)
	}
	h.d = &runner{h: h}
	h.apply()
	return h
}

// apply keeps what the match reports.
func (h *harness) apply() {
	e := h.m.Effects()
	if e.Status != nil {
		h.d.status = e.Status
	}
	for _, c := range e.Seated {
		if !c.Left {
			h.seats = append(h.seats, c.Player)
		}
	}
	if e.Finished != nil {
		h.over = append(h.over, *e.Finished)
	}
}

func (h *harness) tick(n int) {
	for range n {
		h.clock.Time += matchtest.Period
		h.turn()
	}
}

// turn makes a tick now.
func (h *harness) turn() {
	defer func() {
		if r := recover(); r != nil {
			h.m.End(EndError)
		}
		h.apply()
	}()
	now := h.clock.Time
	h.m.SetStoodStill(now, h.clock.Still)
	h.d.drain(now)
	tick(h.m, now)
}

// tick is a tick as a driver makes it.
func tick(m *Match, now int64) {
	m.Read(now)
	m.Step(now)
	m.Send(now)
}

// run ticks until the match ends, or at once if ctx has ended, and closes it.
func (h *harness) run(ctx context.Context) {
	if ctx.Err() != nil {
		h.m.End(EndShutdown)
	}
	for h.m.ended == "" {
		h.tick(1)
	}
	h.apply()
	h.d.drain(h.clock.Time)
	h.m.Close()
	h.ended = append(h.ended, h.m.Report())
}

// count returns how many players and bots are in the world.
func (h *harness) count() (players, bots int) {
	for p := range h.m.players {
		switch taken, bot := h.m.sim.Taken(game.Slot(p)); {
		case bot:
			bots++
		case taken:
			players++
		}
	}
	return players, bots
}

// reserve asks for seats in the next tick.
func (h *harness) reserve(requests ...Request) (slots []game.Slot, err error) {
	h.d.post(func(now int64) { slots, err = h.m.Reserve(now, now+holdTime, true, requests) })
	h.tick(1)
	return slots, err
}

func (h *harness) join(name string) *matchtest.Client {
	h.t.Helper()
	return h.joinWith(name, 0)
}

func (h *harness) joinWith(name string, features protocol.Features) *matchtest.Client {
	h.t.Helper()
	h.joins++
	reservation := fmt.Sprintf("r%d-%s", h.joins, name)
	slots, err := h.reserve(Request{Player: name, Name: name, Team: -1, Reservation: reservation, Queue: h.m.cfg.Queue})
	if err != nil {
		h.t.Fatalf("reserving a seat for %s: %v", name, err)
	}
	return h.claim(slots[0], name, reservation, features)
}

func (h *harness) claim(slot game.Slot, name, reservation string, features protocol.Features) *matchtest.Client {
	p := matchtest.NewClient(h.t)
	h.d.Claim(p.Conn.Server, features, slot, name, reservation)
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

// runner holds what is asked of a match until its next tick.
type runner struct {
	h        *harness
	requests []func(now int64)
	status   *Status
}

func (r *runner) post(f func(now int64)) { r.requests = append(r.requests, f) }

func (r *runner) drain(now int64) {
	for _, f := range r.requests {
		f(now)
	}
	r.requests = nil
}

func (r *runner) Status() *Status { return r.status }

func (r *runner) Claim(conn *ws.Conn, features protocol.Features, slot game.Slot, player, reservation string) {
	if r.h.m.ended != "" { // no tick follows
		r.h.m.Claim(r.h.clock.Time, conn, features, slot, player, reservation)
		return
	}
	r.post(func(now int64) { r.h.m.Claim(now, conn, features, slot, player, reservation) })
}

func (r *runner) Resume(conn *ws.Conn, features protocol.Features, slot game.Slot, secret string, event uint32) {
	generation, ok := r.h.m.CheckSecret(slot, secret)
	if !ok {
		refuse(conn, protocol.CloseUnknownSession)
		return
	}
	r.post(func(now int64) { r.h.m.Resume(now, conn, features, slot, generation, event) })
}

func (r *runner) Release(reservations []string) {
	r.post(func(now int64) { r.h.m.Release(now, reservations) })
}

func (r *runner) WaitForPlayers(hold int64) {
	r.post(func(now int64) { r.h.m.WaitForPlayers(now, hold) })
}

func (r *runner) Evict(player string) {
	r.post(func(now int64) { r.h.m.Evict(now, player, math.MaxInt64) })
}

func (r *runner) Notify(code protocol.CloseCode, text string) {
	r.post(func(now int64) { r.h.m.Notify(now, code, text) })
}

func (r *runner) Stop(reason EndReason) { r.post(func(int64) { r.h.m.End(reason) }) }
