// Package tag is the smallest complete game: everyone runs, one runner is "it",
// a touch passes it on. The runner that was it for the shortest time wins.
package tag

import (
	"tactus/game"
	"tactus/game/fixed"
)

// Input is where a player wants to run: two numbers from -1 to 1 (65536).
type Input struct {
	X, Y fixed.Num `tactus:"min=-65536,max=65536"`
}

// Runner is a row for each player.
type Runner struct {
	Pos    fixed.Vec `tactus:"pos"`  // in metres; rows are sent to those nearby
	Slot   game.Slot `tactus:"slot"` // owner of the row
	Score  int32     // ticks not being it
	FreeAt game.Tick // a runner that was just tagged stands still until then
}

// Round is the match as a whole: one row, which everyone sees.
type Round struct {
	It     game.Entity // the runner that is it
	EndsAt game.Tick   // a moment costs nothing to send while time passes, a countdown does
	Now    game.Tick   `tactus:"server"` // the last tick: clients know it, the rules must store it
	Rand   game.Rand   `tactus:"server"` // randomness is state too, but players never see it
}

type world struct {
	tables  *game.Tables // every word that changes is in a table
	runners *game.Table[Runner]
	round   *Round
	results []game.Result // room for Outcome
}

type rules struct{}

// Game is the rules of tag.
var Game game.Game = rules{}

var (
	input = game.DefineInput[Input]() // typed access to players' inputs
	speed = fixed.Ratio(1, 5)         // metres per tick
	edge  = fixed.Int(15)             // the field goes from -edge to edge
	reach = fixed.Int(2)              // nearer than this is a touch
)

func (rules) Info() game.Info {
	length := game.Option{Name: "seconds", Value: 60, Min: 30, Max: 600} // players choose it for their rooms
	mode := game.Mode{Name: "classic", Title: "Classic", MaxPlayers: 8, Options: []game.Option{length}}
	return game.Info{Name: "tag", Title: "Tag", Version: "1", TickRate: 30, Input: input.Schema(), Modes: []game.Mode{mode}}
}

func (rules) NewWorld(cfg game.MatchConfig) game.World {
	ts := game.NewTables()
	w := &world{tables: ts, runners: game.NewTable[Runner](ts, "runner", 8), round: game.NewSingle[Round](ts, "round")}
	w.round.EndsAt = game.Tick(30 * cfg.Option("seconds", 60))
	w.round.Rand.Seed(cfg.Seed)
	return w
}

func (w *world) Tables() *game.Tables { return w.tables }

func (w *world) Join(p game.Slot, _ game.PlayerInfo) {
	_, r := w.runners.Spawn()
	r.Slot, r.Pos = p, fixed.FromAngle(fixed.Angle(w.round.Rand.Uint32()), edge)
}

func (w *world) Leave(p game.Slot, _ game.LeaveReason) {
	for e, r := range w.runners.All() {
		if r.Slot == p {
			w.runners.Despawn(e)
		}
	}
}

// Step is one tick of the match: the only place where the rules meet.
func (w *world) Step(t game.Tick, in *game.Inputs) {
	w.round.Now = t
	if t > w.round.EndsAt {
		return
	}
	it := w.runners.Get(w.round.It)
	for e, r := range w.runners.All() {
		w.Predict(t, r.Slot, in)
		switch {
		case it == nil: // no runner is it, or the one that was has left
			it, w.round.It = r, e
		case t >= it.FreeAt && r != it && r.Pos.Dist(it.Pos) < reach:
			r.FreeAt = t + 30
			it, w.round.It = r, e
		case r != it:
			r.Score++
		}
	}
}

// Predict moves p alone; p's browser runs it too, ahead of the server.
func (w *world) Predict(t game.Tick, p game.Slot, in *game.Inputs) {
	for _, r := range w.runners.All() {
		if want := input.At(in, p); r.Slot == p && t >= r.FreeAt {
			r.Pos = r.Pos.Add(fixed.Vec{X: want.X, Y: want.Y}.ClampLen(fixed.One).Scale(speed))
			r.Pos.X, r.Pos.Y = fixed.Clamp(r.Pos.X, -edge, edge), fixed.Clamp(r.Pos.Y, -edge, edge)
		}
	}
}

// Outcome ranks the players, and says whether the match is over.
func (w *world) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	for _, r := range w.runners.All() {
		result := game.Result{Slot: r.Slot, Team: -1, Score: r.Score, Rank: 1}
		for _, other := range w.runners.All() {
			if other.Score > r.Score {
				result.Rank++
			}
		}
		w.results = append(w.results, result)
	}
	return game.Outcome{Results: w.results}, w.round.Now > w.round.EndsAt
}

// Remaining is how many ticks are left. A match that is nearly over gets no new
// players.
func (w *world) Remaining() game.Tick { return w.round.EndsAt + 1 - min(w.round.Now, w.round.EndsAt) }
