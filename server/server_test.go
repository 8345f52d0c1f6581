package server

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/arena"
	"tactus/game/tag"
	"tactus/internal/testtime"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// newTestServer hosts matches without a matchmaker.
func newTestServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Matchmakers = []string{"127.0.0.1:1"}
	s, err := New(cfg, zap.NewNop(), arena.Game, tag.Game)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.matches.stop()
		s.matches.running.Wait()
		if err := s.logs.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func seatFor(player string, team int32) *fleetv1.Seat {
	return &fleetv1.Seat{PlayerId: player, PlayerName: player, Team: team, Reservation: "r-" + player}
}

func teamMatch(id string, seats ...*fleetv1.Seat) *fleetv1.Reserve {
	return &fleetv1.Reserve{RequestId: id, MatchId: id, Create: true, Game: "arena", Mode: "teams", Seats: seats}
}

func (s *Server) ask(r *fleetv1.Reserve) *fleetv1.ReserveResult {
	return host{s}.Reserve(context.Background(), r)
}

func TestReserve_cleansNames(t *testing.T) {
	s := newTestServer(t, Config{})
	r := teamMatch("m1", seatFor("a", 0))
	if got := s.ask(r); !got.GetOk() {
		t.Fatal(got)
	}
	r.Seats[0].PlayerName = " Jean\u00a0Luc\u202e 👨\u200d👩\u200d👧\n"
	requests, err := s.admission.requests(s.matches.match("m1").Status(), r)
	if err != nil || requests[0].Name != "Jean Luc 👨\u200d👩\u200d👧" {
		t.Errorf("%+q %v", requests[0].Name, err)
	}
}

func TestReserve_takesPublicIDs(t *testing.T) {
	s := newTestServer(t, Config{})
	r := teamMatch("m1", seatFor("u-ann", 0))
	if got := s.ask(r); !got.GetOk() {
		t.Fatal(got)
	}
	r.Seats[0].PublicId = "p-7"
	requests, err := s.admission.requests(s.matches.match("m1").Status(), r)
	if err != nil || requests[0].Public != "p-7" || requests[0].Player != "u-ann" {
		t.Errorf("%+v %v", requests[0], err)
	}
}

func TestReserve_refusalsAreThoseOfTheContract(t *testing.T) {
	s := newTestServer(t, Config{MaxMatches: 2})
	if r := s.ask(teamMatch("m1", seatFor("a", 0))); !r.GetOk() || r.GetMatch().GetMatchId() != "m1" {
		t.Fatalf("refused: %v", r)
	}
	for name, c := range map[string]struct {
		change func(*fleetv1.Reserve)
		want   string
	}{
		"no match id":        {func(r *fleetv1.Reserve) { r.MatchId = "" }, "bad_request"},
		"a long match id":    {func(r *fleetv1.Reserve) { r.MatchId = strings.Repeat("m", 65) }, "bad_request"},
		"a long queue":       {func(r *fleetv1.Reserve) { r.Queue = strings.Repeat("q", 65) }, "bad_request"},
		"a skill of nothing": {func(r *fleetv1.Reserve) { r.Seats[0].Skill = math.NaN() }, "bad_request"},
		"an unknown mode":    {func(r *fleetv1.Reserve) { r.Mode = "chess" }, "bad_request"},
		"an unknown game":    {func(r *fleetv1.Reserve) { r.Game = "chess" }, "unknown_game"},
		"an unknown option":  {func(r *fleetv1.Reserve) { r.Options = []*matchmakerv1.Option{{Name: "gravity"}} }, "bad_request"},
		"a third team":       {func(r *fleetv1.Reserve) { r.Seats[0].Team = 2 }, "bad_request"},
		"no such match":      {func(r *fleetv1.Reserve) { r.Create = false }, "no_match"},
		"a full team": {func(r *fleetv1.Reserve) {
			r.Seats = []*fleetv1.Seat{seatFor("v", 1), seatFor("w", 1), seatFor("x", 1), seatFor("y", 1), seatFor("z", 1)}
		}, "full"},
	} {
		req := teamMatch("m-"+fmt.Sprint(len(name)), seatFor("b", 0))
		c.change(req)
		if r := s.ask(req); r.GetOk() || r.GetReason() != c.want {
			t.Errorf("%s: %v, want %s", name, r, c.want)
		}
		// A match that was opened for nothing ends at its next border.
		testtime.Until(t, "one match is left", func() bool { return len(s.Matches()) <= 1 })
	}
	if r := s.ask(teamMatch("m2")); !r.GetOk() {
		t.Errorf("a second match of two: %v", r)
	}
	if r := s.ask(teamMatch("m3")); r.GetReason() != "full" {
		t.Errorf("a third match of two: %v", r)
	}
	s.Drain(time.Minute)
	if r := s.ask(teamMatch("m1", seatFor("c", 0))); r.GetReason() != "draining" {
		t.Errorf("while it drains: %v", r)
	}
}

