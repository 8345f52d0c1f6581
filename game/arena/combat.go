package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// pushApart separates ships that overlap. It changes speeds only, so that a
// client's prediction of its own place is right for this tick.
func (w *world) pushApart() {
	const reach = 2 * shipRadius
	for i := range w.ships.High() {
		_, a := w.ships.At(i)
		if a == nil || a.HP <= 0 {
			continue
		}
		for _, j := range w.shipsNear(a.Pos, reach) {
			_, b := w.ships.At(int(j))
			if int(j) <= i || b == nil || b.HP <= 0 {
				continue
			}
			d := a.Pos.Sub(b.Pos)
			if d.LenSq() >= int64(reach)*int64(reach) {
				continue
			}
			if d == (fixed.Vec{}) {
				d.X = 1
			}
			push := d.Norm().Scale(bumpSpeed)
			a.Vel, b.Vel = a.Vel.Add(push), b.Vel.Sub(push)
		}
	}
}

// recordTrails notes where every ship is after this tick's flight.
func (w *world) recordTrails(t game.Tick) {
	for i := range w.ships.High() {
		if _, s := w.ships.At(i); s != nil {
			_, tr := w.trails.At(i)
			tr.At[t%trailTicks] = s.Pos
		}
	}
}

// shoot lets ships fire. All of them have moved before the first shot is judged,
// so two can kill each other in one tick.
func (w *world) shoot(t game.Tick, in *game.Inputs) {
	for i := range w.ships.High() {
		_, s := w.ships.At(i)
		if s == nil {
			continue
		}
		if w.acts[i].pulse {
			w.firePulse(t, s)
		}
		if power := w.acts[i].rail; power > 0 {
			w.fireRail(t, s, power, in.Lag(s.Slot))
		}
	}
}

// firePulse spawns a projectile. Its range is known from the start, since walls
// stand still and rocks move by a formula. Only ships are looked for later.
func (w *world) firePulse(t game.Tick, s *Ship) {
	dir := fixed.FromAngle(s.Angle, fixed.One)
	vel := dir.Scale(pulseSpeed)
	path := dir.Scale(muzzle).Add(flown(vel, pulseTicks))
	shot := Projectile{Origin: s.Pos.Add(dir.Scale(muzzle)), Vel: vel, Slot: s.Slot, Side: s.Side, Born: t}
	length := muzzle + pulseSpeed/rate*pulseTicks
	free := w.wallEnd(s.Pos, path).Mul(length) - muzzle
	if score := w.scoreOf(s.Slot); score != nil {
		score.Shots++
	}
	if free <= 0 || w.strike(t, &shot, s.Pos, shot.Origin) {
		return
	}
	// The tick in which the way is used up is the last one.
	flight := min(game.Tick(free/(pulseSpeed/rate))+1, pulseTicks)
	shot.Ends = t + w.rockFree(&shot, flight)
	if _, row := w.projectiles.Spawn(); row != nil {
		*row = shot
	}
}

// rockFree returns after how many ticks, at most limit, the shot meets a rock.
func (w *world) rockFree(shot *Projectile, limit game.Tick) game.Tick {
	end := shot.Origin.Add(flown(shot.Vel, limit))
	w.cover.along(shot.Origin, end, func(items []int32) bool {
		for _, item := range items {
			if item >= 0 {
				continue
			}
			rock := &w.cover.rocks[-1-item]
			for n := game.Tick(1); n < limit; n++ {
				a, b := shot.Origin.Add(flown(shot.Vel, n-1)), shot.Origin.Add(flown(shot.Vel, n))
				if segmentMeets(a, b, rock.at(shot.Born+n), rock.Radius) {
					limit = n
				}
			}
		}
		return true
	})
	return limit
}

// flown is how far something with speed vel gets in n ticks.
func flown(vel fixed.Vec, n game.Tick) fixed.Vec {
	return fixed.Vec{X: fixed.Num(int64(vel.X) * int64(n) / rate), Y: fixed.Num(int64(vel.Y) * int64(n) / rate)}
}

// at returns where the projectile is at a tick.
func (s *Projectile) at(t game.Tick) fixed.Vec { return s.Origin.Add(flown(s.Vel, t-s.Born)) }

func (w *world) moveProjectiles(t game.Tick) {
	for i := range w.projectiles.High() {
		e, shot := w.projectiles.At(i)
		if shot == nil || t == shot.Born {
			continue
		}
		if w.strike(t, shot, shot.at(t-1), shot.at(t)) || t >= shot.Ends || w.match.Phase == PhaseOver {
			w.projectiles.Despawn(e)
			continue
		}
		if (t-shot.Born)%warnTicks == 0 && w.bots.Len() > 0 {
			w.warnBots(t, shot)
		}
	}
}

// strike looks for the first ship that the shot meets on its way from a to b in
// tick t, and hurts it. Ships move in the same tick; what counts is how the two
// move towards each other.
func (w *world) strike(t game.Tick, shot *Projectile, a, b fixed.Vec) bool {
	const reach = shipRadius + pulseRadius
	way := b.Sub(a)
	victim, first := int32(-1), int64(0)
	for _, i := range w.shipsNear(b, reach+way.Len()+fixed.One) {
		_, s := w.ships.At(int(i))
		if s == nil || s.HP <= 0 || s.Slot == shot.Slot || allied(s.Side, shot.Side) {
			continue
		}
		_, tr := w.trails.At(int(i))
		moved := s.Pos.Sub(tr.At[(t+trailTicks-1)%trailTicks])
		if !segmentMeets(a, b.Sub(moved), s.Pos.Sub(moved), reach) {
			continue
		}
		if along := s.Pos.Sub(a).Dot(way); victim < 0 || along < first {
			victim, first = i, along
		}
	}
	if victim < 0 {
		return false
	}
	_, s := w.ships.At(int(victim))
	at := a.Lerp(b, fixed.One/2)
	if score := w.scoreOf(shot.Slot); score != nil {
		score.Hits++
	}
	w.hurt(t, s, blow{source: shot.Slot, damage: pulseDamage, weapon: WeaponPulse, pos: at, kick: way.Norm().Scale(pulseKick)})
	return true
}

