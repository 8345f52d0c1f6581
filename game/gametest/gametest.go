// Package gametest checks that a game keeps the contract of package game.
// Replays, migration, recovery from crashes and prediction depend on it.
//
//	func TestGame_conforms(t *testing.T) { gametest.Run(t, mygame.Game) }
//
// [Run] plays random matches of every mode and reports what depends on anything
// but the state: clocks, goroutines, the order of maps, package variables,
// memory outside the tables, or words that the predicting player does not see.
// It also reports allocations in Step, references to rows that never existed, and
// options that panic within the range from which players choose.
package gametest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"testing"

	"tactus/game"
	"tactus/game/script"
)

// Option changes how a game is checked.
type Option func(*plan)

// Ticks sets how many ticks of each mode are played. The default is 900, and
// fewer in modes of more than 100 seats.
func Ticks(n int) Option { return func(p *plan) { p.ticks = n } }

// Seed sets the seed of the random matches, another one than the default 1.
func Seed(seed uint64) Option { return func(p *plan) { p.seed = seed } }

// Commands names the commands of the game. They are sent with random arguments.
func Commands(names ...string) Option { return func(p *plan) { p.commands = names } }

type plan struct {
	ticks    int
	seed     uint64
	commands []string
}

// check is one rule of the contract; find returns how the game breaks it.
type check struct {
	name string
	find func(*trial) error
}

var checks = []check{
	{"same inputs, same state", findDivergence},
	{"all state is in tables", findHiddenState},
	{"step does not allocate", findAllocation},
	{"prediction keeps to what the player sees", findPredictionLeak},
	{"fields hold what their types say", findBadReference},
	{"outcome makes sense", findBadOutcome},
	{"options keep their ranges", findBadOption},
}

// Run plays random matches of every mode of the game and reports each rule of
// the contract that it breaks, with the first tick, table, row and field.
func Run(t *testing.T, g game.Game, options ...Option) {
	t.Helper()
	if err := game.Check(g); err != nil {
		t.Fatal(err)
	}
	for _, mode := range g.Info().Modes {
		for _, c := range checks {
			t.Run(mode.Name+"/"+c.name, func(t *testing.T) {
				if err := c.run(newTrial(g, mode, options)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Verify is [Run] without a test: it returns everything found.
func Verify(g game.Game, options ...Option) error {
	if err := game.Check(g); err != nil {
		return err
	}
	var errs []error
	for _, mode := range g.Info().Modes {
		for _, c := range checks {
			if err := c.run(newTrial(g, mode, options)); err != nil {
				errs = append(errs, fmt.Errorf("mode %s: %s: %w", mode.Name, c.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// RandomHash is [script.RandomHash].
func RandomHash(g game.Game, mode string, seed uint64, ticks int) (uint64, error) {
	return script.RandomHash(g, mode, seed, ticks)
}

func (c check) run(t *trial) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic after tick %d: %v\n%s", t.tick, p, debug.Stack())
		}
	}()
	return c.find(t)
}

// trial is the random match of one mode that a check looks at.
type trial struct {
	game   game.Game
	config game.MatchConfig
	script script.Script
	random game.Rand // the check's own choices
	ticks  int
	tick   game.Tick // the last one that was begun, for a panic's report
}

func newTrial(g game.Game, mode game.Mode, options []Option) *trial {
	p := plan{ticks: min(max(90_000/mode.MaxPlayers, 60), 900), seed: 1}
	for _, o := range options {
		o(&p)
	}
	t := &trial{
		game: g, config: game.MatchConfig{Mode: mode, Seed: p.seed}, ticks: p.ticks,
		script: script.Script{Seed: p.seed, Commands: p.commands},
	}
	t.random.Seed(p.seed)
	return t
}

// match makes a fresh match, at tick 0. Since [game.Check] has passed, it fails
// only for a game that answers differently each time.
func (t *trial) match() *game.Simulation { return mustMatch(t.game, t.config) }

func mustMatch(g game.Game, config game.MatchConfig) *game.Simulation {
	sim, err := game.NewSimulation(g, config)
	if err != nil {
		panic(err)
	}
	return sim
}

// play advances the match by one tick of the script.
func (t *trial) play(sim *game.Simulation) {
	t.tick = sim.Tick()
	t.script.Play(sim)
}
