package arena

import (
	"math"
	"math/rand/v2"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

func randomPoint(r *rand.Rand, size fixed.Vec) fixed.Vec {
	return fixed.Vec{X: fixed.Num(r.Int32N(int32(size.X))), Y: fixed.Num(r.Int32N(int32(size.Y)))}
}

// The index over the map finds what going through all walls and rocks finds.
func TestCover_findsEveryObstacle(t *testing.T) {
	for mode, rays := range map[string]int{modeFFA: 2000, modeSwarm: 200} {
		_, w := newSim(t, mode, 5)
		r := rand.New(rand.NewPCG(1, 2))
		for range rays {
			a := randomPoint(r, w.match.Size)
			b := a.Add(fixed.FromAngle(fixed.Angle(r.Int32N(65536)), fixed.Num(r.Int32N(int32(railRange)))))
			end, free := w.edgeEnd(a, b.Sub(a)), true
			for _, wall := range w.walls.All() {
				if at, ok := wall.enter(a, b.Sub(a)); ok {
					end = min(end, at)
				}
				free = free && !wall.meets(a, b, pulseRadius)
			}
			if got := w.wallEnd(a, b.Sub(a)); got != end {
				t.Fatalf("%s: from %v to %v free for %d, want %d", mode, a, b, got, end)
			}
			if got := w.visible(a, b, pulseRadius); got != free {
				t.Fatalf("%s: from %v to %v visible %v, want %v", mode, a, b, got, free)
			}
			rocks := fixed.One
			for _, rock := range w.rocks.All() {
				if at, ok := segmentEntersCircle(a, b.Sub(a), rock.at(99), rock.Radius); ok {
					rocks = min(rocks, at)
				}
			}
			if got := w.rockEnd(99, a, b.Sub(a)); got != rocks {
				t.Fatalf("%s: rocks at %d, want %d", mode, got, rocks)
			}
			occupied := a.X < fixed.One || a.Y < fixed.One || a.X > w.match.Size.X-fixed.One || a.Y > w.match.Size.Y-fixed.One
			for _, wall := range w.walls.All() {
				_, _, hit := pushOut(a, wall.Center, wall.Half, wall.Radius+fixed.One)
				occupied = occupied || hit
			}
			for _, rock := range w.rocks.All() {
				_, _, hit := pushOut(a, rock.at(7), fixed.Vec{}, rock.Radius+fixed.One)
				occupied = occupied || hit
			}
			if got := w.occupied(a, fixed.One, 7); got != occupied {
				t.Fatalf("%s: %v occupied %v, want %v", mode, a, got, occupied)
			}
		}
	}
}

func TestCover_followsTables(t *testing.T) {
	_, w := newSim(t, modeFFA, 5)
	a, b := metres(2, 1), metres(46, 1)
	if !w.visible(a, b, 0) {
		t.Fatal("the map's rim is not free")
	}
	_, wall := w.walls.At(0)
	*wall = Wall{Center: metres(24, 1), Half: metres(1, 1)}
	w.cover.sync(w)
	if w.visible(a, b, 0) {
		t.Fatal("a wall that was moved is not seen")
	}
	e, _ := w.walls.At(0)
	w.walls.Despawn(e)
	w.cover.sync(w)
	if !w.visible(a, b, 0) {
		t.Fatal("a wall that was removed is still there")
	}
}

func float(n fixed.Num) float64 { return float64(n) / float64(fixed.One) }

// Geometry in fixed point against the same question sampled in floats.
func TestSegments_agreeWithSampling(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	size := metres(20, 20)
	for range 1000 {
		a, b, c := randomPoint(r, size), randomPoint(r, size), randomPoint(r, size)
		half := fixed.Vec{X: fixed.Num(1 + r.Int32N(4<<16)), Y: fixed.Num(1 + r.Int32N(4<<16))}
		radius := fixed.Num(1 + r.Int32N(4<<16))
		ax, ay, dx, dy := float(a.X), float(a.Y), float(b.X-a.X), float(b.Y-a.Y)
		boxAt, circleAt, near := 2.0, 2.0, math.Inf(1)
		boxNear := math.Inf(1)
		const samples = 2000
		for i := range samples + 1 {
			s := float64(i) / samples
			x, y := math.Abs(ax+dx*s-float(c.X)), math.Abs(ay+dy*s-float(c.Y))
			gap := math.Max(x-float(half.X), y-float(half.Y))
			boxNear = math.Min(boxNear, gap)
			if gap <= 0 && boxAt > 1 {
				boxAt = s
			}
			d := math.Hypot(x, y)
			near = math.Min(near, d)
			if d <= float(radius) && circleAt > 1 {
				circleAt = s
			}
		}
		const slack = 0.03
		at, ok := segmentEntersBox(a, b.Sub(a), c, half)
		if touches := segmentMeetsBox(a, b, c, half); touches != ok && math.Abs(boxNear) > slack {
			t.Fatalf("box %v %v, line %v %v: meets %v, enters %v", c, half, a, b, touches, ok)
		}
		if ok != (boxAt <= 1) && math.Abs(boxNear) > slack || ok && boxAt <= 1 && math.Abs(float(at)-boxAt) > slack {
			t.Fatalf("box %v %v, line %v %v: enters %v at %.3f, want %.3f", c, half, a, b, ok, float(at), boxAt)
		}
		gap := near - float(radius)
		at, ok = segmentEntersCircle(a, b.Sub(a), c, radius)
		if meets := segmentMeets(a, b, c, radius); meets != (gap <= 0) && math.Abs(gap) > slack {
			t.Fatalf("circle %v %d, line %v %v: meets %v, is %.4f apart", c, radius, a, b, meets, gap)
		}
		if ok != (circleAt <= 1) && math.Abs(gap) > slack || ok && circleAt <= 1 && math.Abs(gap) > slack && math.Abs(float(at)-circleAt) > slack {
			t.Fatalf("circle %v %d, line %v %v: enters %v at %.3f, want %.3f", c, radius, a, b, ok, float(at), circleAt)
		}
	}
}

func TestPushOut_endsAtEdge(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		c, half := metres(10, 10), fixed.Vec{X: fixed.Num(r.Int32N(3 << 16)), Y: fixed.Num(r.Int32N(3 << 16))}
		p, reach := randomPoint(r, metres(20, 20)), fixed.Num(1<<12+r.Int32N(2<<16))
		to, normal, hit := pushOut(p, c, half, reach)
		dx := math.Max(math.Abs(float(to.X-c.X))-float(half.X), 0)
		dy := math.Max(math.Abs(float(to.Y-c.Y))-float(half.Y), 0)
		gap := math.Hypot(dx, dy) - float(reach)
		if gap < -0.001 || hit && gap > 0.001 || !hit && to != p {
			t.Fatalf("%v out of %v, %v + %d: to %v, %.5f from the edge", p, c, half, reach, to, gap)
		}
		if length := math.Hypot(float(normal.X), float(normal.Y)); hit && math.Abs(length-1) > 0.001 {
			t.Fatalf("normal %v has length %f", normal, length)
		}
	}
}

