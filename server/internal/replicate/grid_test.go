package replicate

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

// TestInterest_viewIsDisc checks that exactly the cells that touch the disc
// around the viewpoint are visible, also in a grid whose rows are longer than a
// word.
func TestInterest_viewIsDisc(t *testing.T) {
	for _, cell := range []fixed.Num{testCell, fineCell} {
		x := newInterest(newFieldOf(t, cell).tracker.space)
		g := x.grid
		for _, viewpoint := range []fixed.Vec{
			{},
			{X: 64*fixed.One - 1, Y: 64*fixed.One - 1},
			{X: 48 * fixed.One, Y: 30 * fixed.One},
			{X: 47*fixed.One + 7, Y: 3},
			{X: -9 * fixed.One, Y: 20 * fixed.One},
		} {
			v := &View{Slot: game.NoSlot, state: newViewState()}
			v.state.viewpoint = game.View{Center: viewpoint, Near: testNear, Far: testFar}
			x.update(v, true)
			for row := range g.rows {
				for col := range g.cols {
					d := g.rowDistance2(viewpoint, row) + g.columnDistance2(viewpoint, col)
					at := row*g.words<<6 + col
					if x.isVisible(at) != (d <= square(testFar)) || x.now.near.has(at) != (d <= square(testNear)) {
						t.Fatalf("cells of %v, eye %v, cell %d/%d: seen %v, near %v", cell, viewpoint, col, row, x.isVisible(at), x.now.near.has(at))
					}
				}
			}
			total := 0
			for _, s := range v.state.next {
				if s.near&^s.all != 0 {
					t.Fatal("a near cell is not in view")
				}
				for word := s.all; word != 0; total++ {
					_, word = nextCell(s.at, word)
				}
			}
			if total == 0 {
				t.Errorf("cells of %v, eye %v: nothing is in view", cell, viewpoint)
			}
		}
	}
}

// TestInterest_viewsAreIndependent checks that update forgets the view before.
func TestInterest_viewsAreIndependent(t *testing.T) {
	x := newInterest(newField(t).tracker.space)
	updateAt := func(at fixed.Num) int32 {
		v := &View{Slot: game.NoSlot, state: newViewState()}
		v.state.viewpoint = game.View{Center: fixed.Vec{X: at, Y: at}, Near: testNear, Far: testFar}
		x.update(v, true)
		return x.grid.at(v.state.viewpoint.Center)
	}
	first := updateAt(8 * fixed.One)
	second := updateAt(56 * fixed.One)
	if x.isVisible(first) || x.now.near.has(first) || !x.isVisible(second) {
		t.Error("a view contains cells of the view before it")
	}
}

// TestGrid_thinTallGridIsBounded checks the bound on a grid with one column:
// each row takes a whole word.
func TestGrid_thinTallGridIsBounded(t *testing.T) {
	g := newGrid(game.Interest{Max: fixed.Vec{X: fixed.One, Y: 32000 * fixed.One}, Cell: fixed.One / 2})
	if n := g.size(); n > maxGridSize || int64(g.cell)*int64(g.rows) < int64(32000*fixed.One) {
		t.Errorf("%d numbers, %d rows of %d", n, g.rows, g.cell)
	}
}
