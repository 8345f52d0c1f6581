package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// A bot has two halves. plan runs every few ticks, inside Step, and may change
// tables. Think turns plan and view into an input each tick.

// Intents of a bot.
const (
	intentRoam  int32 = 0
	intentFight int32 = 1
	intentFetch int32 = 2
)

const (
	botSkillMin = 20
	botSkillMax = 75
	planTicks   = 6              // between two plans
	botVision   = 24 * fixed.One // how far it looks for enemies
	botReach    = 19 * fixed.One // how far it fires the gun
	// botDistance is the least distance that a bot keeps from its target.
	botDistance     = 8 * fixed.One
	railMinDistance = 10 * fixed.One // closer than this it does not charge the rail
	dodgeTicks      = game.Tick(7)   // how long it evades a shot
	// holdTicks is for how long a bot holds a charge at most.
	holdTicks  = game.Tick(70)
	burstTicks = 10 // a bot fires, or does not, for so long
	// burstShare is in how many of eight bursts, on average, a bot fires.
	burstShare = 5
	railPeriod = 24              // how often it thinks about the rail
	retreatHP  = int32(30)       // HP below which it keeps away
	leadTime   = fixed.Num(9830) // 0.15 s: how far ahead it takes its own speed
)

// planBots lets every bot plan in its turn.
func (w *world) planBots(t game.Tick) {
	if w.bots.Len() == 0 {
		return
	}
	clear(w.attackers[:w.ships.High()])
	for i := range w.bots.High() {
		if _, b := w.bots.At(i); b != nil && w.ships.Get(b.Target) != nil {
			w.attackers[b.Target.Index()]++
		}
	}
	for i := range w.bots.High() {
		_, b := w.bots.At(i)
		if b == nil || (int(t)+i)%planTicks != 0 {
			continue
		}
		if _, s := w.shipOf(b.Slot); s != nil && s.HP > 0 {
			w.plan(t, b, s)
		}
	}
}

func (w *world) plan(t game.Tick, b *bot, s *Ship) {
	r := &w.match.Rand
	spread := int32(fixed.Degrees(2)) + (100-b.Skill)*int32(fixed.Degrees(1))/9
	b.Error = fixed.Angle(r.Range(-spread, spread))
	if r.Intn(7) == 0 {
		b.Strafe = -b.Strafe
	}
	if s.Pos.Dist(b.Last) < fixed.One/2 {
		b.Stuck++
	} else {
		b.Stuck = 0
	}
	b.Last = s.Pos
	w.pickTarget(t, b, s)
	if b.Stuck >= 3 {
		b.Stuck, b.Strafe = 0, -b.Strafe
		b.Intent, b.Goal = intentRoam, w.randomGoal(s)
		return
	}
	w.pickIntent(t, b, s)
}

// pickTarget chooses the enemy with the lowest cost. Near, weak, visible and
// present targets cost less; targets of other bots cost more.
func (w *world) pickTarget(t game.Tick, b *bot, s *Ship) {
	var found, second candidate
	found.cost, second.cost = fixed.Largest, fixed.Largest
	for _, i := range w.shipsNear(s.Pos, botVision) {
		e, enemy := w.ships.At(int(i))
		if enemy == nil || enemy == s || enemy.HP <= 0 || allied(enemy.Side, s.Side) {
			continue
		}
		c := candidate{e, enemy, w.targetCost(t, b, s, e, enemy)}
		switch {
		case c.cost < found.cost:
			found, second = c, found
		case c.cost < second.cost:
			second = c
		}
	}
	b.Target, b.Clear = found.entity, 0
	if found.ship == nil {
		return
	}
	if w.visible(s.Pos, found.ship.Pos, pulseRadius) {
		b.Clear = 1
	} else if second.ship != nil && second.cost < found.cost+12*fixed.One && w.visible(s.Pos, second.ship.Pos, pulseRadius) {
		b.Target, b.Clear = second.entity, 1
	}
}

type candidate struct {
	entity game.Entity
	ship   *Ship
	cost   fixed.Num
}

func (w *world) targetCost(t game.Tick, b *bot, s *Ship, e game.Entity, enemy *Ship) fixed.Num {
	cost := s.Pos.Dist(enemy.Pos) + fixed.Int(enemy.HP+enemy.Shield)/12
	hunters := w.attackers[e.Index()]
	if e == b.Target {
		hunters--
		cost -= 5 * fixed.One
	}
	cost += fixed.Int(6 * hunters)
	if t <= enemy.ProtectUntil {
		cost += 15 * fixed.One
	}
	return cost
}

