package arena

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

// newSim makes a match of a mode.
func newSim(t testing.TB, mode string, seed uint64, opts ...game.Option) (*game.Simulation, *world) {
	t.Helper()
	sim, err := game.NewSimulation(Game, game.MatchConfig{Mode: modeNamed(t, mode), Seed: seed, Options: opts})
	if err != nil {
		t.Fatal(err)
	}
	return sim, sim.World().(*world)
}

func modeNamed(t testing.TB, name string) game.Mode {
	t.Helper()
	m, ok := Game.Info().Mode(name)
	if !ok {
		t.Fatalf("no mode %q", name)
	}
	return m
}

// stage is a match on an empty map without a warm-up, played by hand.
type stage struct {
	t *testing.T
	*game.Simulation
	w *world
}

func newStage(t *testing.T, mode string, opts ...game.Option) *stage {
	t.Helper()
	sim, w := newSim(t, mode, 1, append(opts, game.Option{Name: "warmup", Value: 0})...)
	for e := range w.walls.All() {
		w.walls.Despawn(e)
	}
	for e := range w.rocks.All() {
		w.rocks.Despawn(e)
	}
	for e := range w.pickups.All() {
		w.pickups.Despawn(e)
	}
	return &stage{t, sim, w}
}

// enter seats a person whose ship stands unprotected at a place, in metres.
func (st *stage) enter(p game.Slot, x, y int32) *Ship {
	st.t.Helper()
	return st.enterTeam(p, -1, x, y)
}

func (st *stage) enterTeam(p game.Slot, team, x, y int32) *Ship {
	st.t.Helper()
	if !st.Join(p, game.PlayerInfo{Team: team}) {
		st.t.Fatalf("seat %d is taken", p)
	}
	s := st.ship(p)
	s.ProtectUntil = 0
	st.put(p, metres(x, y))
	return s
}

// put moves a ship, and its past too.
func (st *stage) put(p game.Slot, pos fixed.Vec) {
	e, s := st.w.shipOf(p)
	s.Pos, s.Vel = pos, fixed.Vec{}
	_, tr := st.w.trails.At(e.Index())
	for i := range tr.At {
		tr.At[i] = pos
	}
}

func (st *stage) ship(p game.Slot) *Ship {
	st.t.Helper()
	_, s := st.w.shipOf(p)
	if s == nil {
		st.t.Fatalf("player %d has no ship", p)
	}
	return s
}

func (st *stage) score(p game.Slot) *Score {
	st.t.Helper()
	s := st.w.scoreOf(p)
	if s == nil {
		st.t.Fatalf("player %d has no score", p)
	}
	return s
}

func (st *stage) wall(wall Wall) {
	_, row := st.w.walls.Spawn()
	*row = wall
}

// want sets what a player does from the next tick on.
func (st *stage) want(p game.Slot, in Input, lag int32) {
	st.t.Helper()
	words := []uint32{uint32(in.MoveX), uint32(in.MoveY), uint32(in.Aim), in.Buttons}
	if !st.SetInput(p, lag, words) {
		st.t.Fatalf("input %+v of player %d was refused", in, p)
	}
}

func (st *stage) steps(n int) {
	for range n {
		st.Step()
	}
}

// rail lets a player charge and shoot a full rail.
func (st *stage) rail(p game.Slot, aim fixed.Angle, lag int32) {
	st.t.Helper()
	st.want(p, Input{Aim: aim, Buttons: Rail}, lag)
	st.steps(railCharge)
	st.want(p, Input{Aim: aim}, lag)
	st.Step()
}

func events[T any](table *game.Events[T]) (list []T) {
	for e := range table.All() {
		list = append(list, *e)
	}
	return list
}
