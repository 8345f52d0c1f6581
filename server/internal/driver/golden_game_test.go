package driver

import (
	"tactus/game"
	"tactus/game/fixed"
)

// The game of the golden tests has everything that a table can hold: fields for
// all, for a team, for an owner, and for nobody; rows that only an owner or a
// team knows of; a single row; rows that come and go; events for all that are
// near, for everyone, and for one player.

type probe struct {
	Pos     fixed.Vec   `tactus:"pos,q=6"`
	Heading fixed.Angle `tactus:"lerp,q=4"`
	Hits    int32
	Energy  int32     `tactus:"team"`
	Vel     fixed.Vec `tactus:"owner"`
	Secret  int32     `tactus:"server"`
	Slot    game.Slot `tactus:"slot"`
	Side    int32     `tactus:"side"`
}

type bullet struct {
	Pos  fixed.Vec `tactus:"pos"`
	By   game.Slot
	Born game.Tick `tactus:"server"`
}

type cargo struct {
	Kind int32     `tactus:"owner"`
	Slot game.Slot `tactus:"slot,owner"`
}

type order struct {
	What int32 `tactus:"team"`
	Side int32 `tactus:"side,team"`
}

type tally struct{ Moves int32 }

type blast struct {
	Pos fixed.Vec `tactus:"pos"`
	By  game.Slot
}

type shout struct{ Words int32 }

type whisper struct {
	Slot game.Slot `tactus:"slot,owner"`
	Text int32     `tactus:"owner"`
}

type steer struct {
	DX int32 `tactus:"min=-8,max=8"`
	DY int32 `tactus:"min=-8,max=8"`
}

var steering = game.DefineInput[steer]()

const (
	probeField = 128 * fixed.One // the world's edge
	bulletLife = 9               // ticks
)

// probeGame is the golden tests' game; with cells each player sees a part of it.
type probeGame struct {
	mode  game.Mode
	cells bool
}

func (g probeGame) Info() game.Info {
	return game.Info{Name: "probes", Version: "1", TickRate: 20, Input: steering.Schema(), Modes: []game.Mode{g.mode}}
}

func (g probeGame) NewWorld(cfg game.MatchConfig) game.World {
	ts, n := game.NewTables(), cfg.Mode.MaxPlayers
	w := &probeWorld{
		tables: ts, teams: int32(cfg.Mode.Teams), cells: g.cells, rows: make([]game.Entity, n), sides: make([]int32, n),
		probes:   game.NewTable[probe](ts, "probe", n),
		bullets:  game.NewTable[bullet](ts, "bullet", 4*n),
		cargo:    game.NewTable[cargo](ts, "cargo", n, game.Global),
		orders:   game.NewTable[order](ts, "order", 4, game.Global),
		tally:    game.NewSingle[tally](ts, "tally"),
		blasts:   game.NewEvents[blast](ts, "blast", max(n, 16)),
		shouts:   game.NewEvents[shout](ts, "shout", 16, game.Global),
		whispers: game.NewEvents[whisper](ts, "whisper", max(n, 16), game.Global),
		results:  make([]game.Result, 0, n),
	}
	for side := range w.teams {
		_, o := w.orders.Spawn()
		o.Side = side
	}
	return w
}

type probeWorld struct {
	tables   *game.Tables
	probes   *game.Table[probe]
	bullets  *game.Table[bullet]
	cargo    *game.Table[cargo]
	orders   *game.Table[order]
	tally    *tally
	blasts   *game.Events[blast]
	shouts   *game.Events[shout]
	whispers *game.Events[whisper]

	teams   int32
	cells   bool
	rows    []game.Entity
	sides   []int32
	over    bool
	panics  bool
	results []game.Result
}

func (w *probeWorld) Tables() *game.Tables { return w.tables }