func TestMaps_areOpenAndSymmetric(t *testing.T) {
	for _, mode := range Game.Info().Modes {
		seeds := uint64(25)
		if mode.Name == modeSwarm {
			seeds = 1
		}
		for seed := range seeds {
			_, w := newSim(t, mode.Name, seed)
			checkMap(t, w, mode.Name, seed)
		}
	}
}

func checkMap(t *testing.T, w *world, mode string, seed uint64) {
	t.Helper()
	plan := layoutOf(modeNamed(t, mode))
	if w.walls.Len() < plan.wallPairs-1 || w.pickups.Len() < plan.pickupPairs || w.rocks.Len() < 2 {
		t.Errorf("%s, seed %d: %d walls, %d rocks, %d pickups", mode, seed, w.walls.Len(), w.rocks.Len(), w.pickups.Len())
	}
	for _, a := range w.walls.All() {
		mirrored := *a
		mirrored.Center = w.match.Size.Sub(a.Center)
		found := false
		for _, b := range w.walls.All() {
			found = found || *b == mirrored
			gap := max((a.Center.X-b.Center.X).Abs()-a.Half.X-a.Radius-b.Half.X-b.Radius, (a.Center.Y-b.Center.Y).Abs()-a.Half.Y-a.Radius-b.Half.Y-b.Radius)
			if a != b && gap < wallGap {
				t.Fatalf("%s, seed %d: walls %+v and %+v leave no way between them", mode, seed, *a, *b)
			}
		}
		if !found {
			t.Fatalf("%s, seed %d: wall %+v has no twin", mode, seed, *a)
		}
	}
	for _, pick := range w.pickups.All() {
		if w.occupied(pick.Pos, fixed.One, 0) {
			t.Fatalf("%s, seed %d: pickup at %v can't be reached", mode, seed, pick.Pos)
		}
	}
	for _, rock := range w.rocks.All() {
		if rock.Spin == 0 || rock.Spin > 600 || rock.Spin < -600 {
			t.Fatalf("%s, seed %d: rock spins by %d", mode, seed, rock.Spin)
		}
		if mode == modeSwarm {
			continue // the same builder, and 128,000 pairs
		}
		for tick := range uint32(100) {
			for _, wall := range w.walls.All() {
				if _, _, hit := pushOut(rock.at(game.Tick(8*tick)), wall.Center, wall.Half, wall.Radius+rock.Radius+2*shipRadius); hit {
					t.Fatalf("%s, seed %d: rock %+v crushes ships at %+v", mode, seed, *rock, *wall)
				}
			}
		}
	}
}
