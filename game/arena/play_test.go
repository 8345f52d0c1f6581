package arena

import (
	"slices"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

// playStats is what happened while a match was played.
type playStats struct {
	shipTicks, slowTicks    int
	kills, railKills        int
	shots, hits             int
	rails, railed           int
	dashes, takes           int
	takenAt                 map[fixed.Vec]bool
	firstHurt               map[game.Slot]game.Tick
	timesToKill             []int // from the first hurt of the last 10 s to the kill, in ticks
	longestStill, mostKills int
	still                   map[game.Slot]int
	untaken                 int
}

// playBots lets bots alone play matches of a mode and watches them.
func playBots(t *testing.T, mode string, players, seconds int, seeds uint64) *playStats {
	t.Helper()
	st := &playStats{takenAt: map[fixed.Vec]bool{}, firstHurt: map[game.Slot]game.Tick{}, still: map[game.Slot]int{}}
	for seed := range seeds {
		sim, w := newSim(t, mode, seed, game.Option{Name: "seconds", Value: int32(seconds)})
		for p := range players {
			sim.Join(game.Slot(p), game.PlayerInfo{Bot: true, Team: -1})
		}
		clear(st.takenAt)
		clear(st.still)
		for w.match.Phase != PhaseOver {
			sim.Step()
			if w.match.Phase == PhasePlaying {
				st.watch(w)
			}
		}
		st.untaken += w.pickups.Len() - len(st.takenAt)
		for _, s := range w.scores.All() {
			st.shots, st.hits = st.shots+int(s.Shots), st.hits+int(s.Hits)
			st.rails, st.railed = st.rails+int(s.Rails), st.railed+int(s.Railed)
			st.mostKills = max(st.mostKills, int(s.Kills))
		}
	}
	slices.Sort(st.timesToKill)
	return st
}

func (st *playStats) watch(w *world) {
	now := w.match.Now
	for _, s := range w.ships.All() {
		if s.HP == 0 {
			continue
		}
		st.shipTicks++
		if st.still[s.Slot]++; s.Vel.Len() > fixed.One {
			st.still[s.Slot] = 0
		} else {
			st.slowTicks++
		}
		st.longestStill = max(st.longestStill, st.still[s.Slot])
	}
	for h := range w.hits.All() {
		if at, ok := st.firstHurt[h.Target]; h.Damage > 0 && (!ok || now-at > 300) {
			st.firstHurt[h.Target] = now
		}
	}
	for k := range w.kills.All() {
		st.kills++
		if k.Weapon == WeaponRail {
			st.railKills++
		}
		st.timesToKill = append(st.timesToKill, int(now-st.firstHurt[k.Victim]))
		delete(st.firstHurt, k.Victim)
	}
	for k := range w.takes.All() {
		st.takes++
		st.takenAt[k.Pos] = true
	}
	st.dashes += len(events(w.dashes))
}

// What makes a match worth playing, in numbers: bots fight, hit sometimes, use
// everything there is, get nowhere stuck and die neither at once nor never.
func TestBots_playGoodMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	for _, c := range []struct {
		mode             string
		players, seconds int
		seeds            uint64
		unusedPickups    int
	}{
		{modeFFA, 8, 180, 2, 0},
		{modeDuel, 2, 180, 3, 2},
		{modeTeams, 8, 180, 1, 1},
		{modeTeams5, 10, 120, 1, 2},
		{modeTeams8, 16, 120, 1, 2},
		{modeSwarm, 40, 30, 1, 901},
	} {
		t.Run(c.mode, func(t *testing.T) {
			st := playBots(t, c.mode, c.players, c.seconds, c.seeds)
			minutes := float64(st.shipTicks) / (60 * rate)
			band := func(what string, got, lo, hi float64) {
				t.Helper()
				t.Logf("%s: %.3f", what, got)
				if got < lo || got > hi {
					t.Errorf("%s is %.3f, want %.3f to %.3f", what, got, lo, hi)
				}
			}
			band("kills a minute and ship", float64(st.kills)/minutes, 1.2, 7)
			band("share of kills by rail", float64(st.railKills)/float64(st.kills), 0.05, 0.5)
			band("seconds from first hurt to kill, median", float64(st.timesToKill[len(st.timesToKill)/2])/rate, 1.2, 5.5)
			band("share of pulses that hit", float64(st.hits)/float64(st.shots), 0.15, 0.45)
			band("ships hit a rail", float64(st.railed)/float64(st.rails), 0.2, 0.8)
			band("dashes a minute and ship", float64(st.dashes)/minutes, 2, 30)
			band("pickups a minute and ship", float64(st.takes)/minutes, 1, 10)
			band("share of time at less than 1 m/s", float64(st.slowTicks)/float64(st.shipTicks), 0, 0.05)
			band("longest stand, seconds", float64(st.longestStill)/rate, 0, 3)
			band("pickups nobody took", float64(st.untaken), 0, float64(c.unusedPickups))
		})
	}
}

