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
