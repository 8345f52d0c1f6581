package grid_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tactus/game/fixed"
	"tactus/game/grid"
)

type world struct {
	grid *grid.Grid
	pos  []fixed.Vec
}

// points draws positions in and around a grid of 1000 by 600.
func points(t *rapid.T, label string) fixed.Vec {
	at := func(name string, reach int32) fixed.Num {
		if rapid.IntRange(0, 9).Draw(t, label+name+" far") == 0 {
			reach = 16000
		}
		return fixed.Num(rapid.Int32Range(-reach<<16, reach<<16).Draw(t, label+name))
	}
	return fixed.Vec{X: at("X", 500), Y: at("Y", 300)}
}

func drawWorld(t *rapid.T) world {
	cell := fixed.Num(rapid.Int32Range(1<<16, 700<<16).Draw(t, "cell"))
	w := world{grid: grid.New(fixed.Vec{X: fixed.Int(-500), Y: fixed.Int(-300)}, fixed.Vec{X: fixed.Int(500), Y: fixed.Int(300)}, cell, 60)}
	for i := range rapid.IntRange(0, 60).Draw(t, "points") {
		w.pos = append(w.pos, points(t, "point"))
		if !w.grid.Insert(int32(i), w.pos[i]) {
			t.Fatal("grid is full below its capacity")
		}
	}
	return w
}

// where returns the ids for which the condition holds, by looking at all.
func (w *world) where(holds func(fixed.Vec) bool) []int32 {
	var ids []int32
	for i, p := range w.pos {
		if holds(p) {
			ids = append(ids, int32(i))
		}
	}
	return ids
}

func number(x fixed.Num) *big.Int { return big.NewInt(int64(x)) }

func add(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }

func sub(a, b fixed.Num) *big.Int { return new(big.Int).Sub(number(a), number(b)) }

func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }

func distSq(a, b fixed.Vec) *big.Int {
	x, y := sub(a.X, b.X), sub(a.Y, b.Y)
	return add(mul(x, x), mul(y, y))
}

func TestNear_findsExactlyRowsInReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		center, radius := points(t, "center"), fixed.Num(rapid.Int32Range(-1, 400<<16).Draw(t, "radius"))
		got := w.grid.Near(center, radius, []int32{77})
		want := append([]int32{77}, w.where(func(p fixed.Vec) bool {
			return radius >= 0 && distSq(p, center).Cmp(mul(number(radius), number(radius))) <= 0
		})...)
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestRay_findsExactlyRowsInReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		from, to := points(t, "from"), points(t, "to")
		if rapid.IntRange(0, 5).Draw(t, "degenerate") == 0 {
			to = from
		}
		radius := fixed.Num(rapid.Int32Range(-1, 100<<16).Draw(t, "radius"))
		square := mul(number(radius), number(radius))
		got := w.grid.Ray(from, to, radius, nil)
		want := w.where(func(p fixed.Vec) bool {
			if radius < 0 {
				return false
			}
			dx, dy, wx, wy := sub(to.X, from.X), sub(to.Y, from.Y), sub(p.X, from.X), sub(p.Y, from.Y)
			along, lengthSq := add(mul(wx, dx), mul(wy, dy)), distSq(from, to)
			if along.Sign() <= 0 {
				return distSq(p, from).Cmp(square) <= 0
			}
			if along.Cmp(lengthSq) >= 0 {
				return distSq(p, to).Cmp(square) <= 0
			}
			cross := new(big.Int).Sub(mul(wx, dy), mul(wy, dx))
			return mul(cross, cross).Cmp(mul(square, lengthSq)) <= 0
		})
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestClear_equalsNewGrid(t *testing.T) {
	g := grid.New(fixed.Vec{}, fixed.Vec{X: fixed.Int(10), Y: fixed.Int(10)}, fixed.One, 2)
	at := fixed.Vec{X: fixed.Int(3), Y: fixed.Int(3)}
	if !g.Insert(9, at) || !g.Insert(4, at) || g.Insert(1, at) {
		t.Error("capacity is not 2")
	}
	if got := g.Near(at, 0, nil); !slices.Equal(got, []int32{4, 9}) {
		t.Errorf("got %v, want ids in ascending order", got)
	}
	g.Clear()
	if got := g.Near(at, fixed.Int(100), nil); g.Len() != 0 || len(got) != 0 {
		t.Errorf("cleared grid still holds %v", got)
	}
}

func TestNew_unusualSizes(t *testing.T) {
	low, high := fixed.Vec{X: fixed.Smallest, Y: fixed.Smallest}, fixed.Vec{X: fixed.Largest, Y: fixed.Largest}
	for _, cell := range []fixed.Num{fixed.Smallest, 0, 1, fixed.Largest} {
		g := grid.New(high, low, cell, 3)
		g.Insert(1, low)
		g.Insert(2, fixed.Vec{})
		g.Insert(3, high)
		if got := g.Near(fixed.Vec{}, fixed.One, nil); !slices.Equal(got, []int32{2}) {
			t.Errorf("cell %d: got %v at the middle", cell, got)
		}
		if got := g.Near(high, fixed.One, nil); !slices.Equal(got, []int32{3}) {
			t.Errorf("cell %d: got %v at the corner", cell, got)
		}
	}
}

func TestGrid_doesNotAllocate(t *testing.T) {
	g := grid.New(fixed.Vec{}, fixed.Vec{X: fixed.Int(100), Y: fixed.Int(100)}, fixed.Int(8), 200)
	out := make([]int32, 0, 200)
	allocations := testing.AllocsPerRun(20, func() {
		g.Clear()
		for i := range int32(200) {
			g.Insert(i, fixed.Vec{X: fixed.Int(i % 100), Y: fixed.Int(i / 2)})
		}
		out = g.Near(fixed.Vec{X: fixed.Int(50), Y: fixed.Int(50)}, fixed.Int(30), out[:0])
		out = g.Ray(fixed.Vec{}, fixed.Vec{X: fixed.Int(99), Y: fixed.Int(99)}, fixed.Int(5), out[:0])
	})
	if allocations != 0 || len(out) == 0 {
		t.Errorf("%v allocations, %d found", allocations, len(out))
	}
}

func BenchmarkRebuildAndQuery(b *testing.B) {
	const n = 1000
	g := grid.New(fixed.Vec{}, fixed.Vec{X: fixed.Int(4000), Y: fixed.Int(4000)}, fixed.Int(64), n)
	at := func(i int32) fixed.Vec { return fixed.Vec{X: fixed.Int(i * 997 % 4000), Y: fixed.Int(i * 613 % 4000)} }
	out := make([]int32, 0, n)
	b.ReportAllocs()
	for range b.N {
		g.Clear()
		for i := range int32(n) {
			g.Insert(i, at(i))
		}
		for i := range int32(n) {
			out = g.Near(at(i), fixed.Int(64), out[:0])
		}
	}
}