// Think may look and not touch: a bot's thought changes nothing but its input.
func TestThink_changesNoState(t *testing.T) {
	sim, w := crowdedSim(t, modeFFA, 16)
	before := sim.Save(nil)
	think := func() (list []Input) {
		for p := range game.Slot(16) {
			w.Think(sim.Tick()+1, p, sim.Inputs())
			list = append(list, *input.At(sim.Inputs(), p))
		}
		return list
	}
	first, second := think(), think()
	if !slices.Equal(first, second) {
		t.Fatal("the same view gives different inputs")
	}
	for p := range game.Slot(16) {
		if in := input.At(sim.Inputs(), p); !sim.Info().Input.Valid(sim.Inputs().Words(p)) {
			t.Errorf("bot %d wants %+v, which no client may send", p, *in)
		}
	}
	if err := sim.Restore(before); err != nil {
		t.Fatal(err)
	}
	third := think()
	if !slices.Equal(first, third) {
		t.Fatal("thoughts differ after a restore")
	}
}

func TestBots_shareTargets(t *testing.T) {
	sim, w := crowdedSim(t, modeFFA, 8)
	worst, sum := int32(0), int32(0)
	const ticks = 600
	for range ticks {
		sim.Step()
		most := int32(0)
		for i := range w.ships.High() {
			most = max(most, w.attackers[i])
		}
		worst, sum = max(worst, most), sum+most
	}
	if mean := float64(sum) / ticks; mean > 3.5 || worst > 6 {
		t.Fatalf("up to %d bots hunt one ship, %.1f on average", worst, mean)
	}
}

func TestBots_fightOtherTeam(t *testing.T) {
	sim, w := crowdedSim(t, modeTeams8, 16)
	for range 300 {
		sim.Step()
		for _, b := range w.bots.All() {
			_, s := w.shipOf(b.Slot)
			if target := w.ships.Get(b.Target); target != nil && target.Side == s.Side {
				t.Fatalf("bot %d hunts a team mate", b.Slot)
			}
		}
	}
}

func TestStep_doesNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	for _, c := range []struct {
		mode    string
		players int
	}{{modeFFA, 16}, {modeDuel, 2}, {modeTeams, 8}, {modeTeams5, 10}, {modeTeams8, 16}, {modeSwarm, 300}} {
		sim, w := crowdedSim(t, c.mode, c.players)
		// Long enough for kills, pickups, rails and respawns.
		if n := testing.AllocsPerRun(1, func() {
			for range 200 {
				sim.Step()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations in 200 ticks", c.mode, n)
		}
		if n := testing.AllocsPerRun(10, func() { w.Outcome() }); n != 0 {
			t.Errorf("%s: %v allocations in Outcome", c.mode, n)
		}
		if n := testing.AllocsPerRun(10, func() { w.Predict(sim.Tick()+1, 0, sim.Inputs()) }); n != 0 {
			t.Errorf("%s: %v allocations in Predict", c.mode, n)
		}
	}
}

// Ships and their trails are born and die together, which is how one finds the
// other.
func TestTrails_sharePlacesWithShips(t *testing.T) {
	sim, w := crowdedSim(t, modeFFA, 8)
	for tick := range 600 {
		if p := game.Slot(tick / 20 % 16); tick%20 == 0 && !sim.Join(p, game.PlayerInfo{Bot: true, Team: -1}) {
			sim.Leave(p, game.LeaveQuit)
		}
		sim.Step()
		for i := range w.ships.Cap() {
			_, s := w.ships.At(i)
			_, tr := w.trails.At(i)
			if (s == nil) != (tr == nil) || s != nil && tr.At[sim.Tick()%trailTicks] != s.Pos {
				t.Fatalf("tick %d: place %d differs", tick, i)
			}
		}
	}
}
