// Package matchtest has what tests of matches and of what runs them share: a small
// game, a client with a replica, a log of what is recorded, a clock by hand.
package matchtest

import (
	"time"

	"tactus/game"
	"tactus/game/fixed"
)

// Period is the time between two ticks of the game at the full rate, in nanoseconds.
const Period = int64(50 * time.Millisecond)

type unit struct {
	Pos  fixed.Vec `tactus:"pos"`
	Gold int32     `tactus:"owner"`
	Slot game.Slot `tactus:"slot"`
	Side int32
}

type boom struct {
	Power int32
}

type move struct {
	DX int32 `tactus:"min=-10,max=10"`
}

var moves = game.DefineInput[move]()

// Units is its world. Each player has a unit that moves by the player's input. The
// command "boom" makes an event, "explode" a panic in the next step, and "finish"
// the end.
type Units struct {
	tables  *game.Tables
	units   *game.Table[unit]
	booms   *game.Events[boom]
	rows    []game.Entity
	teams   int
	over    bool
	explode bool
	results []game.Result
}

// Game is a small game with one mode.
type Game struct{ Mode game.Mode }

// Info implements [game.Game].
func (g Game) Info() game.Info {
	return game.Info{Name: "units", Version: "1", TickRate: 20, Input: moves.Schema(), Modes: []game.Mode{g.Mode}}
}

// NewWorld implements [game.Game].
func (g Game) NewWorld(cfg game.MatchConfig) game.World {
	ts := game.NewTables()
	n := max(8, cfg.Mode.MaxPlayers)
	return &Units{
		tables: ts, teams: cfg.Mode.Teams, rows: make([]game.Entity, n),
		units: game.NewTable[unit](ts, "unit", n), booms: game.NewEvents[boom](ts, "boom", 8, game.Global),
	}
}

// Tables implements [game.World].
func (w *Units) Tables() *game.Tables { return w.tables }

// Join implements [game.World].
func (w *Units) Join(p game.Slot, info game.PlayerInfo) {
	e, u := w.units.Spawn()
	w.rows[p] = e
	u.Slot, u.Side, u.Gold = p, info.Team, 100
}

// Leave implements [game.World].
func (w *Units) Leave(p game.Slot, _ game.LeaveReason) { w.units.Despawn(w.rows[p]) }

// Step implements [game.World].
func (w *Units) Step(_ game.Tick, in *game.Inputs) {
	if w.explode {
		panic("rules are wrong")
	}
	for _, u := range w.units.All() {
		u.Pos.X += fixed.Num(moves.At(in, u.Slot).DX)
	}
}

// Think is the input of bots.
func (w *Units) Think(_ game.Tick, p game.Slot, in *game.Inputs) { moves.Set(in, p, move{DX: 1}) }

// Command runs a command.
func (w *Units) Command(_ game.Slot, name string, args []int32) ([]int32, bool) {
	switch name {
	case "boom":
		w.booms.Emit(boom{Power: args[0]})
		return args, true
	case "finish":
		w.over = true
		return nil, true
	case "explode":
		w.explode = true
		return nil, true
	}
	return nil, false
}

// Team implements [game.Teamer].
func (w *Units) Team(p game.Slot) int32 {
	if u := w.units.Get(w.rows[p]); u != nil {
		return u.Side
	}
	return -1
}

// Outcome is the standing, and whether it is final.
func (w *Units) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	for _, u := range w.units.All() {
		w.results = append(w.results, game.Result{Slot: u.Slot, Team: u.Side, Score: int32(u.Pos.X), Rank: 1})
	}
	return game.Outcome{Results: w.results}, w.over
}
