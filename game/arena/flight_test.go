package arena

import (
	"math/rand/v2"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

func TestArena_passesCheck(t *testing.T) {
	if err := game.Check(Game); err != nil {
		t.Fatal(err)
	}
}

func TestFlight_thrustReachesTopSpeedAndShipsDrift(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 4, 16)
	st.want(0, Input{MoveX: fixed.One}, 0)
	st.steps(12)
	early := s.Vel.X
	st.steps(60)
	top := s.Vel.X
	if top < fixed.Ratio(88, 10) || top > 9*fixed.One || early < top/2 || early > top*7/10 {
		t.Fatalf("speed %d after 12 ticks, %d at last; want inertia and about 9 m/s", early, top)
	}
	st.want(0, Input{}, 0)
	st.steps(5)
	if s.Vel.X < top/2 {
		t.Fatalf("speed %d five ticks after letting go of %d: ships have to drift", s.Vel.X, top)
	}
}

func TestFlight_diagonalThrustIsNotFaster(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 4, 4)
	st.enter(1, 4, 20)
	st.want(0, Input{MoveX: fixed.One, MoveY: fixed.One}, 0)
	st.want(1, Input{MoveX: fixed.One}, 0)
	st.steps(40)
	diagonal, straight := st.ship(0).Vel.Len(), st.ship(1).Vel.Len()
	if d := diagonal - straight; d.Abs() > fixed.One/100 {
		t.Fatalf("diagonal %d, straight %d", diagonal, straight)
	}
}

func TestDash_costsEnergyAndHasCooldown(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 4, 16)
	st.want(0, Input{MoveX: fixed.One, Aim: fixed.Degrees(90), Buttons: Dash}, 0)
	st.Step()
	if s.Energy != maxEnergy-dashEnergy+energyRegen || s.Vel.X < dashSpeed-fixed.One/100 {
		t.Fatalf("energy %d, speed %d after a dash", s.Energy, s.Vel.X)
	}
	if d := events(st.w.dashes); len(d) != 1 || d[0].Slot != 0 || d[0].Dir.Wrap() != 0 {
		t.Fatalf("dash events %+v", d)
	}
	st.steps(dashCooldown - 1)
	if s.DashAt > st.Tick()+1 || len(events(st.w.dashes)) != 0 {
		t.Fatalf("dashed again before tick %d", s.DashAt)
	}
	st.Step()
	if len(events(st.w.dashes)) != 1 {
		t.Fatal("a held button does not dash again after the cooldown")
	}
	s.Energy = dashEnergy - energyRegen - 1
	s.DashAt = 0
	st.Step()
	if len(events(st.w.dashes)) != 0 {
		t.Fatal("dashed without the energy")
	}
}

func TestDash_withoutThrustFollowsHeading(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 24, 16)
	st.want(0, Input{Aim: fixed.Degrees(90), Buttons: Dash}, 0)
	st.Step()
	if s.Vel.Y < dashSpeed-fixed.One/100 || s.Vel.X.Abs() > fixed.One/100 {
		t.Fatalf("velocity %v", s.Vel)
	}
}

func TestRail_chargingCostsEnergyAndSlowsShip(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 4, 16)
	st.want(0, Input{MoveX: fixed.One, Buttons: Rail | Fire}, 0)
	st.Step()
	if s.ChargeFrom != st.Tick() || st.w.projectiles.Len() != 0 {
		t.Fatalf("charging from %d in tick %d, %d shots", s.ChargeFrom, st.Tick(), st.w.projectiles.Len())
	}
	st.steps(60)
	if want := int32(maxEnergy - railCharge*railDrain); s.Energy != want {
		t.Fatalf("energy %d held at full power, want %d", s.Energy, want)
	}
	if s.Vel.X > 5*fixed.One+fixed.One/5 {
		t.Fatalf("speed %d while charging", s.Vel.X)
	}
	s.Energy = 0
	st.want(0, Input{}, 0)
	st.Step()
	if r := events(st.w.rails); len(r) != 1 || r[0].Power != 100 {
		t.Fatalf("rails %+v", r)
	}
	if s.Energy != energyRegen {
		t.Fatalf("energy %d after the shot, want it to come back", s.Energy)
	}
}

func TestRail_stopsChargingWithoutEnergy(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 4, 16)
	s.Energy = railStart
	st.want(0, Input{Buttons: Rail}, 0)
	st.steps(60)
	charge := int32(st.Tick() + 1 - s.ChargeFrom)
	if s.Energy >= railDrain || charge != railStart/railDrain {
		t.Fatalf("charge %d with %d energy left", charge, s.Energy)
	}
	st.want(0, Input{}, 0)
	st.Step()
	if r := events(st.w.rails); len(r) != 1 || r[0].Power != charge*100/railCharge {
		t.Fatalf("rails %+v, want power for %d ticks", r, charge)
	}
}

func TestRail_misfiresWhenReleasedTooSoon(t *testing.T) {
	st := newStage(t, modeFFA)
	s := st.enter(0, 4, 16)
	st.want(0, Input{Buttons: Rail}, 0)
	st.steps(railMinCharge - 1)
	st.want(0, Input{}, 0)
	st.Step()
	if len(events(st.w.rails)) != 0 || s.ChargeFrom != 0 {
		t.Fatalf("%d rails, charge %d", len(events(st.w.rails)), s.ChargeFrom)
	}
}

