package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// action is what a ship does to others in a tick.
type action struct {
	pulse bool
	dash  bool
	rail  int32 // power, 1 to 100; 0: no shot
	dir   fixed.Angle
}

// Predict advances p's own ship by one tick as Step would without other ships.
func (w *world) Predict(t game.Tick, p game.Slot, in *game.Inputs) {
	w.cover.sync(w)
	if _, s := w.shipOf(p); s != nil && s.HP > 0 {
		w.fly(t, s, input.At(in, p))
	}
}

func (w *world) flyAll(t game.Tick, in *game.Inputs) {
	for i := range w.ships.High() {
		_, s := w.ships.At(i)
		if s == nil || s.HP <= 0 {
			w.acts[i] = action{}
			continue
		}
		w.acts[i] = w.fly(t, s, input.At(in, s.Slot))
		if s.Side >= 0 {
			s.Power = s.Energy * 10 / maxEnergy
		}
		if w.acts[i].dash {
			w.dashes.Emit(DashStart{Pos: s.Pos, Dir: w.acts[i].dir, Slot: s.Slot})
		}
	}
}

// fly advances one living ship by its pilot's input and the obstacles in its way.
// It reads and writes only what the pilot's client knows.
func (w *world) fly(t game.Tick, s *Ship, in *Input) action {
	s.Angle = in.Aim.Wrap()
	move := fixed.Vec{X: in.MoveX, Y: in.MoveY}.ClampLen(fixed.One)
	act := action{dir: s.Angle}
	w.startDash(t, s, in, move, &act)
	if w.match.Phase != PhaseOver {
		w.workRail(t, s, in, &act)
		w.workGun(t, s, in, &act)
	} else {
		s.ChargeFrom = 0
	}
	if s.ChargeFrom == 0 {
		s.Energy = min(s.Energy+energyRegen, maxEnergy)
	}
	if act.pulse || act.rail > 0 {
		s.ProtectUntil = 0
	}
	if t > s.DashUntil {
		push := thrust
		if s.ChargeFrom != 0 {
			push = chargeThrust
		}
		s.Vel = s.Vel.Add(move.Scale(push)).Scale(keepSpeed)
	}
	s.Vel = s.Vel.ClampLen(maxSpeed)
	s.Pos = s.Pos.Add(fixed.Vec{X: s.Vel.X / rate, Y: s.Vel.Y / rate})
	w.collide(t, s)
	return act
}

func (w *world) startDash(t game.Tick, s *Ship, in *Input, move fixed.Vec, act *action) {
	if in.Buttons&Dash == 0 || t < s.DashAt || s.Energy < dashEnergy {
		return
	}
	dir := s.Angle
	if move != (fixed.Vec{}) {
		dir = move.Angle()
	}
	s.Energy -= dashEnergy
	s.DashAt = t + dashCooldown
	s.DashUntil = t + dashTicks
	s.Vel = fixed.FromAngle(dir, dashSpeed)
	act.dash, act.dir = true, dir
}

// workRail charges the rail while its button is held, and shoots on release.
func (w *world) workRail(t game.Tick, s *Ship, in *Input, act *action) {
	held := in.Buttons&Rail != 0
	switch {
	case held && s.ChargeFrom == 0 && s.Energy >= railStart && t >= s.GunAt:
		s.ChargeFrom = t
		s.Energy -= railDrain
	case held && s.ChargeFrom != 0 && t-s.ChargeFrom < railCharge:
		if s.Energy < railDrain {
			// Without energy the charge stays as it is: its beginning moves on.
			s.ChargeFrom++
			return
		}
		s.Energy -= railDrain
	case !held && s.ChargeFrom != 0:
		charge := int32(min(t-s.ChargeFrom, railCharge))
		s.ChargeFrom = 0
		if charge >= railMinCharge {
			act.rail = charge * 100 / railCharge
			s.GunAt = t + railInterval
			s.Vel = s.Vel.Sub(fixed.FromAngle(s.Angle, railRecoil))
		}
	}
}

func (w *world) workGun(t game.Tick, s *Ship, in *Input, act *action) {
	if in.Buttons&Fire == 0 || s.ChargeFrom != 0 || t < s.GunAt {
		return
	}
	s.GunAt = t + pulseInterval
	if t <= s.RapidUntil {
		s.GunAt = t + rapidInterval
	}
	act.pulse = true
}

// collide pushes the ship out of rocks, then of walls, which win, and keeps it
// on the map. The second round is for corners.
func (w *world) collide(t game.Tick, s *Ship) {
	for range 2 {
		items := w.cover.at(s.Pos)
		for _, item := range items {
			if item < 0 {
				rock := &w.cover.rocks[-1-item]
				s.meet(pushOut(s.Pos, rock.at(t), fixed.Vec{}, rock.Radius+shipRadius))
			}
		}
		for _, item := range items {
			if item >= 0 {
				wall := &w.cover.walls[item]
				s.meet(pushOut(s.Pos, wall.Center, wall.Half, wall.Radius+shipRadius))
			}
		}
		s.Pos.X, s.Vel.X = bounceOff(s.Pos.X, s.Vel.X, w.match.Size.X)
		s.Pos.Y, s.Vel.Y = bounceOff(s.Pos.Y, s.Vel.Y, w.match.Size.Y)
	}
}

// meet takes the result of pushOut: the speed into the obstacle is turned into
// a small one away from it.
func (s *Ship) meet(to, normal fixed.Vec, hit bool) {
	if !hit {
		return
	}
	s.Pos = to
	if into := fixed.Num(s.Vel.Dot(normal) >> 16); into < 0 {
		s.Vel = s.Vel.Sub(normal.Scale(into + into.Mul(wallBounce)))
	}
}

func bounceOff(pos, vel, size fixed.Num) (newPos, newVel fixed.Num) {
	lo, hi := shipRadius, size-shipRadius
	switch {
	case pos < lo:
		return lo, max(vel, -vel.Mul(wallBounce))
	case pos > hi:
		return hi, min(vel, -vel.Mul(wallBounce))
	}
	return pos, vel
}
