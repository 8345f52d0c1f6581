package fleet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var ffa = ticket.Key{Game: "arena", Mode: "ffa"}

func newTestRegistry() *Registry {
	return NewRegistry(Config{
		MatchmakerID: "mm", LoadInterval: time.Second, LastCall: 20 * time.Second,
		StrikeLasts: 10 * time.Second, HoldSeats: 15 * time.Second,
	}, func() {}, zap.NewNop())
}

func register(id string) *fleetv1.Register {
	return &fleetv1.Register{
		ServerId: id, PublicUrl: "ws://" + id + ".test/play", MaxMatches: 10, MaxPlayers: 100,
		Games: []*matchmakerv1.GameInfo{{Name: "arena", Version: "1", Modes: []*matchmakerv1.ModeInfo{{Name: "ffa", MaxPlayers: 8}}}},
	}
}

func request(id, match string, seats int) *fleetv1.Reserve {
	r := &fleetv1.Reserve{RequestId: id, MatchId: match, Create: true, Game: "arena", Mode: "ffa"}
	for i := range seats {
		r.Seats = append(r.Seats, &fleetv1.Seat{Reservation: fmt.Sprint(id, "-", i)})
	}
	return r
}

func mustReserve(t *testing.T, r *Registry, server string, req *fleetv1.Reserve) Wait {
	t.Helper()
	wait, err := r.Reserve(server, req)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// players returns the players of the only match and of the only server.
func players(t *testing.T, r *Registry) (match, server int) {
	t.Helper()
	v := r.View(ffa)
	if len(v.Matches) != 1 || len(v.Servers) != 1 {
		t.Fatalf("view %+v", v)
	}
	return v.Matches[0].Players, 100 - v.Servers[0].FreePlayers
}

func TestRegistry_requestedSeatsCountAsTaken(t *testing.T) {
	r := newTestRegistry()
	s := add(r, register("s1"), nil)
	first := mustReserve(t, r, "s1", request("a", "m1", 3))
	mustReserve(t, r, "s1", request("b", "m1", 2))
	if m, srv := players(t, r); m != 5 || srv != 5 || !r.View(ffa).Matches[0].Opening {
		t.Errorf("asked for 5: match %d, server %d", m, srv)
	}
	r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Ok: true, Slots: []uint32{0, 1, 2}, Match: &fleetv1.MatchStatus{
		MatchId: "m1", Game: "arena", Mode: "ffa", People: 3, Seats: 8, Open: true,
	}})
	if result, err := first(context.Background()); err != nil || !result.GetOk() {
		t.Errorf("answer %v %v", result, err)
	}
	if m, srv := players(t, r); m != 5 || srv != 5 || r.View(ffa).Matches[0].Opening {
		t.Errorf("3 of 5 answered: match %d, server %d", m, srv)
	}
	r.answer(s, &fleetv1.ReserveResult{RequestId: "b", Reason: "broken"})
	if m, srv := players(t, r); m != 3 || srv != 3 || !r.View(ffa).Servers[0].Unresponsive {
		t.Errorf("2 refused: match %d, server %d", m, srv)
	}
	r.matchEnded(s, &fleetv1.MatchEnded{MatchId: "m1"})
	if totals := r.Totals(); totals != (Totals{Servers: 1}) {
		t.Errorf("after the match: %+v", totals)
	}
}

// A report of load overtakes the answer: the last friend of a room must not be
// rejected because another's seat counts twice.
func TestRegistry_matchIsNotFullBeforeItsServerAnswers(t *testing.T) {
	r := newTestRegistry()
	s := add(r, register("s1"), nil)
	status := &fleetv1.MatchStatus{MatchId: "m1", Game: "arena", Mode: "ffa", People: 7, Seats: 8, Private: true}
	mustReserve(t, r, "s1", request("a", "m1", 7))
	r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{status}})
	if found, ok := r.Find("m1"); !ok || found.Free >= 1 || found.Full(1) || !r.View(ffa).Matches[0].Unanswered {
		t.Errorf("before the answer: %+v", found)
	}
	r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Ok: true, Slots: []uint32{0, 1, 2, 3, 4, 5, 6}, Match: status})
	if found, _ := r.Find("m1"); found.Free != 1 || found.Full(1) || !found.Full(2) || r.View(ffa).Matches[0].Unanswered {
		t.Errorf("after the answer: %+v", found)
	}
}

func TestRegistry_refusedOpeningLeavesNoMatch(t *testing.T) {
	r := newTestRegistry()
	s := add(r, register("s1"), nil)
	mustReserve(t, r, "s1", request("a", "m1", 3))
	r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Reason: "full"})
	if v := r.View(ffa); len(v.Matches) != 0 || !v.Servers[0].Full || v.Servers[0].FreePlayers != 100 {
		t.Errorf("view %+v", v)
	}
	r.load(s, &fleetv1.Load{})
	if r.View(ffa).Servers[0].Full {
		t.Error("still full after it has reported its load")
	}
}

