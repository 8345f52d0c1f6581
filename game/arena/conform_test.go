package arena_test

import (
	"testing"

	"tactus/game/arena"
	"tactus/game/gametest"
)

// Deterministic, restorable, without allocation, without hidden state, and
// predicted from what a player may see.
func TestConforms(t *testing.T) { gametest.Run(t, arena.Game) }