func TestReserve_botsFillUnlessOptionsSayNo(t *testing.T) {
	mode, _ := arena.Game.Info().Mode("ffa")
	for bots, want := range map[int32]int{0: 0, 1: 8} {
		if cfg := matchConfig(mode, []game.Option{{Name: game.OptionBots, Value: bots}}); cfg.Mode.Fill != want {
			t.Errorf("bots=%d: filled to %d, want %d", bots, cfg.Mode.Fill, want)
		}
	}
	if cfg := matchConfig(mode, nil); cfg.Mode.Fill != 8 {
		t.Errorf("filled to %d without the option", cfg.Mode.Fill)
	}
	s := newTestServer(t, Config{})
	r := teamMatch("m1", seatFor("a", 0))
	r.Options = []*matchmakerv1.Option{{Name: game.OptionBots}}
	if got := s.ask(r); !got.GetOk() {
		t.Error(got)
	}
}

func TestReserve_refusedSeatsDoNotEndTheMatch(t *testing.T) {
	s := newTestServer(t, Config{})
	s.ask(teamMatch("m1", seatFor("a", 0)))
	if r := s.ask(teamMatch("m1", seatFor("b", 5))); r.GetReason() != "bad_request" {
		t.Errorf("a sixth team: %v", r)
	}
	if r := s.ask(teamMatch("m1", seatFor("c", 0))); !r.GetOk() || r.GetMatch().GetPeople() != 2 {
		t.Errorf("refused: %v", r)
	}
}

func TestReserve_matchOfAQueueIsFullForOthers(t *testing.T) {
	s := newTestServer(t, Config{})
	ask := func(queue, player string) string {
		r := teamMatch("m1", seatFor(player, -1))
		r.Queue = queue
		return s.ask(r).GetReason()
	}
	for _, step := range []struct{ queue, player, want string }{
		{"ranked", "a", ""},
		{"", "b", "full"},
		{"casual", "b", "full"},
		{"ranked", "b", ""},
		{"", "a", ""}, // a seated player may always reserve it again
	} {
		if got := ask(step.queue, step.player); got != step.want {
			t.Errorf("%s by queue %q: %q, want %q", step.player, step.queue, got, step.want)
		}
	}
}

