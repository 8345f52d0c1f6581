package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// Join seats a player in the smaller team, or in the wanted one while it has
// room, and spawns their ship.
func (w *world) Join(p game.Slot, info game.PlayerInfo) {
	w.cover.sync(w)
	side := w.pickSide(info)
	if e, score := w.scores.Spawn(); score != nil {
		*score = Score{Slot: p, Side: side}
		w.scoreAt[p] = int32(e.Index())
	}
	if info.Bot {
		if e, b := w.bots.Spawn(); b != nil {
			*b = bot{Slot: p, Skill: w.match.Rand.Range(botSkillMin, botSkillMax), Strafe: 1}
			w.botAt[p] = int32(e.Index())
		}
	}
	w.spawnShip(p, side)
}

func (w *world) pickSide(info game.PlayerInfo) int32 {
	if w.match.Teams == 0 {
		return -1
	}
	var seats [2]int32
	for i := range w.scores.High() {
		if _, s := w.scores.At(i); s != nil {
			seats[s.Side]++
		}
	}
	if want := info.Team; (want == 0 || want == 1) && seats[want] < int32(w.seats)/2 {
		return want
	}
	if seats[1] < seats[0] {
		return 1
	}
	return 0
}

// Leave frees the seat: the ship, what it fired and the score are gone.
func (w *world) Leave(p game.Slot, _ game.LeaveReason) {
	if e, s := w.shipOf(p); s != nil {
		w.removeShip(e)
	}
	if e, b := w.botOf(p); b != nil {
		w.bots.Despawn(e)
	}
	if w.scoreOf(p) != nil {
		e, _ := w.scores.At(int(w.scoreAt[p]))
		w.scores.Despawn(e)
	}
	for i := range w.projectiles.High() {
		if e, shot := w.projectiles.At(i); shot != nil && shot.Slot == p {
			w.projectiles.Despawn(e)
		}
	}
	for i := range w.ships.High() {
		// The next player in this seat must not inherit assists.
		if _, s := w.ships.At(i); s != nil {
			if s.HurtBy == p {
				s.HurtBy = game.NoSlot
			}
			if s.HelpBy == p {
				s.HelpBy = game.NoSlot
			}
		}
	}
}

// respawn replaces wrecks by new ships once their time is over.
func (w *world) respawn(t game.Tick) {
	for i := range w.ships.High() {
		e, s := w.ships.At(i)
		if s == nil || s.HP > 0 || t < s.RespawnAt || w.match.Phase == PhaseOver {
			continue
		}
		slot, side := s.Slot, s.Side
		w.removeShip(e)
		w.spawnShip(slot, side)
	}
}

// removeShip removes ship and trail together: they share their place.
func (w *world) removeShip(e game.Entity) {
	trailEntity, _ := w.trails.At(e.Index())
	w.trails.Despawn(trailEntity)
	w.ships.Despawn(e)
}

func (w *world) spawnShip(p game.Slot, side int32) {
	e, s := w.ships.Spawn()
	_, tr := w.trails.Spawn()
	if s == nil || tr == nil {
		return
	}
	s.Slot, s.Side = p, side
	s.HurtBy, s.HelpBy = game.NoSlot, game.NoSlot
	s.HP, s.Energy = maxHP, maxEnergy
	s.ProtectUntil = w.match.Now + protectTicks
	s.Pos = w.spawnPlace(s)
	s.Angle = w.match.Size.Scale(fixed.One / 2).Sub(s.Pos).Angle()
	for i := range tr.At {
		tr.At[i] = s.Pos
	}
	w.shipAt[p] = int32(e.Index())
	w.spawns.Emit(Spawned{Pos: s.Pos, Slot: p})
}

// spawnTries is how many places are thrown for a spawn; the one farthest from
// enemies is taken.
const spawnTries = 12

// crowdTries is the same on a map made for a crowd, where each look at a place
// passes thousands of ships, and none is far from all of them.
const crowdTries = 4

func (w *world) spawnPlace(self *Ship) fixed.Vec {
	lo, hi := w.spawnArea(self.Side)
	best, bestRoom := lo.Lerp(hi, fixed.One/2), fixed.Num(-1)
	tries := spawnTries
	if w.crowd {
		tries = crowdTries
	}
	for range tries {
		p := fixed.Vec{X: w.randomNum(lo.X, hi.X), Y: w.randomNum(lo.Y, hi.Y)}
		if w.occupied(p, fixed.One, w.match.Now) {
			continue
		}
		if room := w.roomAt(p, self, bestRoom); room > bestRoom {
			best, bestRoom = p, room
		}
	}
	return best
}

// roomAt is the distance from p to the nearest enemy, at most spawnRoom; it
// gives up as soon as it is below enough.
func (w *world) roomAt(p fixed.Vec, self *Ship, enough fixed.Num) fixed.Num {
	nearest := int64(spawnRoom) * int64(spawnRoom)
	floor := int64(max(enough, 0)) * int64(max(enough, 0))
	for i := range w.ships.High() {
		_, s := w.ships.At(i)
		if s == nil || s == self || s.HP <= 0 || allied(s.Side, self.Side) {
			continue
		}
		if d := s.Pos.Sub(p).LenSq(); d < nearest {
			if nearest = d; nearest <= floor {
				break
			}
		}
	}
	return fixed.Num(fixed.ISqrt(uint64(nearest)))
}

// spawnRoom is how far an enemy is far enough.
const spawnRoom = 24 * fixed.One

// spawnArea is where ships of a side spawn: a third of the map for a team. On a
// map made for a crowd it is the middle, small enough for ships to meet.
func (w *world) spawnArea(side int32) (lo, hi fixed.Vec) {
	lo, hi = fixed.Vec{X: 2 * fixed.One, Y: 2 * fixed.One}, w.match.Size.Sub(fixed.Vec{X: 2 * fixed.One, Y: 2 * fixed.One})
	switch {
	case side == 0:
		hi.X = w.match.Size.X / 4
	case side == 1:
		lo.X = w.match.Size.X - w.match.Size.X/4
	case w.crowd:
		edge := fixed.Int(int32(fixed.ISqrt(uint64(w.ships.Len()*crowdArea))) + 16)
		middle := w.match.Size.Scale(fixed.One / 2)
		half := fixed.Vec{X: min(edge/2, middle.X-2*fixed.One), Y: min(edge/2, middle.Y-2*fixed.One)}
		lo, hi = middle.Sub(half), middle.Add(half)
	}
	return lo, hi
}

// crowdArea is the room a ship gets on a map made for a crowd, in square
// metres.
const crowdArea = 200

func (w *world) randomNum(lo, hi fixed.Num) fixed.Num {
	return fixed.Num(w.match.Rand.Range(int32(lo), int32(hi)))
}
