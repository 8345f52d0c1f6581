package game_test

import (
	"strings"
	"testing"

	"tactus/game"
)

type crate struct {
	Owner game.Slot `tactus:"slot,owner"`
	Side  int32     `tactus:"side,team"`
}

type openCrate struct {
	Owner game.Slot `tactus:"slot,owner"`
	Side  int32     `tactus:"side,team"`
	Lid   int32
}

// crateGame has one table for the team and the owner; the world says which side
// a player is on.
type crateGame struct{ open bool }

func (crateGame) Info() game.Info { return toy{}.Info() }

func (g crateGame) NewWorld(game.MatchConfig) game.World {
	tables := game.NewTables()
	if g.open {
		game.NewTable[openCrate](tables, "crate", 1, game.Global)
	} else {
		game.NewTable[crate](tables, "crate", 1, game.Global)
	}
	return crateWorld{plainWorld{tables}}
}

type crateWorld struct{ plainWorld }

func (crateWorld) Team(game.Slot) int32 { return 0 }

func TestCheck_rejectsTeamAndOwnerTableWithoutPublicField(t *testing.T) {
	const want = "table crate has fields for the team and for the owner, but none for everyone; split it in two"
	if err := game.Check(crateGame{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v does not say %q", err, want)
	}
	if err := game.Check(crateGame{open: true}); err != nil && strings.Contains(err.Error(), "split it in two") {
		t.Errorf("with a public field: %v", err)
	}
}

// ranged is toy with an option.
type ranged struct {
	toy
	option game.Option
}

func (g ranged) Info() game.Info {
	info := g.toy.Info()
	info.Modes[0].Options = []game.Option{g.option}
	return info
}

func TestCheck_rejectsOptionsOutsideTheirRange(t *testing.T) {
	for want, option := range map[string]game.Option{
		"":                                    {Name: "fuel", Value: 9},
		" ":                                   {Name: "fuel", Value: 9, Min: 1, Max: 9},
		"option fuel: Min 5 is above Max 1":   {Name: "fuel", Value: 3, Min: 5, Max: 1},
		"option fuel: Value 9 is not between": {Name: "fuel", Value: 9, Min: 1, Max: 8},
		"which differ":                        {Name: "fuel", Value: 2, Min: 2, Max: 2},
	} {
		err := game.Check(ranged{option: option})
		if fine := strings.TrimSpace(want) == ""; fine != (err == nil) || !fine && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", option, err, want)
		}
	}
}

func TestNewSimulation_hidesRangesFromTheRules(t *testing.T) {
	g := ranged{option: game.Option{Name: "fuel", Value: 9, Min: 1, Max: 9}}
	mode := g.Info().Modes[0]
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: mode, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := sim.Config().Mode.Options[0]; got != (game.Option{Name: "fuel", Value: 9}) || mode.Options[0].Max != 9 {
		t.Errorf("the rules see %+v, the mode has %+v", got, mode.Options[0])
	}
}