func TestGun_keepsInterval(t *testing.T) {
	for _, c := range []struct {
		rapid bool
		want  int32
	}{{false, 30/pulseInterval + 1}, {true, 30/rapidInterval + 1}} {
		st := newStage(t, modeFFA)
		s := st.enter(0, 4, 16)
		if c.rapid {
			s.RapidUntil = 1000
		}
		st.want(0, Input{Buttons: Fire}, 0)
		st.steps(31)
		if got := st.score(0).Shots; got != c.want {
			t.Errorf("rapid %v: %d shots in 31 ticks, want %d", c.rapid, got, c.want)
		}
	}
}

// Whatever pilots do and whatever hits them, ships end each tick on the map and
// outside of walls, and on the side they came from.
func TestFlight_shipsNeverEnterWalls(t *testing.T) {
	const slack = fixed.One / 32
	for seed := range uint64(5) {
		sim, w := newSim(t, modeFFA, seed)
		r := rand.New(rand.NewPCG(seed, 2))
		for p := range game.Slot(16) {
			sim.Join(p, game.PlayerInfo{Team: -1})
		}
		for tick := range 400 {
			if tick%9 == 0 {
				for p := range game.Slot(16) {
					sim.SetInput(p, 0, []uint32{uint32(r.Int32N(131073) - 65536), uint32(r.Int32N(131073) - 65536), r.Uint32N(65536), r.Uint32N(8)})
				}
			}
			before := map[game.Entity]fixed.Vec{}
			for e, s := range w.ships.All() {
				before[e] = s.Pos
				if r.IntN(20) == 0 {
					s.Vel = fixed.FromAngle(fixed.Angle(r.Int32N(65536)), 90*fixed.One)
				}
			}
			sim.Step()
			for e, s := range w.ships.All() {
				if s.Pos.X < shipRadius || s.Pos.Y < shipRadius || s.Pos.X > w.match.Size.X-shipRadius || s.Pos.Y > w.match.Size.Y-shipRadius {
					t.Fatalf("seed %d tick %d: ship at %v is off the map", seed, tick, s.Pos)
				}
				for _, wall := range w.walls.All() {
					if _, _, hit := pushOut(s.Pos, wall.Center, wall.Half, wall.Radius+shipRadius-slack); hit {
						t.Fatalf("seed %d tick %d: ship at %v is in wall %+v", seed, tick, s.Pos, *wall)
					}
					if from, ok := before[e]; ok && wall.meets(from, s.Pos, 0) {
						t.Fatalf("seed %d tick %d: ship came from %v to %v through wall %+v", seed, tick, from, s.Pos, *wall)
					}
				}
			}
		}
	}
}

func TestFlight_overlappingShipsSeparate(t *testing.T) {
	st := newStage(t, modeFFA)
	a, b := st.enter(0, 20, 16), st.enter(1, 20, 16)
	b.Pos.X += fixed.One / 4
	st.steps(30)
	if gap := a.Pos.Dist(b.Pos); gap < 2*shipRadius {
		t.Fatalf("still %d apart", gap)
	}
}

// A client that knows what p may see, and nothing else, foresees p's ship to
// the bit as long as nobody interferes.
func TestPredict_equalsServer(t *testing.T) {
	for seed := range uint64(6) {
		sim, w := newSim(t, modeFFA, seed)
		sim.Join(3, game.PlayerInfo{Team: -1})
		r := rand.New(rand.NewPCG(seed, 1))
		for range 200 {
			sim.Step()
		}
		client := clientWorld(t, sim, 3)
		ahead, err := game.NewSimulation(Game, *sim.Config())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 300 {
			words := []uint32{uint32(r.Int32N(131073) - 65536), uint32(r.Int32N(131073) - 65536), r.Uint32N(65536), r.Uint32N(8)}
			if n%5 == 0 {
				sim.SetInput(3, 0, words)
			}
			copy(ahead.Inputs().Words(3), sim.Inputs().Words(3))
			client.Predict(sim.Tick()+1, 3, ahead.Inputs())
			sim.Step()
			_, want := w.shipOf(3)
			_, got := client.shipOf(3)
			// Pickups are not predicted.
			got.HP, got.Shield, got.RapidUntil = want.HP, want.Shield, want.RapidUntil
			got.HurtBy, got.HelpBy = want.HurtBy, want.HelpBy
			if *got != *want {
				t.Fatalf("seed %d, %d ticks ahead:\npredicted %+v\nthe server %+v", seed, n+1, *got, *want)
			}
		}
	}
}

// clientWorld is what a player's client knows: a world made with seed 0 and the
// words that may be seen.
func clientWorld(t *testing.T, sim *game.Simulation, p game.Slot) *world {
	t.Helper()
	cfg := *sim.Config()
	cfg.Seed = 0
	client := Game.NewWorld(cfg).(*world)
	from, to := sim.Tables().Tables(), client.Tables().Tables()
	for i, table := range from {
		schema := table.Schema()
		to[i].Clear()
		for row := range table.High() {
			if !table.Alive(row) {
				continue
			}
			to[i].Put(row, table.Generation(row))
			words := table.Row(row)
			own := schema.Slot >= 0 && words[schema.Fields[schema.Slot].Offset] == uint32(p)
			for _, f := range schema.Fields {
				if f.Vis == game.Public || own && f.Vis == game.Owner {
					copy(to[i].Row(row)[f.Offset:f.Offset+f.Words], words[f.Offset:f.Offset+f.Words])
				}
			}
		}
	}
	return client
}
