package tag_test

import (
	"testing"

	"tactus/game/gametest"
	"tactus/game/tag"
)

func TestGame(t *testing.T) { gametest.Run(t, tag.Game, gametest.Ticks(2000)) }
