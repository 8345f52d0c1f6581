package replicate

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

// TestGrid_thinTallGridIsBounded checks the bound on a grid with one column:
// each row takes a whole word.
func TestGrid_thinTallGridIsBounded(t *testing.T) {
	g := newGrid(game.Interest{Max: fixed.Vec{X: fixed.One, Y: 32000 * fixed.One}, Cell: fixed.One / 2})
	if n := g.size(); n > maxGridSize || int64(g.cell)*int64(g.rows) < int64(32000*fixed.One) {
		t.Errorf("%d numbers, %d rows of %d", n, g.rows, g.cell)
	}
}
