package arena

import (
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

func TestPhase_warmUpStartsWithFirstShip(t *testing.T) {
	sim, w := newSim(t, modeFFA, 1, game.Option{Name: "warmup", Value: 2}, game.Option{Name: "seconds", Value: 5})
	for range 50 {
		sim.Step()
	}
	if w.match.Phase != PhaseWarmUp || w.match.EndsAt != 0 {
		t.Fatalf("empty match: phase %d, ends at %d", w.match.Phase, w.match.EndsAt)
	}
	sim.Join(0, game.PlayerInfo{Team: -1})
	sim.Step()
	if w.match.EndsAt != sim.Tick()+2*rate {
		t.Fatalf("warm-up ends at %d in tick %d", w.match.EndsAt, sim.Tick())
	}
	for range 2 * rate {
		sim.Step()
	}
	if w.match.Phase != PhasePlaying || w.match.EndsAt != sim.Tick()+5*rate {
		t.Fatalf("phase %d until %d in tick %d", w.match.Phase, w.match.EndsAt, sim.Tick())
	}
	if left := w.Remaining(); left != 5*rate {
		t.Errorf("%d ticks remain", left)
	}
	for range 5*rate - 1 {
		sim.Step()
	}
	if _, over := sim.Outcome(); over {
		t.Fatal("over too early")
	}
	sim.Step()
	if _, over := sim.Outcome(); !over || w.match.Phase != PhaseOver {
		t.Fatal("not over in time")
	}
	if left := w.Remaining(); left != 1 {
		t.Errorf("%d ticks remain when it is over, which must not count as unknown", left)
	}
}

func TestPhase_withoutSecondsNeverEnds(t *testing.T) {
	st := newStage(t, modeFFA, game.Option{Name: "seconds", Value: 0})
	st.enter(0, 10, 16)
	st.steps(1000)
	if _, over := st.Outcome(); over || st.w.match.Phase != PhasePlaying {
		t.Fatalf("phase %d", st.w.match.Phase)
	}
}

func TestPhase_duelEndsWithLastKill(t *testing.T) {
	st := newStage(t, modeDuel, game.Option{Name: "kills", Value: 1})
	st.enter(0, 10, 13)
	st.enter(1, 20, 13).HP = 10
	st.rail(0, 0, 0)
	out, over := st.Outcome()
	if !over || len(out.Results) != 2 || out.Results[0] != (game.Result{Slot: 0, Team: -1, Score: killPoints, Rank: 1}) || out.Results[1].Rank != 2 {
		t.Fatalf("over %v, %+v", over, out.Results)
	}
	st.want(0, Input{Buttons: Fire, MoveX: fixed.One}, 0)
	st.steps(respawnTicks + 10)
	if st.w.projectiles.Len() != 0 || st.ship(1).HP != 0 || st.ship(0).Vel.X == 0 {
		t.Fatal("after the end guns are silent, nobody comes back and ships still fly")
	}
}

func TestPhase_teamKillsEndMatch(t *testing.T) {
	st := newStage(t, modeTeams, game.Option{Name: "kills", Value: 2})
	st.enterTeam(0, 0, 10, 18)
	st.enterTeam(1, 1, 20, 18).HP = 10
	st.enterTeam(2, 1, 24, 18).HP = 10
	st.rail(0, 0, 0)
	if _, over := st.Outcome(); !over {
		t.Fatalf("kills %v", st.w.match.TeamKills)
	}
}

func TestRanks_byScore(t *testing.T) {
	st := newStage(t, modeFFA)
	for p, score := range []int32{100, 300, 100, 0} {
		st.enter(game.Slot(p), 10, 4+int32(p)*6)
		st.score(game.Slot(p)).Score = score
	}
	out, over := st.Outcome()
	want := []game.Result{{Slot: 1, Team: -1, Score: 300, Rank: 1}, {Slot: 0, Team: -1, Score: 100, Rank: 2}, {Slot: 2, Team: -1, Score: 100, Rank: 2}, {Slot: 3, Team: -1, Rank: 4}}
	if over || len(out.Results) != len(want) {
		t.Fatalf("over %v, %+v", over, out.Results)
	}
	for i := range want {
		if out.Results[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, out.Results[i], want[i])
		}
	}
}

func TestRanks_byTeam(t *testing.T) {
	st := newStage(t, modeTeams)
	for p := range game.Slot(4) {
		st.enterTeam(p, int32(p)%2, 10, 4+int32(p)*6)
	}
	st.score(0).Score, st.score(3).Score, st.w.match.TeamScore = 500, 50, [2]int32{500, 50}
	out, _ := st.Outcome()
	ranks := map[game.Slot]int32{}
	for _, r := range out.Results {
		ranks[r.Slot] = r.Rank
	}
	if ranks[0] != 1 || ranks[2] != 1 || ranks[1] != 3 || ranks[3] != 3 {
		t.Fatalf("ranks %v", ranks)
	}
}

func TestTeams_fillEvenlyAndHonorRequests(t *testing.T) {
	sim, w := newSim(t, modeTeams, 1)
	sim.Join(0, game.PlayerInfo{Team: 1})
	for p := range game.Slot(7) {
		sim.Join(p+1, game.PlayerInfo{Team: -1, Bot: true})
	}
	var seats [2]int
	for _, s := range w.scores.All() {
		seats[s.Side]++
	}
	if w.Team(0) != 1 || seats != [2]int{4, 4} {
		t.Fatalf("player 0 plays for %d, teams of %v", w.Team(0), seats)
	}
	sim.Leave(1, game.LeaveReplaced)
	side := w.pickSide(game.PlayerInfo{Team: 1 - w.Team(2)})
	if side < 0 || side > 1 {
		t.Fatalf("side %d", side)
	}
	sim.Join(1, game.PlayerInfo{Team: 1})
	for _, s := range w.scores.All() {
		if seats[s.Side]--; seats[s.Side] < 0 {
			t.Fatal("a full team took another player")
		}
	}
}

