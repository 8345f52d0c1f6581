package fleet

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var teams4 = ticket.Key{Game: "arena", Mode: "teams"}

// registerAt is a server in a place that also has a mode with two teams.
func registerAt(id, region, version string) *fleetv1.Register {
	reg := register(id)
	reg.Region = region
	reg.Games[0].Version = version
	reg.Games[0].Modes = append(reg.Games[0].Modes, &matchmakerv1.ModeInfo{Name: "teams", Teams: 2, MaxPlayers: 8})
	return reg
}

func TestRegistry_capacitiesAreWhereMatchesCanBeOpened(t *testing.T) {
	r := newTestRegistry()
	want := func(when, want string) {
		t.Helper()
		if got := fmt.Sprint(r.Capacities(teams4)); got != want {
			t.Errorf("%s: places %s, want %s", when, got, want)
		}
	}
	want("without servers", "[]")
	add(r, registerAt("eu1", "eu", "1"), nil)
	add(r, registerAt("eu2", "eu", "1"), nil)
	canary := add(r, registerAt("eu3", "eu", "2"), nil)
	add(r, registerAt("us1", "us", "1"), nil)
	add(r, register("elsewhere"), nil) // does not have the mode
	// Ten matches each, and players for twelve of eight.
	want("at first", "[{eu 1 20} {eu 2 10} {us 1 10}]")
	mustReserve(t, r, "us1", request("a", "m1", 70))
	want("with seats asked for", "[{eu 1 20} {eu 2 10} {us 1 3}]")
	mustReserve(t, r, "us1", request("b", "m2", 30))
	want("with us1 full of players", "[{eu 1 20} {eu 2 10}]")
	r.load(canary, &fleetv1.Load{Draining: true})
	want("while the canary drains", "[{eu 1 20}]")
}

func TestRegistry_picksAnUnresponsiveServerLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		one, two := add(r, registerAt("eu1", "eu", "1"), nil), add(r, registerAt("eu2", "eu", "1"), nil)
		one.unresponsiveSince = time.Now()
		if id, ok := r.Pick(teams4, "eu", "1", "spread", 4); !ok || id != "eu2" {
			t.Errorf("picked %q, %v", id, ok)
		}
		two.draining = true
		if id, ok := r.Pick(teams4, "eu", "1", "spread", 4); !ok || id != "eu1" {
			t.Errorf("picked %q, %v, where the only other one drains", id, ok)
		}
		two.draining, two.full = false, true
		if got := fmt.Sprint(r.Capacities(teams4)); got != "[{eu 1 10}]" {
			t.Errorf("places %s", got)
		}
		r.load(two, &fleetv1.Load{})
		testtime.Sleep(r.cfg.StrikeLasts)
		if got := fmt.Sprint(r.Capacities(teams4)); got != "[{eu 1 20}]" {
			t.Errorf("places %s after the strike", got)
		}
	})
}

func TestRegistry_picksByPolicy(t *testing.T) {
	r := newTestRegistry()
	for _, id := range []string{"s1", "s2", "s3"} {
		add(r, registerAt(id, "eu", "1"), nil)
	}
	opened := 0
	pick := func(policy string, players int) string {
		t.Helper()
		id, ok := r.Pick(teams4, "eu", "1", policy, players)
		if !ok {
			return ""
		}
		opened++
		req := request(fmt.Sprint("r", opened), fmt.Sprint("m", opened), players)
		req.Mode = "teams"
		mustReserve(t, r, id, req) // not answered: counts all the same
		return id
	}
	var spread []string
	for range 6 {
		spread = append(spread, pick("spread", 8))
	}
	if fmt.Sprint(spread) != "[s1 s2 s3 s1 s2 s3]" {
		t.Errorf("spread over %v", spread)
	}
	var packed []string
	for range 9 {
		packed = append(packed, pick(PolicyPack, 8))
	}
	if !slices.Equal(packed, []string{"s1", "s1", "s1", "s1", "s1", "s1", "s1", "s1", "s2"}) {
		t.Errorf("packed on %v: eight matches more fill a server", packed)
	}
	r.load(r.servers["s2"], &fleetv1.Load{Cpu: 0.9})
	if id := pick(PolicyPack, 8); id != "s3" {
		t.Errorf("packed on %q, where s2 has no CPU left", id)
	}
	if id := pick("spread", 99); id != "" {
		t.Errorf("%q has no room for 99", id)
	}
	if _, ok := r.Pick(teams4, "eu", "2", "spread", 1); ok {
		t.Error("a version that no server runs was found")
	}
}

// asking is the status of a queue's match that asks for players.
func asking(id string, players ...uint32) *fleetv1.MatchStatus {
	st := &fleetv1.MatchStatus{MatchId: id, Game: "arena", Mode: "teams", Seats: 8, Queue: "ranked", Backfill: true}
	for i, n := range players {
		st.People += n
		st.Teams = append(st.Teams, &fleetv1.TeamStatus{People: n, Seats: 4, Skill: float64(1000 * (i + 1))})
	}
	return st
}

