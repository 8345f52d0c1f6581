package arena

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

const left = fixed.Turn / 2

func TestPulse_hitsShieldThenHull(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 14, 16)
	target.Shield = 5
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	st.want(0, Input{}, 0)
	if st.w.projectiles.Len() != 1 {
		t.Fatalf("%d projectiles", st.w.projectiles.Len())
	}
	var hits []Hit
	for range 8 {
		st.Step()
		hits = append(hits, events(st.w.hits)...)
	}
	if len(hits) != 1 || hits[0].Target != 1 || hits[0].Source != 0 || hits[0].Damage != pulseDamage || hits[0].Weapon != WeaponPulse {
		t.Fatalf("hits %+v", hits)
	}
	if hits[0].Pos.Dist(metres(14, 16)) > fixed.One {
		t.Fatalf("hit at %v, the target is at 14, 16", hits[0].Pos)
	}
	if target.Shield != 0 || target.HP != maxHP-pulseDamage+5 || target.Vel.X <= 0 {
		t.Fatalf("shield %d, HP %d, speed %d", target.Shield, target.HP, target.Vel.X)
	}
	if st.w.projectiles.Len() != 0 {
		t.Fatal("the projectile flies on after its hit")
	}
	if s := st.score(0); s.Shots != 1 || s.Hits != 1 || s.Damage != pulseDamage {
		t.Fatalf("score %+v", *s)
	}
}

func TestPulse_hitsAtPointBlank(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 10, 16)
	target.Pos.X += fixed.One * 6 / 10
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	if target.HP != maxHP-pulseDamage {
		t.Fatalf("HP %d of a ship that touches the muzzle", target.HP)
	}
}

// A ship that crosses the path of a shot within a tick is judged by how the two
// move towards each other.
func TestPulse_hitsFastShip(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 30, 16)
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	st.want(0, Input{}, 0)
	target.Vel.X = -dashSpeed
	target.DashUntil = st.Tick() + 100
	for range 30 {
		st.Step()
		if target.HP < maxHP {
			return
		}
		if target.Pos.X < fixed.Int(11) {
			t.Fatal("ship and shot passed through each other")
		}
	}
	t.Fatal("they never met")
}

// What a client is told of a projectile is all of its flight: the row never
// changes, and at Ends it is gone.
func TestProjectile_isSentOnceAndEndsAtWalls(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	st.wall(Wall{Center: metres(20, 16), Half: metres(1, 4)})
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	st.want(0, Input{}, 0)
	e, shot := st.w.projectiles.At(0)
	born := *shot
	if born.at(born.Born) != (fixed.Vec{X: fixed.Int(10) + muzzle, Y: fixed.Int(16)}) {
		t.Fatalf("starts at %v", born.at(born.Born))
	}
	for st.Tick() < born.Ends-1 {
		st.Step()
		if got := st.w.projectiles.Get(e); got == nil || *got != born {
			t.Fatalf("tick %d: projectile is %+v, was born as %+v", st.Tick(), got, born)
		}
		if x := born.at(st.Tick()).X; x > fixed.Int(19) {
			t.Fatalf("tick %d: at %d, inside the wall", st.Tick(), x)
		}
	}
	if next := born.at(born.Ends).X; next < fixed.Int(19) {
		t.Fatalf("ends at %d, before the wall", next)
	}
	st.Step()
	if st.w.projectiles.Len() != 0 {
		t.Fatal("still there after Ends")
	}
}

func TestProjectile_endsAtRocksAndRange(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	_, free := st.w.projectiles.At(0)
	if free.Ends != st.Tick()+pulseTicks {
		t.Fatalf("without anything in the way it ends after %d ticks", free.Ends-free.Born)
	}
	_, rock := st.w.rocks.Spawn()
	// At rest at 20, 16, but for a drift that takes it out of the way later.
	*rock = Rock{Home: metres(20, 10), Reach: metres(6, 6), Radius: fixed.One, Phase: fixed.Turn / 4, Spin: 1}
	st.want(0, Input{}, 0)
	st.steps(pulseInterval)
	st.want(0, Input{Aim: rock.at(st.Tick()).Sub(metres(10, 16)).Angle(), Buttons: Fire}, 0)
	st.Step()
	_, shot := st.w.projectiles.At(1)
	at := shot.at(shot.Ends)
	if d := at.Dist(rock.at(shot.Ends)); d > 2*fixed.One {
		t.Fatalf("ends %d from the rock", d)
	}
}

func TestRail_piercesShipsAndStopsAtWalls(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	near, far, behind := st.enter(1, 16, 16), st.enter(2, 20, 16), st.enter(3, 40, 16)
	st.wall(Wall{Center: metres(30, 16), Half: metres(1, 3)})
	st.rail(0, 0, 0)
	if near.HP != maxHP-railMaxDamage || far.HP != maxHP-railMaxDamage || behind.HP != maxHP {
		t.Fatalf("HP %d, %d, behind the wall %d", near.HP, far.HP, behind.HP)
	}
	r := events(st.w.rails)
	if len(r) != 1 || r[0].Power != 100 || (r[0].To.X-fixed.Int(29)).Abs() > fixed.One/50 {
		t.Fatalf("beam %+v, want its end at the wall, x = 29", r)
	}
	if st.ship(0).Vel.X >= 0 {
		t.Fatal("no recoil")
	}
}

