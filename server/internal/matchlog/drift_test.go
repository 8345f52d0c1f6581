package matchlog

import (
	"tactus/game"
	"tactus/game/fixed"
)

// drift is a game for these tests: boats that drift, chance, commands, events
// and bots, in as few lines as they take.
type drift struct {
	version string
	// wrongFrom makes the rules go another way from this tick on, 0 never.
	wrongFrom game.Tick
	// hidden keeps a part of the state outside the tables.
	hidden bool
	// panicAt makes the rules panic in this tick, 0 never.
	panicAt game.Tick
}

type boat struct {
	Pos   fixed.Vec `tactus:"pos"`
	Owner game.Slot `tactus:"slot"`
	Wind  int32     `tactus:"owner"`
}

type gust struct {
	Pos fixed.Vec `tactus:"pos"`
}

type steer struct {
	Dir   int32 `tactus:"min=-3,max=3"`
	Speed int32 `tactus:"min=-1000,max=1000"`
}

var steering = game.DefineInput[steer]()

type driftWorld struct {
	rules  drift
	tables *game.Tables
	rand   *game.Rand
	boats  *game.Table[boat]
	gusts  *game.Events[gust]
	memory int32 // outside the tables
}

func (d drift) Info() game.Info {
	version := d.version
	if version == "" {
		version = "1"
	}
	return game.Info{
		Name: "drift", Version: version, TickRate: 20, Input: steering.Schema(),
		Modes: []game.Mode{{Name: "open", Title: "Open sea", MaxPlayers: 8, Fill: 2, Options: []game.Option{{Name: "wind", Value: 3}}}},
	}
}

func (d drift) NewWorld(cfg game.MatchConfig) game.World {
	ts := game.NewTables()
	w := &driftWorld{rules: d, tables: ts, rand: game.NewSingle[game.Rand](ts, "rand")}
	w.boats = game.NewTable[boat](ts, "boats", 64)
	w.gusts = game.NewEvents[gust](ts, "gusts", 64)
	w.rand.Seed(cfg.Seed + uint64(cfg.Option("wind", 0)))
	return w
}

func (w *driftWorld) Tables() *game.Tables { return w.tables }

func (w *driftWorld) Join(p game.Slot, info game.PlayerInfo) {
	if _, b := w.boats.Spawn(); b != nil {
		b.Owner, b.Wind = p, info.Team
	}
}

func (w *driftWorld) Leave(p game.Slot, _ game.LeaveReason) {
	for e, b := range w.boats.All() {
		if b.Owner == p {
			w.boats.Despawn(e)
		}
	}
}

func (w *driftWorld) Command(p game.Slot, name string, args []int32) ([]int32, bool) {
	for _, b := range w.boats.All() {
		if b.Owner == p && name == "trim" && len(args) > 0 {
			b.Wind += args[0]
		}
	}
	return nil, true
}

func (w *driftWorld) Think(_ game.Tick, p game.Slot, in *game.Inputs) {
	steering.Set(in, p, steer{Dir: w.rand.Range(-3, 3), Speed: 10})
}

func (w *driftWorld) Step(t game.Tick, in *game.Inputs) {
	if t == w.rules.panicAt {
		panic("boats have sunk")
	}
	if w.rules.hidden {
		w.memory++
	}
	for i := range w.boats.High() {
		_, b := w.boats.At(i)
		if b == nil {
			continue
		}
		s := steering.At(in, b.Owner)
		b.Pos.X += fixed.Num(s.Dir*s.Speed + b.Wind + w.memory)
		b.Pos.Y += fixed.Num(w.rand.Range(-5, 5) + in.Lag(b.Owner))
		if w.rules.wrongFrom > 0 && t >= w.rules.wrongFrom {
			b.Pos.Y++
		}
		if w.rand.Intn(16) == 0 {
			w.gusts.Emit(gust{Pos: b.Pos})
		}
	}
}

func (w *driftWorld) Outcome() (game.Outcome, bool) { return game.Outcome{}, false }
