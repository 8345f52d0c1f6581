package tag

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/game/gametest"
)

func TestGame_conforms(t *testing.T) { gametest.Run(t, Game) }

// match is a match of n players who stand far apart, player 0 being it.
type match struct {
	*game.Simulation
	rules *world
}

func newMatch(t *testing.T, n int, options ...game.Option) match {
	t.Helper()
	mode, _ := Game.Info().Mode("")
	sim, err := game.NewSimulation(Game, game.MatchConfig{Mode: mode, Seed: 3, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	m := match{sim, sim.World().(*world)}
	for p := range game.Slot(n) {
		m.Join(p, game.PlayerInfo{})
		m.runner(p).Pos = fixed.Vec{X: fixed.Int(5 * int32(p))}
	}
	m.Step()
	return m
}

func (m match) runner(p game.Slot) *Runner {
	for _, r := range m.rules.runners.All() {
		if r.Slot == p {
			return r
		}
	}
	return nil
}

// it is the slot of who is it.
func (m match) it(t *testing.T) game.Slot {
	t.Helper()
	r := m.rules.runners.Get(m.rules.round.It)
	if r == nil {
		t.Fatal("nobody is it")
	}
	return r.Slot
}

func (m match) run(t *testing.T, p game.Slot, x, y fixed.Num, ticks int) {
	t.Helper()
	if !m.SetInput(p, 0, []uint32{uint32(x), uint32(y)}) {
		t.Fatal("input refused")
	}
	for range ticks {
		m.Step()
	}
}

func TestTag_touchPassesItOnAndFreezes(t *testing.T) {
	m := newMatch(t, 2)
	if m.it(t) != 0 {
		t.Fatalf("player %d is it, want the first", m.it(t))
	}
	m.run(t, 0, fixed.One, 0, 15) // 3 of 5 metres: now 2 apart
	if m.it(t) != 0 {
		t.Fatal("touched from 2 metres")
	}
	m.run(t, 0, fixed.One, 0, 1)
	if m.it(t) != 1 {
		t.Fatal("a touch did not pass it on")
	}
	at := m.runner(1).Pos
	m.run(t, 0, 0, 0, 0)
	m.run(t, 1, fixed.One, 0, 29)
	if m.runner(1).Pos != at || m.it(t) != 1 {
		t.Error("who was just tagged ran, or tagged back, within a second")
	}
	m.run(t, 1, fixed.One, 0, 1)
	if m.runner(1).Pos == at {
		t.Error("still frozen after a second")
	}
}

func TestTag_onlyOneRunnerAtATime(t *testing.T) {
	m := newMatch(t, 4)
	for p := range game.Slot(4) {
		m.runner(p).Pos = fixed.Vec{}
	}
	m.Step()
	if m.it(t) != 1 || m.runner(2).FreeAt != 0 || m.runner(3).FreeAt != 0 {
		t.Errorf("player %d is it; 2 and 3 are free at %d, %d", m.it(t), m.runner(2).FreeAt, m.runner(3).FreeAt)
	}
}

func TestTag_scoreIsTimeNotBeingIt(t *testing.T) {
	m := newMatch(t, 3)
	before := m.runner(1).Score
	m.run(t, 0, 0, 0, 10)
	if m.runner(0).Score != 0 || m.runner(1).Score != before+10 {
		t.Errorf("scores %d, %d", m.runner(0).Score, m.runner(1).Score)
	}
	outcome, over := m.Outcome()
	if over || len(outcome.Results) != 3 {
		t.Fatalf("%+v, %v", outcome, over)
	}
	for i, want := range []game.Result{{Slot: 0, Rank: 3}, {Slot: 1, Rank: 1}, {Slot: 2, Rank: 1}} {
		if got := outcome.Results[i]; got.Slot != want.Slot || got.Rank != want.Rank || got.Team != -1 {
			t.Errorf("result %+v, want slot %d with rank %d", got, want.Slot, want.Rank)
		}
	}
}

func TestTag_runnersStayOnFieldAtOneSpeed(t *testing.T) {
	m := newMatch(t, 1)
	m.run(t, 0, fixed.One, fixed.One, 1)
	if got := m.runner(0).Pos.Len(); got > speed {
		t.Errorf("a diagonal is faster: %d in a tick, speed is %d", got, speed)
	}
	m.run(t, 0, fixed.One, fixed.One, 500)
	if got := m.runner(0).Pos; got != (fixed.Vec{X: edge, Y: edge}) {
		t.Errorf("ended up at %v, want the corner", got)
	}
}

func TestTag_leavingPassesItOn(t *testing.T) {
	m := newMatch(t, 3)
	m.Leave(0, game.LeaveQuit)
	m.Step()
	if m.it(t) != 1 {
		t.Errorf("player %d is it", m.it(t))
	}
	m.Leave(1, game.LeaveQuit)
	m.Leave(2, game.LeaveQuit)
	m.Step()
	m.Join(5, game.PlayerInfo{})
	m.Step()
	if m.it(t) != 5 {
		t.Errorf("player %d is it", m.it(t))
	}
}

func TestTag_matchEnds(t *testing.T) {
	m := newMatch(t, 2, game.Option{Name: "seconds", Value: 2})
	m.run(t, 0, 0, 0, 59) // with the one that newMatch stepped: 60
	if _, over := m.Outcome(); over {
		t.Fatal("over before two seconds are")
	}
	at, score := m.runner(0).Pos, m.runner(1).Score
	m.run(t, 0, fixed.One, 0, 5)
	if _, over := m.Outcome(); !over {
		t.Error("not over after two seconds")
	}
	if m.runner(0).Pos != at || m.runner(1).Score != score {
		t.Error("the game goes on after its end")
	}
}

func TestTag_remainingTimeIsKnown(t *testing.T) {
	m := newMatch(t, 2, game.Option{Name: "seconds", Value: 2})
	if left := m.rules.Remaining(); left != 60 {
		t.Errorf("%d ticks are left after the first of 60", left)
	}
	m.run(t, 0, 0, 0, 30)
	if left := m.rules.Remaining(); left != 30 {
		t.Errorf("%d ticks are left after 31 of 60", left)
	}
	m.run(t, 0, 0, 0, 40)
	if _, over := m.Outcome(); !over || m.rules.Remaining() != 1 {
		t.Errorf("over %v with %d ticks left; 0 would mean that the end is not known", over, m.rules.Remaining())
	}
}