func allied(a, b int32) bool { return a >= 0 && a == b }

// fireRail shoots through everything up to the first wall or rock. Ships and
// rocks are looked for where they were in the picture that the shooter acted
// on, at most 250 ms ago.
func (w *world) fireRail(t game.Tick, s *Ship, power, lag int32) {
	lag = min(max(lag, 0), maxLag)
	dir := fixed.FromAngle(s.Angle, fixed.One)
	path := dir.Scale(railRange)
	end := w.wallEnd(s.Pos, path)
	to := s.Pos.Add(path.Scale(min(end, w.rockEnd(t-game.Tick(lag/game.LagUnit), s.Pos, path))))
	shooter := w.scoreOf(s.Slot)
	if shooter != nil {
		shooter.Rails++
	}
	w.rails.Emit(RailShot{From: s.Pos, To: to, Slot: s.Slot, Power: power})
	source, side, from, kick := s.Slot, s.Side, s.Pos, dir.Scale(railKick)
	damage := railMinDamage + (railMaxDamage-railMinDamage)*power/100
	for _, i := range w.shipsAlong(from, to, shipRadius+railWidth+rewindReach) {
		_, target := w.ships.At(int(i))
		if target == nil || target.HP <= 0 || target.Slot == source || allied(target.Side, side) {
			continue
		}
		seen := w.seenAt(t, int(i), lag)
		if !segmentMeets(from, to, seen, shipRadius+railWidth) {
			continue
		}
		if shooter != nil {
			shooter.Railed++
		}
		w.hurt(t, target, blow{source: source, damage: damage, weapon: WeaponRail, pos: seen, kick: kick})
	}
}

// rockEnd returns how far along the line from a by d, 0 to 1, a shot gets
// before a rock stops it. It takes the rocks where they were at tick t.
func (w *world) rockEnd(t game.Tick, a, d fixed.Vec) fixed.Num {
	end := fixed.One
	w.cover.along(a, a.Add(d), func(items []int32) bool {
		for _, item := range items {
			if item < 0 {
				rock := &w.cover.rocks[-1-item]
				if at, ok := segmentEntersCircle(a, d, rock.at(t), rock.Radius); ok {
					end = min(end, at)
				}
			}
		}
		return true
	})
	return end
}

// seenAt returns where the ship in a place was lag sixteenths of a tick before
// t.
func (w *world) seenAt(t game.Tick, place int, lag int32) fixed.Vec {
	_, tr := w.trails.At(place)
	whole := game.Tick(lag / game.LagUnit)
	later := tr.At[(t+trailTicks-whole)%trailTicks]
	if rest := lag % game.LagUnit; rest > 0 {
		earlier := tr.At[(t+trailTicks-whole-1)%trailTicks]
		return later.Lerp(earlier, fixed.Ratio(rest, game.LagUnit))
	}
	return later
}

// blow is one shot's effect on one ship.
type blow struct {
	source game.Slot
	damage int32
	weapon int32
	pos    fixed.Vec
	kick   fixed.Vec
}

func (w *world) hurt(t game.Tick, s *Ship, b blow) {
	if w.match.Phase != PhasePlaying || t <= s.ProtectUntil {
		w.hits.Emit(Hit{Pos: b.pos, Target: s.Slot, Source: b.source, Weapon: b.weapon})
		return
	}
	w.hits.Emit(Hit{Pos: b.pos, Target: s.Slot, Source: b.source, Damage: b.damage, Weapon: b.weapon})
	s.Vel = s.Vel.Add(b.kick)
	if s.HurtBy != b.source {
		s.HelpBy, s.HelpAt = s.HurtBy, s.HurtAt
	}
	s.HurtBy, s.HurtAt = b.source, t
	soaked := min(s.Shield, b.damage)
	s.Shield -= soaked
	taken := min(s.HP, b.damage-soaked)
	s.HP -= taken
	if score := w.scoreOf(b.source); score != nil {
		score.Damage += soaked + taken
	}
	if s.HP <= 0 {
		w.shootDown(t, s, b)
	}
}

func (w *world) shootDown(t game.Tick, s *Ship, b blow) {
	s.Vel, s.ChargeFrom, s.Shield = fixed.Vec{}, 0, 0
	s.RespawnAt = t + respawnTicks
	kill := Kill{Pos: s.Pos, Victim: s.Slot, Killer: b.source, Assist: game.NoSlot, Weapon: b.weapon}
	if victim := w.scoreOf(s.Slot); victim != nil {
		victim.Deaths++
		victim.Streak = 0
	}
	if killer := w.scoreOf(b.source); killer != nil {
		killer.Kills++
		killer.Streak++
		w.award(killer, killPoints)
		if killer.Side >= 0 {
			w.match.TeamKills[killer.Side]++
		}
	}
	if s.HelpBy != game.NoSlot && s.HelpBy != b.source && t-s.HelpAt <= assistTicks {
		if helper := w.scoreOf(s.HelpBy); helper != nil {
			kill.Assist = s.HelpBy
			helper.Assists++
			w.award(helper, assistPoints)
		}
	}
	w.kills.Emit(kill)
	w.celebrate(t, b.source)
}

func (w *world) award(s *Score, points int32) {
	s.Score += points
	if s.Side >= 0 {
		w.match.TeamScore[s.Side] += points
	}
}