// pickIntent goes for the pickup worth its way, else for the target, else
// somewhere.
func (w *world) pickIntent(t game.Tick, b *bot, s *Ship) {
	best := fixed.Num(0)
	for i := range w.pickups.High() {
		_, pick := w.pickups.At(i)
		if pick == nil || pick.ReadyAt > t+rate || !s.wants(pick.Kind) {
			continue
		}
		worth, way := pickupWorth(s, pick.Kind), pick.Pos.Sub(s.Pos)
		if max(way.X.Abs(), way.Y.Abs()) >= worth-best {
			continue
		}
		if worth -= way.Len(); worth > best {
			best, b.Goal = worth, pick.Pos
		}
	}
	switch {
	case best > 0:
		b.Intent = intentFetch
	case b.Target != game.NoEntity:
		b.Intent = intentFight
	case b.Intent != intentRoam || s.Pos.Dist(b.Goal) < 3*fixed.One:
		b.Intent, b.Goal = intentRoam, w.randomGoal(s)
	}
}

// pickupWorth is how many metres a bot flies for a pickup.
func pickupWorth(s *Ship, kind int32) fixed.Num {
	switch kind {
	case KindRepair:
		worth := fixed.Int(maxHP-s.HP) / 4
		if s.HP < retreatHP {
			worth *= 2
		}
		return worth
	case KindShield:
		return fixed.Int(maxShield-s.Shield) / 4
	default:
		return 11 * fixed.One
	}
}

// randomGoal is a place in the part of the map where the players are.
func (w *world) randomGoal(s *Ship) fixed.Vec {
	lo, hi := w.spawnArea(-1)
	for range 4 {
		p := fixed.Vec{X: w.randomNum(lo.X, hi.X), Y: w.randomNum(lo.Y, hi.Y)}
		if !w.occupied(p, fixed.One, w.match.Now) {
			return p
		}
	}
	return s.Pos
}

// warnBots warns bots of a projectile that flies their way.
func (w *world) warnBots(t game.Tick, shot *Projectile) {
	from, to := shot.at(t), shot.at(min(t+8, shot.Ends))
	for _, i := range w.shipsAlong(from, to, 2*shipRadius) {
		_, s := w.ships.At(int(i))
		if s == nil || s.HP <= 0 || s.Slot == shot.Slot || allied(s.Side, shot.Side) || !segmentMeets(from, to, s.Pos, 2*shipRadius) {
			continue
		}
		if _, b := w.botOf(s.Slot); b != nil && w.match.Rand.Intn(100) < b.Skill {
			b.DodgeAt = t
			b.Dodge = shot.Vel.Angle() + fixed.Turn/4
			if shot.Vel.Cross(s.Pos.Sub(from)) < 0 {
				b.Dodge -= fixed.Turn / 2
			}
			b.Dodge = b.Dodge.Wrap()
		}
	}
}

// celebrate lets a bot show an emote after one kill in four.
func (w *world) celebrate(t game.Tick, p game.Slot) {
	score := w.scoreOf(p)
	if _, b := w.botOf(p); b != nil && score != nil && w.match.Rand.Intn(4) == 0 {
		w.emote(t, score, w.match.Rand.Intn(emotes))
	}
}

// Think plays a bot's seat for one tick.
func (w *world) Think(t game.Tick, p game.Slot, in *game.Inputs) {
	_, s := w.shipOf(p)
	_, b := w.botOf(p)
	if s == nil || b == nil || s.HP <= 0 {
		input.Set(in, p, Input{Aim: input.At(in, p).Aim})
		return
	}
	if !w.coverSynced {
		// Nothing but Step changes tables between one bot's thought and the next.
		w.cover.sync(w)
		w.coverSynced = true
	}
	target := w.ships.Get(b.Target)
	if target != nil && target.HP <= 0 {
		target = nil
	}
	heading := w.steer(t, b, s, w.desiredHeading(t, b, s, target))
	want := Input{MoveX: heading.X, MoveY: heading.Y, Aim: s.Angle}
	if target != nil {
		w.aimAndFire(t, b, s, target, &want)
	} else if heading != (fixed.Vec{}) {
		want.Aim = turn(s.Angle, heading.Angle(), b.Skill)
	}
	if w.wantsDash(t, b, s) {
		want.Buttons |= Dash
	}
	input.Set(in, p, want)
}

// desiredHeading is the direction in which the bot would go without obstacles.
func (w *world) desiredHeading(t game.Tick, b *bot, s *Ship, target *Ship) fixed.Vec {
	var want fixed.Vec
	if b.Intent == intentFight && target != nil {
		to := target.Pos.Sub(s.Pos)
		ahead := to.Norm()
		aside := fixed.Vec{X: -ahead.Y, Y: ahead.X}.Scale(fixed.Int(b.Strafe))
		keep := botDistance + fixed.Int(int32(s.Slot)%5)
		near := fixed.Clamp((to.Len()-keep)/4, -fixed.One, fixed.One)
		switch {
		case s.HP < retreatHP:
			near = -fixed.One
		case b.Clear == 0:
			near = fixed.One
		}
		want = ahead.Scale(near).Add(aside.Scale(fixed.One * 7 / 8))
	} else {
		want = b.Goal.Sub(s.Pos).ClampLen(fixed.One)
	}
	if b.DodgeAt != 0 && t-b.DodgeAt <= dodgeTicks {
		want = want.Add(fixed.FromAngle(b.Dodge, fixed.One+fixed.One/2))
	}
	return want
}