func (w *probeWorld) Join(p game.Slot, info game.PlayerInfo) {
	e, row := w.probes.Spawn()
	w.rows[p], w.sides[p] = e, info.Team
	row.Slot, row.Side, row.Energy, row.Secret = p, info.Team, 100, 7*int32(p)
	row.Pos = fixed.Vec{X: fixed.Num(p*37%128) * fixed.One, Y: fixed.Num(p*61%128) * fixed.One}
	_, c := w.cargo.Spawn()
	c.Slot, c.Kind = p, int32(p)+1
}

func (w *probeWorld) Leave(p game.Slot, _ game.LeaveReason) {
	w.probes.Despawn(w.rows[p])
	w.sides[p] = -1
	for e, c := range w.cargo.All() {
		if c.Slot == p {
			w.cargo.Despawn(e)
		}
	}
}

func (w *probeWorld) Step(t game.Tick, in *game.Inputs) {
	if w.panics {
		panic("the rules are wrong")
	}
	for e, b := range w.bullets.All() {
		b.Pos.X += fixed.One / 2
		if t-b.Born >= bulletLife {
			w.blasts.Emit(blast{Pos: b.Pos, By: b.By})
			w.bullets.Despawn(e)
		}
	}
	for _, p := range w.probes.All() {
		w.move(t, p, *steering.At(in, p.Slot))
	}
}

func (w *probeWorld) move(t game.Tick, p *probe, s steer) {
	p.Vel = fixed.Vec{X: fixed.Num(s.DX) * fixed.One / 8, Y: fixed.Num(s.DY) * fixed.One / 8}
	if s == (steer{}) {
		return
	}
	w.tally.Moves++
	p.Secret++
	p.Pos.X = min(max(p.Pos.X+p.Vel.X, 0), probeField)
	p.Pos.Y = min(max(p.Pos.Y+p.Vel.Y, 0), probeField)
	p.Heading += fixed.Angle(s.DX * 64)
	if p.Secret%16 != 0 {
		return
	}
	p.Energy--
	if _, b := w.bullets.Spawn(); b != nil {
		*b = bullet{Pos: p.Pos, By: p.Slot, Born: t}
	}
	w.whispers.Emit(whisper{Slot: p.Slot, Text: p.Secret})
	for _, o := range w.orders.All() {
		if o.Side == p.Side {
			o.What++
		}
	}
}

// Think lets bots move in some ticks, so that inputs change.
func (w *probeWorld) Think(t game.Tick, p game.Slot, in *game.Inputs) {
	steering.Set(in, p, steer{DX: int32(t/8+game.Tick(p))%3 - 1})
}

func (w *probeWorld) Command(p game.Slot, name string, args []int32) ([]int32, bool) {
	switch name {
	case "shout":
		w.shouts.Emit(shout{Words: args[0]})
		return args, true
	case "hit":
		if row := w.probes.Get(w.rows[p]); row != nil {
			row.Hits++
		}
		return nil, true
	case "finish":
		w.over = true
		return nil, true
	case "panic":
		w.panics = true
		return nil, true
	}
	return nil, false
}

func (w *probeWorld) Team(p game.Slot) int32 {
	if w.teams == 0 {
		return -1
	}
	return w.sides[p]
}

func (w *probeWorld) Interest() game.Interest {
	if !w.cells {
		return game.Interest{}
	}
	return game.Interest{Max: fixed.Vec{X: probeField, Y: probeField}, Cell: 8 * fixed.One}
}

func (w *probeWorld) View(p game.Slot) game.View {
	v := game.View{Center: fixed.Vec{X: probeField / 2, Y: probeField / 2}, Near: 16 * fixed.One, Far: 32 * fixed.One}
	if row := w.probes.Get(w.rows[p]); row != nil {
		v.Center = row.Pos
	}
	return v
}

func (w *probeWorld) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	for _, p := range w.probes.All() {
		w.results = append(w.results, game.Result{Slot: p.Slot, Team: p.Side, Score: p.Secret, Rank: 1})
	}
	return game.Outcome{Results: w.results}, w.over
}
