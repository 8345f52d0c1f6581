package arena_test

import (
	"testing"

	"tactus/game"
	"tactus/game/arena"
	"tactus/game/gametest"
)

// Deterministic, restorable, without allocation, without hidden state, and
// predicted from what a player may see. The swarm is tried with a tenth of its
// seats: all of them take minutes under the race detector.
func TestArena_conforms(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	info := arena.Game.Info()
	last := len(info.Modes) - 1
	swarm := info.Modes[last]
	swarm.MaxPlayers = 300
	gametest.Run(t, arenaWith(info.Modes[:last]...), gametest.Commands("emote"))
	gametest.Run(t, arenaWith(swarm), gametest.Commands("emote"), gametest.Ticks(60))
}

func arenaWith(modes ...game.Mode) game.Game {
	info := arena.Game.Info()
	info.Modes = modes
	return part{arena.Game, info}
}

// part is a game with other modes.
type part struct {
	game.Game
	info game.Info
}

func (p part) Info() game.Info { return p.info }