// steer turns the heading aside, as little as it takes, until the way is free.
func (w *world) steer(t game.Tick, b *bot, s *Ship, want fixed.Vec) fixed.Vec {
	if want.LenSq() < int64(fixed.One/16)*int64(fixed.One/16) {
		return fixed.Vec{}
	}
	want = want.Norm()
	from := s.Pos.Add(s.Vel.Scale(leadTime))
	if w.wayFree(t, from, want) {
		return want
	}
	side := fixed.Angle(b.Strafe)
	if cross := want.Cross(s.Vel); absolute(cross) > int64(fixed.One)<<16 {
		side = 1 // keep to the side it already moves to
		if cross < 0 {
			side = -1
		}
	}
	const part = fixed.Turn / 16
	for k := fixed.Angle(1); k <= 8; k++ {
		for _, angle := range [2]fixed.Angle{side * k * part, -side * k * part} {
			if dir := want.Rotate(angle.Wrap()); w.wayFree(t, from, dir) {
				return dir
			}
		}
	}
	return want
}

func (w *world) wayFree(t game.Tick, from, dir fixed.Vec) bool {
	const room = shipRadius + fixed.One/4
	return !w.occupied(from.Add(dir.Scale(fixed.One+fixed.One/4)), room, t+4) &&
		!w.occupied(from.Add(dir.Scale(3*fixed.One)), room, t+10)
}

// aimAndFire turns the nose to where the target will be and works the guns. A
// bot sees its target some ticks late and leads it the less the worse it is.
func (w *world) aimAndFire(t game.Tick, b *bot, s, target *Ship, want *Input) {
	react := game.Tick(3 + (100-b.Skill)/25)
	_, tr := w.trails.At(b.Target.Index())
	seen := tr.At[(t+trailTicks-1-react)%trailTicks]
	distance := s.Pos.Dist(seen)
	ahead := fixed.Int(int32(react)) / rate
	if s.ChargeFrom == 0 {
		ahead += distance.Div(pulseSpeed)
	}
	ahead = ahead.Mul(fixed.Ratio(40+b.Skill*60/100, 100))
	right := seen.Add(target.Vel.Scale(ahead)).Sub(s.Pos).Angle() + b.Error
	want.Aim = turn(s.Angle, right, b.Skill)
	off := want.Aim.Diff(right)
	if off < 0 {
		off = -off
	}
	switch {
	case s.ChargeFrom != 0:
		held := t - s.ChargeFrom
		ready := held > railCharge && b.Clear == 1 && off < fixed.Degrees(3)
		if !ready && held < holdTicks {
			want.Buttons |= Rail
		}
	case b.Clear == 0 || off > fixed.Degrees(7) || t <= target.ProtectUntil:
	case w.wantsRail(t, b, s, distance):
		want.Buttons |= Rail
	case distance < botReach && chance(t/burstTicks, s.Slot)%8 < burstShare:
		want.Buttons |= Fire
	}
}

func (w *world) wantsRail(t game.Tick, b *bot, s *Ship, distance fixed.Num) bool {
	return distance > railMinDistance && s.Energy > maxEnergy*6/10 && t > s.RapidUntil &&
		int32(chance(t/railPeriod, s.Slot)%100) < 4+b.Skill/6
}

// wantsDash spends energy on getting out of a shot's way, or on getting
// somewhere when there is plenty of it.
func (w *world) wantsDash(t game.Tick, b *bot, s *Ship) bool {
	if s.ChargeFrom != 0 {
		return false
	}
	if b.DodgeAt != 0 && t-b.DodgeAt <= 3 && s.Energy > maxEnergy/2 {
		return int32(chance(b.DodgeAt, s.Slot)%100) < b.Skill/2
	}
	return b.Intent == intentFetch && s.Energy > maxEnergy*9/10 && s.Pos.Dist(b.Goal) > 8*fixed.One && chance(t/8, s.Slot)%8 == 0
}

// turn brings the nose from one angle towards another, as fast as the bot can.
func turn(from, to fixed.Angle, skill int32) fixed.Angle {
	limit := fixed.Degrees(7 + skill/10)
	return (from + min(max(to.Diff(from), -limit), limit)).Wrap()
}

// chance is a number that looks random and depends on nothing else: the bits
// of both words, mixed as in the last step of MurmurHash3.
func chance(t game.Tick, p game.Slot) uint32 {
	x := uint32(t)*0x9e3779b1 ^ (uint32(p)+1)*0x85ebca77
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}