func TestTeams_spawnOnTheirOwnSides(t *testing.T) {
	sim, w := newSim(t, modeTeams8, 3)
	for p := range game.Slot(16) {
		sim.Join(p, game.PlayerInfo{Team: -1})
	}
	for _, s := range w.ships.All() {
		if onLeft := s.Pos.X < w.match.Size.X/2; onLeft != (s.Side == 0) {
			t.Fatalf("team %d starts at %v", s.Side, s.Pos)
		}
	}
}

func TestLeave_removesShipAndScore(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	target := st.enter(1, 30, 16)
	st.want(0, Input{Buttons: Fire}, 0)
	st.Step()
	target.HurtBy, target.HelpBy = 0, 0
	st.Leave(0, game.LeaveQuit)
	if _, s := st.w.shipOf(0); s != nil || st.w.scoreOf(0) != nil || st.w.projectiles.Len() != 0 || st.w.ships.Len() != 1 {
		t.Fatal("ship, score or shots stay")
	}
	if target.HurtBy != game.NoSlot || target.HelpBy != game.NoSlot {
		t.Fatal("the next one in the seat would inherit an assist")
	}
	st.Step()
	if !st.Join(0, game.PlayerInfo{Team: -1}) || st.ship(0).HP != maxHP || st.score(0).Shots != 0 {
		t.Fatal("the seat can't be taken anew")
	}
}

func TestJoin_duringMatchGetsShip(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	st.steps(300)
	st.Join(5, game.PlayerInfo{Team: -1})
	if s := st.ship(5); s.HP != maxHP || s.ProtectUntil != st.Tick()+protectTicks {
		t.Fatalf("%+v", *s)
	}
	st.Step()
	if sp := events(st.w.spawns); len(sp) != 1 || sp[0].Slot != 5 {
		t.Fatalf("spawn events %+v", sp)
	}
}

func TestPickups_haveEffects(t *testing.T) {
	for _, c := range []struct {
		kind  int32
		check func(s *Ship, now game.Tick) bool
	}{
		{KindRepair, func(s *Ship, _ game.Tick) bool { return s.HP == 20+repairHP && s.Shield == 0 }},
		{KindShield, func(s *Ship, _ game.Tick) bool { return s.HP == 20 && s.Shield == shieldAmount }},
		{KindRapid, func(s *Ship, now game.Tick) bool { return s.HP == 20 && s.RapidUntil == now+rapidTicks }},
	} {
		st := newStage(t, modeFFA)
		s := st.enter(0, 10, 16)
		s.HP = 20
		_, pick := st.w.pickups.Spawn()
		*pick = Pickup{Pos: metres(11, 16), Kind: c.kind, ReadyAt: 3}
		st.steps(2)
		if len(events(st.w.takes)) != 0 {
			t.Fatal("taken before it was there")
		}
		st.Step()
		if tk := events(st.w.takes); len(tk) != 1 || tk[0].Kind != c.kind || !c.check(s, st.Tick()) {
			t.Fatalf("kind %d: taken %+v, ship %+v", c.kind, tk, *s)
		}
		if pick.ReadyAt != st.Tick()+pickupTicks || pick.Kind < 0 || pick.Kind >= pickupKinds {
			t.Fatalf("pickup %+v", *pick)
		}
	}
}

func TestPickups_stayWhenNotNeeded(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(0, 10, 16)
	hurt := st.enter(1, 9, 16)
	hurt.HP = 50
	_, pick := st.w.pickups.Spawn()
	*pick = Pickup{Pos: metres(10, 16), Kind: KindRepair}
	st.Step()
	if tk := events(st.w.takes); len(tk) != 1 || tk[0].Slot != 1 {
		t.Fatalf("taken by %+v, want the one who is hurt", tk)
	}
}

func TestEmotes_haveCooldown(t *testing.T) {
	st := newStage(t, modeFFA)
	st.enter(2, 10, 16)
	st.Step()
	reply, ok := st.Command(2, "emote", []int32{3})
	if !ok || len(reply) != 1 || reply[0] != emoteCooldown {
		t.Fatalf("reply %v, %v", reply, ok)
	}
	st.steps(1)
	if e := events(st.w.emotes); len(e) != 1 || e[0].Slot != 2 || e[0].Kind != 3 {
		t.Fatalf("emotes %+v", e)
	}
	if reply, ok = st.Command(2, "emote", []int32{0}); ok || len(reply) != 1 || reply[0] != emoteCooldown-1 {
		t.Fatalf("too early: reply %v, %v", reply, ok)
	}
	st.steps(emoteCooldown)
	if _, ok = st.Command(2, "emote", []int32{0}); !ok {
		t.Fatal("refused after the cooldown")
	}
	for _, c := range []struct {
		name string
		args []int32
	}{{"emote", nil}, {"emote", []int32{4}}, {"emote", []int32{-1}}, {"emote", []int32{0, 0}}, {"dance", []int32{0}}} {
		if _, ok := st.Command(2, c.name, c.args); ok {
			t.Errorf("%s %v was taken", c.name, c.args)
		}
	}
}
