package game_test

import (
	"tactus/game"
	"tactus/game/fixed"
)

// toy is a small game with one of everything: rows, a single, events, the
// random generator, commands and bots.
type toy struct{}

type toyShip struct {
	Pos   fixed.Vec    `tactus:"pos"`
	Angle fixed.Angle  `tactus:"lerp"`
	Slot  game.Slot    `tactus:"slot"`
	Fuel  int32        `tactus:"owner"`
	Heat  [2]fixed.Num `tactus:"server"`
}

type toyClock struct {
	Steps uint32
	game.Rand
}

type toyHit struct {
	Pos  fixed.Vec `tactus:"pos"`
	Ship game.Entity
}

type toyInput struct {
	Turn int32  `tactus:"min=-1,max=1"`
	Keys uint32 `tactus:"max=3"`
	Aim  fixed.Angle
}

var toyIn = game.DefineInput[toyInput]()

func (toy) Info() game.Info {
	return game.Info{
		Name: "toy", Version: "1", Input: toyIn.Schema(),
		Modes: []game.Mode{{Name: "small", MaxPlayers: 4, Fill: 1, Options: []game.Option{{Name: "fuel", Value: 9}}}},
	}
}

func (toy) NewWorld(cfg game.MatchConfig) game.World {
	w := &toyWorld{tables: game.NewTables(), fuel: cfg.Option("fuel", 1)}
	w.clock = game.NewSingle[toyClock](w.tables, "clock")
	w.ships = game.NewTable[toyShip](w.tables, "ship", 4)
	w.hits = game.NewEvents[toyHit](w.tables, "hit", 2)
	w.clock.Seed(cfg.Seed)
	return w
}

type toyWorld struct {
	tables *game.Tables
	clock  *toyClock
	ships  *game.Table[toyShip]
	hits   *game.Events[toyHit]
	fuel   int32
	calls  []string
}

func (w *toyWorld) Tables() *game.Tables { return w.tables }

func (w *toyWorld) Join(p game.Slot, _ game.PlayerInfo) {
	w.calls = append(w.calls, "join")
	_, s := w.ships.Spawn()
	s.Slot, s.Fuel = p, w.fuel
}

func (w *toyWorld) Leave(p game.Slot, _ game.LeaveReason) {
	w.calls = append(w.calls, "leave")
	for e, s := range w.ships.All() {
		if s.Slot == p {
			w.ships.Despawn(e)
		}
	}
}

func (w *toyWorld) Command(p game.Slot, name string, args []int32) ([]int32, bool) {
	w.calls = append(w.calls, "command")
	if name != "echo" {
		return nil, false
	}
	return append(args, int32(p)), true
}

func (w *toyWorld) Think(_ game.Tick, p game.Slot, in *game.Inputs) {
	toyIn.Set(in, p, toyInput{Turn: w.clock.Range(-1, 1)})
}

func (w *toyWorld) Step(_ game.Tick, in *game.Inputs) {
	w.clock.Steps++
	for e, s := range w.ships.All() {
		want := toyIn.At(in, s.Slot)
		s.Angle += fixed.Angle(want.Turn) * 100
		s.Pos = s.Pos.Add(fixed.FromAngle(s.Angle, fixed.One))
		s.Heat[1] += fixed.Num(w.clock.Intn(5))
		if want.Keys == 3 {
			w.hits.Emit(toyHit{Pos: s.Pos, Ship: e})
		}
	}
}

func (w *toyWorld) Outcome() (game.Outcome, bool) { return game.Outcome{}, false }

func newToy(seed uint64) *game.Simulation {
	mode, _ := toy{}.Info().Mode("small")
	sim, err := game.NewSimulation(toy{}, game.MatchConfig{Mode: mode, Seed: seed})
	if err != nil {
		panic(err)
	}
	return sim
}

func toyOf(sim *game.Simulation) *toyWorld { return sim.World().(*toyWorld) }
