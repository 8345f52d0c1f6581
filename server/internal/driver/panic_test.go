package driver

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
	"tactus/server/internal/scheduler"
)

// faultyGame is a game whose rules panic where a test wants it.
type faultyGame struct {
	matchtest.Game
	faults *faults
}

type faults struct {
	team   bool // panics
	onJoin bool // from the next join on Team panics
	joinAt int  // the number of the join that panics, 0: none
	joins  int
	leave  bool   // Leave panics
	step   func() // called by Step, nil for nothing
	over   bool   // the match has an outcome
}

func (g faultyGame) NewWorld(cfg game.MatchConfig) game.World {
	return &faultyWorld{Units: g.Game.NewWorld(cfg).(*matchtest.Units), faults: g.faults}
}

type faultyWorld struct {
	*matchtest.Units
	faults *faults
}

func (w *faultyWorld) Team(p game.Slot) int32 {
	if w.faults.team {
		panic("Team is wrong")
	}
	return w.Units.Team(p)
}

func (w *faultyWorld) Leave(p game.Slot, why game.LeaveReason) {
	if w.faults.leave {
		panic("Leave is wrong")
	}
	w.Units.Leave(p, why)
}

func (w *faultyWorld) Step(t game.Tick, in *game.Inputs) {
	if w.faults.step != nil {
		w.faults.step()
	}
	w.Units.Step(t, in)
}

func (w *faultyWorld) Outcome() (game.Outcome, bool) {
	return game.Outcome{}, w.faults.over
}

func (w *faultyWorld) Join(p game.Slot, info game.PlayerInfo) {
	if w.faults.joins++; w.faults.joins == w.faults.joinAt {
		panic("Join is wrong")
	}
	w.Units.Join(p, info)
	w.faults.team = w.faults.team || w.faults.onJoin
}

// newFaultyHarness runs a match of a faultyGame. order has what the driver reported,
// and ticks.
func newFaultyHarness(t *testing.T, mode game.Mode) (h *harness, f *faults, order *[]string) {
	t.Helper()
	mode.Name = "m"
	clock := &matchtest.Clock{Time: 1}
	f, order = &faults{}, new([]string)
	h = &harness{t: t, clock: clock, log: &matchtest.Log{OnTick: func() { *order = append(*order, "tick") }}}
	var err error
	h.d, err = New(Config{
		Match: match.Config{
			ID: "match", Game: faultyGame{matchtest.Game{Mode: mode}, f}, Match: game.MatchConfig{Mode: mode, Seed: 1},
			Grace: 30 * time.Second, Linger: time.Second, Empty: 2 * time.Second, HashEvery: 1,
			Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop(),
			Record: func(*game.Simulation) match.Recorder { return h.log },
		},
		Scheduler: scheduler.New(clock), OnStatus: func() {},
		OnSeated: func(c match.SeatChange) {
			if !c.Left {
				*order = append(*order, "seated "+c.Player)
			}
		},
		OnOver: func(match.EndReport) {},
		OnEnd:  func(r match.EndReport) { h.ended = append(h.ended, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, f, order
}

func (h *harness) wantGameError() {
	h.t.Helper()
	h.d.continueRun()
	if len(h.ended) != 1 || h.ended[0].Reason != match.EndError {
		h.t.Errorf("reports %+v, want one with %s", h.ended, match.EndError)
	}
}

// The status asks the rules for teams, which panics again in the turn that failed.
func TestDriver_survivesRulesWhoseStatusPanics(t *testing.T) {
	h, f, _ := newFaultyHarness(t, game.Mode{MaxPlayers: 4, Teams: 2})
	h.join("ann")
	bob := []match.Request{{Player: "bob", Name: "bob", Team: -1, Reservation: "rb"}}
	slots, err := h.d.reserve(h.clock.Time, bob, int64(15*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	h.d.Claim(matchtest.NewClient(t).Conn.Server, 0, slots[0], "bob", "rb") // the status changes
	f.onJoin = true
	h.turn()
	h.wantGameError()
}

// A reservation is released between the last turn and the close.
func TestDriver_survivesReleaseAfterPanic(t *testing.T) {
	h, f, _ := newFaultyHarness(t, game.Mode{MaxPlayers: 4, Teams: 2})
	h.join("ann")
	bob := []match.Request{{Player: "bob", Name: "bob", Team: -1, Reservation: "rb"}}
	if _, err := h.d.reserve(h.clock.Time, bob, int64(15*time.Second)); err != nil {
		t.Fatal(err)
	}
	f.team = true
	h.turn()
	h.d.Release([]string{"rb"})
	h.d.Evict("ann", math.MaxInt64)
	h.wantGameError()
}

// Neither the connection whose request panics nor one behind it stays open.
func TestDriver_closesConnectionsOfRequestsThatPanic(t *testing.T) {
	h, f, _ := newFaultyHarness(t, game.Mode{MaxPlayers: 4, Teams: 2})
	p := h.join("ann")
	first, second := matchtest.NewClient(t), matchtest.NewClient(t)
	f.team = true
	for _, c := range []*matchtest.Client{first, second} {
		h.d.Resume(c.Conn.Server, 0, p.Welcome.Slot, p.Secret(), 0)
	}
	h.turn()
	h.wantGameError()
	for name, c := range map[string]*matchtest.Client{"the first": first, "the one behind it": second} {
		if c.Conn.Code() == 0 {
			t.Errorf("%s is never closed", name)
		}
	}
	if first.Conn.Code() != protocol.CloseGameError {
		t.Errorf("the first is closed with %v", first.Conn.Code())
	}
}

// A replay of the log has to reach the state in which the rules panic.
func TestDriver_logsWhatHappenedBeforeAPanic(t *testing.T) {
	h, f, _ := newFaultyHarness(t, game.Mode{MaxPlayers: 4, Fill: 4})
	f.joinAt = 4
	h.join("ann")
	for h.d.ended == "" {
		h.turn()
	}
	h.wantGameError()
	joins := 0
	for _, line := range h.log.Lines {
		if len(line) > 4 && line[:4] == "join" {
			joins++
		}
	}
	if joins != 3 {
		t.Errorf("%d joins are in the log, want 3: %q", joins, h.log.Lines)
	}
}

// A seat that the player takes elsewhere during the tick must count as the later one.
func TestDriver_reportsSeatsBeforeTheTick(t *testing.T) {
	h, _, order := newFaultyHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	if want := []string{"seated ann", "tick"}; !slices.Equal(*order, want) {
		t.Errorf("%q, want %q", *order, want)
	}
}
