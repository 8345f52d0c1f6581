package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// layout is the size of a mode's map and the number of obstacles on it. Maps are
// symmetric about their middle, so that no side has the better half.
type layout struct {
	size                              fixed.Vec
	wallPairs, rockPairs, pickupPairs int
	crowd                             bool
}

func layoutOf(mode game.Mode) layout {
	switch mode.Name {
	case modeDuel:
		return layout{size: metres(40, 26), wallPairs: 4, rockPairs: 1, pickupPairs: 2}
	case modeTeams:
		return layout{size: metres(56, 36), wallPairs: 9, rockPairs: 2, pickupPairs: 3}
	case modeTeams5:
		return layout{size: metres(60, 38), wallPairs: 10, rockPairs: 2, pickupPairs: 4}
	case modeTeams8:
		return layout{size: metres(72, 44), wallPairs: 14, rockPairs: 3, pickupPairs: 5}
	case modeSwarm:
		return layout{size: metres(800, 800), wallPairs: 600, rockPairs: 120, pickupPairs: 450, crowd: true}
	default:
		return layout{size: metres(48, 32), wallPairs: 7, rockPairs: 2, pickupPairs: 3}
	}
}

func metres(x, y int32) fixed.Vec { return fixed.Vec{X: fixed.Int(x), Y: fixed.Int(y)} }

// Distances that keep a map open: no ship gets stuck between two things, and a
// rock never passes closer to a wall than a ship is wide.
const (
	wallGap   = 3 * fixed.One
	edgeGap   = 3 * fixed.One
	pickupGap = 2 * fixed.One
	mapTries  = 80 // places thrown for one thing before it is left out
)

func (w *world) buildMap(plan layout) {
	b := builder{w: w, rand: &w.match.Rand, size: plan.size}
	b.centerPiece()
	// What needs the most room comes first, walls fill what is left.
	for range plan.rockPairs {
		b.rockPair()
	}
	for i := range plan.pickupPairs {
		b.pickupPair(int32(i) % pickupKinds)
	}
	for range plan.wallPairs {
		b.wallPair()
	}
}

// builder throws things onto a map where there is room for them.
type builder struct {
	w     *world
	rand  *game.Rand
	size  fixed.Vec
	taken []claim
}

// claim is a rectangle that something stands on.
type claim struct{ center, half fixed.Vec }

func (b *builder) opposite(p fixed.Vec) fixed.Vec { return b.size.Sub(p) }

// centerPiece is a pillar in the middle, or nothing but a pickup.
func (b *builder) centerPiece() {
	middle := b.size.Scale(fixed.One / 2)
	if b.rand.Intn(2) == 0 {
		b.addWall(Wall{Center: middle, Radius: b.between(130, 220)})
		return
	}
	if _, pick := b.w.pickups.Spawn(); pick != nil {
		pick.Pos, pick.Kind = middle, KindRapid
		b.taken = append(b.taken, claim{middle, fixed.Vec{X: fixed.One, Y: fixed.One}})
	}
}

// wallPair tries a second shape where the first one finds no room.
func (b *builder) wallPair() {
	for range 2 {
		wall := b.randomWall()
		half := fixed.Vec{X: wall.Half.X + wall.Radius, Y: wall.Half.Y + wall.Radius}
		if center, ok := b.place(half, wallGap, edgeGap); ok {
			wall.Center = center
			b.addWall(wall)
			wall.Center = b.opposite(center)
			b.addWall(wall)
			return
		}
	}
}

func (b *builder) randomWall() (wall Wall) {
	switch b.rand.Intn(4) {
	case 0:
		wall.Radius = b.between(80, 180)
	case 1:
		wall.Half = fixed.Vec{X: b.between(50, 80), Y: b.between(160, 320)}
	case 2:
		wall.Half = fixed.Vec{X: b.between(160, 320), Y: b.between(50, 80)}
	default:
		wall.Half = fixed.Vec{X: b.between(90, 180), Y: b.between(90, 180)}
	}
	return wall
}

func (b *builder) addWall(wall Wall) {
	if _, row := b.w.walls.Spawn(); row != nil {
		*row = wall
		b.taken = append(b.taken, claim{wall.Center, fixed.Vec{X: wall.Half.X + wall.Radius, Y: wall.Half.Y + wall.Radius}})
	}
}

func (b *builder) rockPair() {
	rock := Rock{
		Reach:  fixed.Vec{X: b.between(80, 260), Y: b.between(80, 260)},
		Radius: b.between(60, 110),
		Phase:  fixed.Angle(b.rand.Intn(int32(fixed.Turn))),
	}
	// About 1.2 m/s along the longer half axis: 65536/(2 pi) angle units a metre.
	rock.Spin = int32(fixed.Int(12517/rate).Div(max(rock.Reach.X, rock.Reach.Y)) >> 16)
	if b.rand.Intn(2) == 0 {
		rock.Spin = -rock.Spin
	}
	home, ok := b.place(rock.extent(), wallGap/2, edgeGap/2)
	if !ok {
		return
	}
	rock.Home = home
	for range 2 {
		if _, row := b.w.rocks.Spawn(); row != nil {
			*row = rock
			b.taken = append(b.taken, claim{rock.Home, rock.extent()})
		}
		rock.Home = b.opposite(rock.Home)
		rock.Phase = (rock.Phase + fixed.Turn/2).Wrap()
	}
}

func (b *builder) pickupPair(kind int32) {
	half := fixed.Vec{X: fixed.One, Y: fixed.One}
	center, ok := b.place(half, pickupGap, edgeGap)
	if !ok {
		return
	}
	for range 2 {
		if _, pick := b.w.pickups.Spawn(); pick != nil {
			pick.Pos, pick.Kind = center, kind
			b.taken = append(b.taken, claim{center, half})
		}
		center = b.opposite(center)
	}
}

// place finds a free place for a rectangle and its opposite: at least gap from
// everything and edge from the map's edge.
func (b *builder) place(half fixed.Vec, gap, edge fixed.Num) (fixed.Vec, bool) {
	lo := fixed.Vec{X: half.X + edge, Y: half.Y + edge}
	hi := b.size.Sub(lo)
	for range mapTries {
		p := fixed.Vec{X: b.snapped(lo.X, hi.X), Y: b.snapped(lo.Y, hi.Y)}
		opposite := claim{b.opposite(p), half}
		if b.free(p, half, gap) && !opposite.near(p, half, gap) {
			return p, true
		}
	}
	return fixed.Vec{}, false
}

func (b *builder) free(p, half fixed.Vec, gap fixed.Num) bool {
	for i := range b.taken {
		if b.taken[i].near(p, half, gap) {
			return false
		}
	}
	return true
}

func (c *claim) near(p, half fixed.Vec, gap fixed.Num) bool {
	return (p.X-c.center.X).Abs() < half.X+c.half.X+gap && (p.Y-c.center.Y).Abs() < half.Y+c.half.Y+gap
}

// between returns a length in hundredths of a metre.
func (b *builder) between(lo, hi int32) fixed.Num { return fixed.Ratio(b.rand.Range(lo, hi), 100) }

// snapped returns a number on the quarter metre, which costs fewer bytes.
func (b *builder) snapped(lo, hi fixed.Num) fixed.Num {
	const step = fixed.One / 4
	return fixed.Num(b.rand.Range(int32(lo/step), int32(hi/step))) * step
}