func TestReport_sendsEachMatchmakerItsChanges(t *testing.T) {
	s := newTestServer(t, Config{})
	first := host{s}.Report()
	if reg := first.Register(); len(reg.GetMatches()) != 0 || len(reg.GetGames()) != 2 {
		t.Errorf("register %v", reg)
	}
	req := teamMatch("m1", seatFor("a", 1))
	req.Queue, req.RulesVersion, req.Backfill = "ranked", "v7", true
	s.ask(req)
	second := host{s}.Report()
	reg := second.Register()
	if len(reg.GetMatches()) != 1 {
		t.Fatalf("register %v", reg)
	}
	if m := reg.GetMatches()[0]; m.GetQueue() != "ranked" || m.GetRulesVersion() != "v7" || m.GetOpen() || m.GetBackfill() || len(m.GetTeams()) != 2 || m.GetTeams()[1].GetPeople() != 1 {
		t.Errorf("status %v", m)
	}
	if l := first.Load(); len(l.GetChanged()) != 1 || l.GetMatches() != 1 || l.GetPlayers() != 1 {
		t.Errorf("load %v", l)
	}
	host{s}.Release(&fleetv1.Release{MatchId: "m1", Reservations: []string{"r-a"}})
	testtime.Until(t, "the match has no players", func() bool { return s.matches.match("m1").Status().People == 0 })
	for i, r := range []interface{ Load() *fleetv1.Load }{first, second} {
		l := r.Load()
		if len(l.GetChanged()) != 1 || l.GetPlayers() != 0 || !l.GetChanged()[0].GetBackfill() {
			t.Errorf("load %d: %v", i, l)
		}
	}
	host{s}.Release(&fleetv1.Release{MatchId: "m1"})
	testtime.Until(t, "the match ends", func() bool { return s.matches.match("m1") == nil })
	for i, r := range []interface{ Load() *fleetv1.Load }{first, second} {
		l := r.Load()
		if len(l.GetChanged()) != 1 || l.GetMatches() != 0 || l.GetChanged()[0].GetMatchId() != "m1" || l.GetChanged()[0].GetSeats() != 0 {
			t.Errorf("load %d after the end: %v", i, l)
		}
		if l := r.Load(); len(l.GetChanged()) != 0 {
			t.Errorf("load %d tells again: %v", i, l)
		}
	}
}

func TestFences_holdWhileAMatchmakerIsConnected(t *testing.T) {
	s := newTestServer(t, Config{})
	key := make(ed25519.PublicKey, ed25519.PublicKeySize)
	one, two := host{s}.TrustKey(key), host{s}.TrustKey(key)
	ask := func(term uint64) string {
		r := teamMatch("m1", seatFor("a", 0))
		r.Queue, r.Term = "ranked", term
		return s.ask(r).GetReason()
	}
	for _, step := range []struct {
		term uint64
		want string
	}{{5, ""}, {4, "fenced"}, {0, ""}, {5, ""}, {6, ""}, {5, "fenced"}} {
		if got := ask(step.term); got != step.want {
			t.Errorf("term %d: %q, want %q", step.term, got, step.want)
		}
	}
	one()
	if got := ask(1); got != "fenced" {
		t.Errorf("with a matchmaker left: %q", got)
	}
	two()
	if got := ask(1); got != "" {
		t.Errorf("with matchmakers that begin anew: %q", got)
	}
}

func TestKeyring_keyOutlivesItsMatchmaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyring()
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		signer := jointoken.NewSigner(private)
		good := func(when string, want bool) {
			t.Helper()
			token, err := signer.Mint(jointoken.Claims{Player: "p", Match: "m", Server: "s", ID: "r"})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, err := k.tokens.Verify(token, "s", time.Now()); (err == nil) != want {
				t.Errorf("%s: %v", when, err)
			}
		}
		good("before it came", false)
		one, two := k.trust(public), k.trust(public) // replicas that share a key
		good("with two streams", true)
		one()
		testtime.Sleep(2 * keyLife)
		good("with one stream", true)
		two()
		testtime.Sleep(keyLife - time.Second)
		good("a while after the last stream", true)
		again := k.trust(public)
		testtime.Sleep(2 * keyLife)
		good("when it came back", true)
		again()
		testtime.Sleep(keyLife)
		good("after the life of a seat", false)
		if k.connected() || len(k.held) != 0 {
			t.Errorf("%d keys are kept", len(k.held))
		}
	})
}

func TestConfig_reportsEveryMistake(t *testing.T) {
	cfg := Config{Matchmakers: []string{"", "http://mm:8080"}, MatchmakerTLSFiles: TLSFiles{Cert: "cert.pem", CA: "nowhere.pem"}, Grace: -1}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{"empty address", "want host:port", "given together", "Grace"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