func TestRail_stopsAtRocksAndPillars(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 30, 16)
	_, rock := st.w.rocks.Spawn()
	*rock = Rock{Home: metres(20, 16), Radius: fixed.One}
	st.rail(0, 0, 0)
	if end := events(st.w.rails)[0].To.X; target.HP != maxHP || (end-fixed.Int(19)).Abs() > fixed.One/50 {
		t.Fatalf("HP %d behind a rock, beam ends at %d", target.HP, end)
	}
	st.put(0, metres(10, 24))
	st.put(1, metres(30, 24))
	st.wall(Wall{Center: metres(20, 24), Radius: 2 * fixed.One})
	st.ship(0).Energy = maxEnergy
	st.steps(railInterval)
	st.rail(0, 0, 0)
	if end := events(st.w.rails)[0].To.X; target.HP != maxHP || (end-fixed.Int(18)).Abs() > fixed.One/50 {
		t.Fatalf("HP %d behind a pillar, beam ends at %d", target.HP, end)
	}
}

// flyingTarget lets ship 1 fly downwards across the line of fire and returns
// where it was after each tick.
func flyingTarget(st *stage) []fixed.Vec {
	st.put(1, metres(30, 6))
	st.want(1, Input{MoveY: fixed.One}, 0)
	past := []fixed.Vec{st.ship(1).Pos}
	for range 30 {
		st.Step()
		past = append(past, st.ship(1).Pos)
	}
	return past
}

func TestRail_compensatesShootersLag(t *testing.T) {
	for _, c := range []struct {
		name     string
		lag, aim int32 // in 1/16 ticks; aim: how old the place is that is shot at
		hit      bool
	}{
		{"no lag, no lead", 0, 0, true},
		{"aims at the picture of 4 ticks ago", 64, 64, true},
		{"the same shot without compensation", 0, 64, false},
		{"between two ticks", 88, 88, true},
		{"at the present, seeing the past", 64, 0, false},
		{"as old as is allowed", 120, 120, true},
		{"older than is allowed counts as 250 ms", 255, 120, true},
		{"older than is allowed", 192, 192, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, modeFFA)
			st.enter(0, 10, 16)
			target := st.enter(1, 30, 6)
			st.want(0, Input{Buttons: Rail}, c.lag)
			past := flyingTarget(st)
			st.Step()
			past = append(past, target.Pos)
			// The target's place one tick on, when the shot is judged, is not
			// known yet: it flies at top speed, so it is as far again.
			next := target.Pos.Add(target.Pos.Sub(past[len(past)-2]))
			past = append(past, next)
			whole := int(c.aim / game.LagUnit)
			at := past[len(past)-1-whole].Lerp(past[max(len(past)-2-whole, 0)], fixed.Ratio(c.aim%game.LagUnit, game.LagUnit))
			st.want(0, Input{Aim: at.Sub(metres(10, 16)).Angle()}, c.lag)
			st.Step()
			if len(events(st.w.rails)) != 1 {
				t.Fatal("no shot")
			}
			if hit := target.HP < maxHP; hit != c.hit {
				t.Fatalf("hit %v, want %v", hit, c.hit)
			}
		})
	}
}

func TestShip_respawnsProtected(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 14, 16)
	target.HP = 5
	old, _ := st.w.shipOf(1)
	st.rail(0, 0, 0)
	died := st.Tick()
	k := events(st.w.kills)
	if len(k) != 1 || k[0].Victim != 1 || k[0].Killer != 0 || k[0].Assist != game.NoSlot || k[0].Weapon != WeaponRail {
		t.Fatalf("kills %+v", k)
	}
	wreck := target.Pos
	st.want(1, Input{MoveX: fixed.One, Aim: left, Buttons: Fire | Dash}, 0)
	for st.Tick() < died+respawnTicks-1 {
		st.Step()
		if st.w.ships.Get(old) == nil || target.HP != 0 || target.Pos != wreck || st.w.projectiles.Len() != 0 {
			t.Fatalf("tick %d: the wreck moved, fired or is gone", st.Tick())
		}
	}
	st.want(1, Input{}, 0)
	st.Step()
	fresh, ship := st.w.shipOf(1)
	if fresh == old || ship.HP != maxHP || ship.Energy != maxEnergy {
		t.Fatalf("entity %d (was %d), %+v", fresh, old, *ship)
	}
	if len(events(st.w.spawns)) != 1 || ship.ProtectUntil != st.Tick()+protectTicks {
		t.Fatalf("protected until %d in tick %d", ship.ProtectUntil, st.Tick())
	}
	if ship.Pos.Dist(st.ship(0).Pos) < 8*fixed.One {
		t.Fatalf("came back %d from the enemy", ship.Pos.Dist(st.ship(0).Pos))
	}
	s := st.score(0)
	if s.Kills != 1 || s.Score != killPoints || s.Streak != 1 || st.score(1).Deaths != 1 {
		t.Fatalf("scores %+v, %+v", *s, *st.score(1))
	}
}