func TestRegistry_fullMatchCountsAsFullUntilTheNextReport(t *testing.T) {
	r := newTestRegistry()
	status := &fleetv1.MatchStatus{MatchId: "m1", Game: "arena", Mode: "ffa", People: 2, Seats: 8, Open: true}
	reg := register("s1")
	reg.Matches = []*fleetv1.MatchStatus{status}
	s := add(r, reg, nil)
	mustReserve(t, r, "s1", request("a", "m1", 1))
	r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Reason: "full"})
	if m, srv := players(t, r); m != 8 || srv != 8 {
		t.Errorf("match %d, server %d", m, srv)
	}
	r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{status}})
	if m, srv := players(t, r); m != 2 || srv != 2 {
		t.Errorf("match %d, server %d", m, srv)
	}
}

func TestCall_lateSeatsAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		s := add(r, register("s1"), nil)
		<-s.out // registered
		wait := mustReserve(t, r, "s1", request("a", "m1", 2))
		<-s.out
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if _, err := wait(ctx); !errors.Is(err, ErrTimeout) {
			t.Fatalf("error %v", err)
		}
		if v := r.View(ffa); len(v.Matches) != 0 || !v.Servers[0].Unresponsive || v.Servers[0].FreePlayers != 100 {
			t.Errorf("view %+v", v)
		}
		r.answer(s, &fleetv1.ReserveResult{RequestId: "a", Ok: true, Slots: []uint32{0, 1}})
		if release := (<-s.out).GetRelease(); release.GetMatchId() != "m1" || fmt.Sprint(release.GetReservations()) != "[a-0 a-1]" {
			t.Errorf("release %v", release)
		}
		testtime.Sleep(10 * time.Second)
		if r.View(ffa).Servers[0].Unresponsive {
			t.Error("struck for ever")
		}
	})
}

func TestCall_abandonedCallsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		s := add(r, register("s1"), nil)
		wait := mustReserve(t, r, "s1", request("a", "m1", 2))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := wait(ctx); !errors.Is(err, ErrTimeout) {
			t.Fatalf("error %v", err)
		}
		testtime.Sleep(time.Minute + 1)
		mustReserve(t, r, "s1", request("b", "m2", 2))
		if len(s.calls) != 1 {
			t.Errorf("%d calls are kept", len(s.calls))
		}
	})
}

func TestOrphans_returningServerReleasesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		for _, id := range []string{"soon", "late"} {
			s := add(r, register(id), nil)
			wait := mustReserve(t, r, id, request(id, "m-"+id, 1))
			r.disconnect(s)
			if _, err := wait(context.Background()); !errors.Is(err, ErrGone) {
				t.Errorf("error %v", err)
			}
		}
		testtime.Sleep(10 * time.Second)
		if s := add(r, register("soon"), nil); len(s.out) != 2 {
			t.Errorf("back after 10 s: %d messages, want registered and a release", len(s.out))
		}
		testtime.Sleep(5 * time.Second) // the seats are free by themselves
		if s := add(r, register("late"), nil); len(s.out) != 1 {
			t.Errorf("back after 15 s: %d messages, want registered alone", len(s.out))
		}
		r.disconnect(add(r, register("other"), nil))
		if len(r.orphans) != 0 {
			t.Errorf("%d servers' releases are kept", len(r.orphans))
		}
	})
}

func TestRegistry_serverThatDoesNotReadIsBusy(t *testing.T) {
	r := newTestRegistry()
	add(r, register("s1"), nil)
	var err error
	for i := 0; i <= outbound && err == nil; i++ {
		_, err = r.Reserve("s1", request(fmt.Sprint("r", i), "m1", 0))
	}
	if !errors.Is(err, ErrBusy) || !r.View(ffa).Servers[0].Unresponsive {
		t.Errorf("error %v", err)
	}
	if _, err := r.Reserve("unknown", request("x", "m2", 1)); !errors.Is(err, ErrGone) {
		t.Errorf("unknown server: %v", err)
	}
}

func TestRegistry_matchBelongsToOneServer(t *testing.T) {
	r := newTestRegistry()
	status := &fleetv1.MatchStatus{MatchId: "m1", Game: "arena", Mode: "ffa", People: 2, Seats: 8, Open: true}
	for _, id := range []string{"s1", "s2"} {
		reg := register(id)
		reg.Matches = []*fleetv1.MatchStatus{status}
		add(r, reg, nil)
	}
	if v := r.View(ffa); len(v.Matches) != 1 || v.Matches[0].Server != "s1" {
		t.Errorf("view %+v", v)
	}
	if _, err := r.Reserve("s2", request("a", "m1", 1)); !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
}

func TestRegistry_resolve(t *testing.T) {
	r := newTestRegistry()
	if _, err := r.Resolve("arena", ""); !errors.Is(err, ErrNoServer) {
		t.Errorf("error %v", err)
	}
	s := add(r, register("s1"), nil)
	if k, err := r.Resolve("", ""); err != nil || k != ffa {
		t.Errorf("the only game: %v %v", k, err)
	}
	r.disconnect(s)
	if k, err := r.Resolve("arena", "ffa"); err != nil || k != ffa {
		t.Errorf("a game whose servers are away: %v %v", k, err)
	}
	second := register("s2")
	second.Games[0].Name = "tag"
	add(r, second, nil)
	if _, err := r.Resolve("", ""); !errors.Is(err, ErrUnknownGame) {
		t.Errorf("no game named of two: %v", err)
	}
}
