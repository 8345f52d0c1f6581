package replicate

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

// TestAViewIsADisc: whoever looks from wherever sees the cells that the disc
// around him touches, those and no others, in a grid whose rows are longer than a
// word too.
func TestAViewIsADisc(t *testing.T) {
	for _, cell := range []fixed.Num{testCell, fineCell} {
		x := newFieldOf(t, cell).engine.interest
		g := x.grid
		for _, eye := range []fixed.Vec{
			{},
			{X: 64*fixed.One - 1, Y: 64*fixed.One - 1},
			{X: 48 * fixed.One, Y: 30 * fixed.One},
			{X: 47*fixed.One + 7, Y: 3},
			{X: -9 * fixed.One, Y: 20 * fixed.One},
		} {
			v := &View{Slot: game.NoSlot, sight: newViewed()}
			v.sight.eye = game.View{Center: eye, Near: testNear, Far: testFar}
			x.look(v, true)
			for row := range g.rows {
				for col := range g.cols {
					d := g.above2(eye, row) + g.beside2(eye, col)
					at := row*g.words<<6 + col
					if x.sees(at) != (d <= square(testFar)) || x.nowNear.has(at) != (d <= square(testNear)) {
						t.Fatalf("cells of %v, eye %v, cell %d/%d: seen %v, near %v", cell, eye, col, row, x.sees(at), x.nowNear.has(at))
					}
				}
			}
			total := 0
			for _, s := range v.sight.next {
				if s.near&^s.all != 0 {
					t.Fatal("a near cell is not in view")
				}
				for word := s.all; word != 0; total++ {
					_, word = nextCell(s.at, word)
				}
			}
			if total == 0 {
				t.Errorf("cells of %v, eye %v: nothing is in view", cell, eye)
			}
		}
	}
}

// TestNobodySeesByAnothersEyes: what one player looked at is forgotten when the
// next one's frame is made.
func TestNobodySeesByAnothersEyes(t *testing.T) {
	x := newField(t).engine.interest
	look := func(at fixed.Num) int32 {
		v := &View{Slot: game.NoSlot, sight: newViewed()}
		v.sight.eye = game.View{Center: fixed.Vec{X: at, Y: at}, Near: testNear, Far: testFar}
		x.look(v, true)
		return x.grid.at(v.sight.eye.Center)
	}
	first := look(8 * fixed.One)
	second := look(56 * fixed.One)
	if x.sees(first) || x.nowNear.has(first) || !x.sees(second) {
		t.Error("who looks elsewhere sees what the one before did")
	}
}

// TestAThinTallGridStaysSmall: rows take whole words, also where one column would
// do.
func TestAThinTallGridStaysSmall(t *testing.T) {
	g := newGrid(game.Interest{Max: fixed.Vec{X: fixed.One, Y: 32000 * fixed.One}, Cell: fixed.One / 2})
	if n := g.numbers(); n > maxNumbers || int64(g.cell)*int64(g.rows) < int64(32000*fixed.One) {
		t.Errorf("%d numbers, %d rows of %d", n, g.rows, g.cell)
	}
}
