package game_test

import (
	"fmt"

	"tactus/game"
)

// Move is what a player wants in a tick.
type Move struct {
	Forward int32 `tactus:"min=0,max=2"`
}

// Walker is a row for each player.
type Walker struct {
	Slot  game.Slot `tactus:"slot"`
	Place int32
}

var moves = game.DefineInput[Move]()

// race is a game: the first player at place 10 wins.
type race struct{}

func (race) Info() game.Info {
	return game.Info{
		Name: "race", Title: "Race", Version: "1", Input: moves.Schema(),
		Modes: []game.Mode{{Name: "duel", Title: "Duel", MaxPlayers: 2}},
	}
}

func (race) NewWorld(game.MatchConfig) game.World {
	w := &raceWorld{tables: game.NewTables()}
	w.walkers = game.NewTable[Walker](w.tables, "walker", 2, game.Global)
	return w
}

type raceWorld struct {
	tables  *game.Tables
	walkers *game.Table[Walker]
	results []game.Result
}

func (w *raceWorld) Tables() *game.Tables { return w.tables }

func (w *raceWorld) Join(p game.Slot, _ game.PlayerInfo) {
	_, walker := w.walkers.Spawn()
	walker.Slot = p
}

func (w *raceWorld) Leave(p game.Slot, _ game.LeaveReason) {
	for id, walker := range w.walkers.All() {
		if walker.Slot == p {
			w.walkers.Despawn(id)
		}
	}
}

func (w *raceWorld) Step(_ game.Tick, in *game.Inputs) {
	for _, walker := range w.walkers.All() {
		walker.Place += moves.At(in, walker.Slot).Forward
	}
}

func (w *raceWorld) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	over := false
	for _, walker := range w.walkers.All() {
		rank := int32(2)
		if walker.Place >= 10 {
			rank, over = 1, true
		}
		w.results = append(w.results, game.Result{Slot: walker.Slot, Team: -1, Score: walker.Place, Rank: rank})
	}
	return game.Outcome{Results: w.results}, over
}

// A game is a value with a description and a world for each match. Servers step
// it through a Simulation.
func ExampleGame() {
	mode, _ := race{}.Info().Mode("duel")
	simulation, err := game.NewSimulation(race{}, game.MatchConfig{Mode: mode, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	simulation.Join(0, game.PlayerInfo{})
	simulation.Join(1, game.PlayerInfo{})
	simulation.SetInput(0, 0, []uint32{2}) // inputs hold until the next one
	simulation.SetInput(1, 0, []uint32{1})

	for {
		simulation.Step()
		outcome, over := simulation.Outcome()
		if !over {
			continue
		}
		for _, r := range outcome.Results {
			fmt.Printf("tick %d: slot %d is at %d, rank %d\n", simulation.Tick(), r.Slot, r.Score, r.Rank)
		}
		return
	}
	// Output:
	// tick 5: slot 0 is at 10, rank 1
	// tick 5: slot 1 is at 5, rank 2
}