func TestShip_protectionEndsWithFirstShot(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 30, 16)
	target.ProtectUntil = 1000
	st.rail(0, 0, 0)
	if h := events(st.w.hits); target.HP != maxHP || len(h) != 1 || h[0].Damage != 0 {
		t.Fatalf("HP %d, hits %+v", target.HP, h)
	}
	st.want(1, Input{Buttons: Fire}, 0)
	st.Step()
	if target.ProtectUntil != 0 {
		t.Fatal("a protected ship may shoot")
	}
}

func TestCombat_twoShipsDestroyEachOtherInOneTick(t *testing.T) {
	st := newStage(t, modeFFA)
	a, b := st.enter(0, 10, 16), st.enter(1, 20, 16)
	a.HP, b.HP = 10, 10
	st.want(0, Input{Buttons: Rail}, 0)
	st.want(1, Input{Aim: left, Buttons: Rail}, 0)
	st.steps(railCharge)
	st.want(0, Input{}, 0)
	st.want(1, Input{Aim: left}, 0)
	st.Step()
	if a.HP != 0 || b.HP != 0 || st.score(0).Kills != 1 || st.score(1).Kills != 1 {
		t.Fatalf("HP %d and %d", a.HP, b.HP)
	}
}

func TestAssist_goesToEarlierAttacker(t *testing.T) {
	for _, c := range []struct {
		name string
		wait int
		want int32
	}{{"lately", 0, 1}, {"long ago", assistTicks, 0}} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, modeFFA)
			st.enter(0, 10, 16)
			st.enter(1, 16, 8)
			target := st.enter(2, 16, 16)
			st.want(1, Input{Aim: fixed.Turn / 4, Buttons: Fire}, 0)
			st.Step()
			st.want(1, Input{}, 0)
			for target.HP == maxHP {
				st.Step()
			}
			target.HP = 10
			st.steps(c.wait)
			st.put(2, metres(16, 16))
			st.rail(0, 0, 0)
			if k := events(st.w.kills); len(k) != 1 || (k[0].Assist == 1) != (c.want == 1) {
				t.Fatalf("kills %+v", k)
			}
			if s := st.score(1); s.Assists != c.want || s.Score != c.want*assistPoints {
				t.Fatalf("helper's score %+v", *s)
			}
		})
	}
}

func TestCombat_teammatesAreSafe(t *testing.T) {
	st := newStage(t, modeTeams)
	st.enterTeam(0, 0, 10, 18)
	mate, enemy := st.enterTeam(1, 0, 16, 18), st.enterTeam(2, 1, 22, 18)
	enemy.HP = 10
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	st.want(0, Input{}, 0)
	st.steps(20)
	if mate.HP != maxHP || enemy.HP != 0 {
		t.Fatalf("mate %d, enemy behind him %d", mate.HP, enemy.HP)
	}
	if st.w.match.TeamScore != [2]int32{killPoints, 0} || st.w.match.TeamKills != [2]int32{1, 0} {
		t.Fatalf("team scores %v, kills %v", st.w.match.TeamScore, st.w.match.TeamKills)
	}
	st.ship(0).Energy = maxEnergy
	st.rail(0, 0, 0)
	if mate.HP != maxHP {
		t.Fatalf("mate has %d after a rail through him", mate.HP)
	}
}

func TestCombat_warmUpDoesNoDamage(t *testing.T) {
	st := newStage(t, modeFFA, game.Option{Name: "warmup", Value: 100})
	st.enter(0, 10, 16)
	target := st.enter(1, 14, 16)
	st.rail(0, 0, 0)
	if target.HP != maxHP || len(events(st.w.hits)) != 1 || st.w.match.Phase != PhaseWarmUp {
		t.Fatalf("HP %d, phase %d", target.HP, st.w.match.Phase)
	}
}

// How long a fight takes: with every shot a hit, and with every second one.
func TestCombat_timeToKill(t *testing.T) {
	for _, c := range []struct {
		name   string
		miss   bool
		lo, hi game.Tick
	}{{"every shot hits", false, 1 * rate, 3 * rate / 2}, {"every second shot hits", true, 3 * rate / 2, 3 * rate}} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, modeFFA)
			st.enter(0, 10, 16)
			target := st.enter(1, 14, 16)
			first := game.Tick(0)
			for range 10 * rate {
				aim := fixed.Angle(0)
				if c.miss && st.score(0).Shots%2 == 1 {
					aim = left
				}
				st.want(0, Input{Aim: aim, Buttons: Fire}, 0)
				st.Step()
				st.put(1, metres(14, 16))
				if first == 0 && target.HP < maxHP {
					first = st.Tick()
				}
				if target.HP == 0 {
					break
				}
			}
			if took := st.Tick() - first; target.HP != 0 || took < c.lo || took > c.hi {
				t.Fatalf("%d ticks from the first hit, HP %d; want %d to %d", took, target.HP, c.lo, c.hi)
			}
		})
	}
}