func TestRegistry_backfillsCountRequestedSeats(t *testing.T) {
	r := newTestRegistry()
	reg := registerAt("eu1", "eu", "1")
	reg.Matches = []*fleetv1.MatchStatus{asking("m1", 4, 2)}
	s := add(r, reg, nil)
	gap := func() string {
		var list []string
		for _, g := range r.Backfills("ranked") {
			list = append(list, fmt.Sprintf("%s %s %s %s %v", g.Match, g.Server, g.Region, g.Version, g.Teams))
		}
		return fmt.Sprint(list)
	}
	if got := gap(); got != "[m1 eu1 eu 1 [{4 4 1000} {2 4 2000}]]" {
		t.Errorf("gap %s", got)
	}
	blue := request("a", "m1", 1)
	blue.Seats[0].Team = 1
	mustReserve(t, r, "eu1", blue)
	anywhere := request("b", "m1", 1)
	anywhere.Seats[0].Team = -1
	mustReserve(t, r, "eu1", anywhere)
	if got := gap(); got != "[]" {
		t.Errorf("gap %s, all seats are asked for", got)
	}
	r.answer(s, &fleetv1.ReserveResult{RequestId: "b", Reason: "fenced"})
	if got := gap(); got != "[m1 eu1 eu 1 [{4 4 1000} {3 4 2000}]]" {
		t.Errorf("gap %s, one is asked for", got)
	}
	r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Ok: true, Slots: []uint32{7}}) // without a status
	if got := gap(); got != "[m1 eu1 eu 1 [{4 4 1000} {3 4 2000}]]" {
		t.Errorf("gap %s, one has come", got)
	}
	filled := asking("m1", 4, 4)
	filled.Backfill = false
	r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{filled}})
	if got := gap(); got != "[]" {
		t.Errorf("gap %s in a full match", got)
	}
}

func TestRegistry_noBackfillOfAMatchThatTakesNoPlayers(t *testing.T) {
	r := newTestRegistry()
	ending := asking("ending", 1, 1)
	ending.RemainingS = 10
	free := &fleetv1.MatchStatus{
		MatchId: "free", Game: "arena", Mode: "ffa", Seats: 4, People: 2, Queue: "ranked", Backfill: true,
		Teams: []*fleetv1.TeamStatus{{People: 2, Seats: 4, Skill: 1200}},
	}
	reg := registerAt("eu1", "eu", "1")
	reg.Matches = []*fleetv1.MatchStatus{ending, free}
	s := add(r, reg, nil)
	gaps := r.Backfills("ranked")
	if len(gaps) != 1 || gaps[0].Match != "free" || fmt.Sprint(gaps[0].Teams) != "[{1 1 1200} {1 1 1200} {0 1 0} {0 1 0}]" {
		t.Errorf("gaps %+v", gaps)
	}
	if v := r.View(ffa); len(v.Matches) != 1 || v.Matches[0].Open {
		t.Errorf("quick play sees %+v", v.Matches)
	}
	r.load(s, &fleetv1.Load{Draining: true})
	if gaps := r.Backfills("ranked"); len(gaps) != 0 {
		t.Errorf("gaps on a draining server: %+v", gaps)
	}
}

func TestRegistry_listsServers(t *testing.T) {
	r := newTestRegistry()
	add(r, registerAt("us1", "us", "2"), nil)
	s := add(r, registerAt("eu1", "eu", "1"), nil)
	r.load(s, &fleetv1.Load{Cpu: 0.25, Draining: true})
	mustReserve(t, r, "eu1", request("a", "m1", 50))
	list := r.Servers()
	if len(list) != 2 || list[0].ID != "eu1" || list[1].ID != "us1" {
		t.Fatalf("servers %+v", list)
	}
	got := list[0]
	if got.URL != "ws://eu1.test/play" || got.Region != "eu" || got.Versions["arena"] != "1" || got.People != 50 || got.Matches != 1 ||
		got.Load != 0.5 || got.CPU != 0.25 || !got.Draining || got.Struck || got.Connected.IsZero() {
		t.Errorf("server %+v", got)
	}
}

func TestRegistry_takesPlayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		want := func(when string, want bool, reason string) {
			t.Helper()
			if got, why := r.TakesPlayers(); got != want || why != reason {
				t.Errorf("%s: %v, %q", when, got, why)
			}
		}
		want("without servers", false, "no game server is registered")
		s := add(r, register("one"), nil)
		want("at first", true, "1 of 1 game servers take players")
		s.unresponsiveSince = time.Now()
		want("struck", false, "no game server takes players: 0 drain, 0 are full, 1 did not answer, 0 have a clock that is off by minutes")
		testtime.Sleep(r.cfg.StrikeLasts)
		s.maxMatches = 1
		r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m1", Game: "arena", Mode: "ffa", People: 7, Seats: 8, Open: true}}})
		want("with a seat in its last match", true, "1 of 1 game servers take players")
		r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m1", Game: "arena", Mode: "ffa", People: 8, Seats: 8, Open: true}}})
		want("full", false, "no game server takes players: 0 drain, 1 are full, 0 did not answer, 0 have a clock that is off by minutes")
		r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m1"}}})
		reportClock(r, s, time.Hour)
		want("with a wrong clock", false, "no game server takes players: 0 drain, 0 are full, 0 did not answer, 1 have a clock that is off by minutes")
		if hosts := r.Hosts(ffa); len(hosts) > 0 {
			t.Errorf("players are told to wait for a seat at %v", hosts)
		}
		r.load(s, &fleetv1.Load{Draining: true})
		want("draining", false, "no game server takes players: 1 drain, 0 are full, 0 did not answer, 0 have a clock that is off by minutes")
	})
}
