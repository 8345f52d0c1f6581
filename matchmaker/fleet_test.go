package matchmaker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func serverOf(a *matchmakerv1.Assignment) string {
	return strings.TrimSuffix(strings.TrimPrefix(a.GetUrl(), "ws://"), ".test/play")
}

func TestFleet_sharesLoadBetweenServers(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	w.server("s2", nil)
	matches := map[string]map[string]int{"s1": {}, "s2": {}}
	for range 16 {
		a := w.quickPlay().assigned()
		matches[serverOf(a)][a.GetMatchId()]++
	}
	if len(matches["s1"]) != 2 || len(matches["s2"]) != 2 {
		t.Errorf("16 players in matches of 4: %v", matches)
	}
	games, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{})
	if err != nil || games.GetServers() != 2 || games.GetPlayers() != 16 || len(games.GetGames()) != 1 {
		t.Errorf("games %v %v", games, err)
	}
}

func TestFleet_rejectedPlayersGoToTheNextServer(t *testing.T) {
	for _, reason := range []string{"full", "draining", "unknown_game", "no such reason"} {
		t.Run(reason, func(t *testing.T) {
			w := start(t, nil)
			no := w.server("a-first", func(g *gameServer, _ *fleetv1.Register) {
				g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Reason: reason} }
			})
			w.server("b-second", nil)
			if a := w.quickPlay().assigned(); serverOf(a) != "b-second" {
				t.Errorf("assignment %v", a)
			}
			no.look(func() {
				if len(no.asked) != 1 {
					t.Errorf("the first server was asked %d times", len(no.asked))
				}
			})
		})
	}
}

func TestFleet_searchEndsWhenEveryServerRejects(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.MaxAttempts = 3 })
	g := w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Reason: "broken"} }
	})
	w.quickPlay().endsBy(matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED)
	g.look(func() {
		if len(g.asked) != 3 {
			t.Errorf("asked %d times", len(g.asked))
		}
	})
}

func TestFleet_releasesSeatsOfLateAnswers(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.ReserveTimeout = 20 * time.Millisecond })
	silent := w.server("a-silent", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return withheld }
	})
	w.server("b-good", nil)
	if a := w.quickPlay().assigned(); serverOf(a) != "b-good" {
		t.Errorf("assignment %v", a)
	}
	var yes *fleetv1.ReserveResult
	silent.look(func() { yes = silent.take(silent.asked[0]) })
	silent.reply(yes)
	silent.until(func() bool { return len(silent.released) == 1 && len(silent.held()) == 0 })
	// While it is struck, new matches open elsewhere.
	for range 8 {
		if a := w.quickPlay().assigned(); serverOf(a) != "b-good" {
			t.Errorf("assignment %v", a)
		}
	}
}

func TestFleet_deadServersPlayersGoToTheNext(t *testing.T) {
	w := start(t, nil)
	dying := w.server("a-dying", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return withheld }
	})
	p := w.quickPlay()
	dying.until(func() bool { return len(dying.asked) == 1 })
	var lost *fleetv1.Reserve
	dying.look(func() { lost = dying.asked[0] })
	dying.die()
	w.server("b-next", nil)
	if a := p.assigned(); serverOf(a) != "b-next" {
		t.Errorf("assignment %v", a)
	}
	// It was only the network: back again, the server hears that nobody comes.
	back := w.server("a-dying", nil)
	back.until(func() bool {
		return len(back.released) == 1 && back.released[0].GetReservations()[0] == lost.GetSeats()[0].GetReservation()
	})
}

func TestFleet_playersWaitForAServer(t *testing.T) {
	w := start(t, nil)
	first := w.server("s1", nil)
	w.quickPlay().assigned()
	first.die()
	watch := (&player{w: w, CreateTicketResponse: mustCreate(w)}).watch()
	if watch.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		t.Fatalf("first message %v", watch.last)
	}
	w.server("s2", nil)
	if last := watch.end(); serverOf(last.GetAssignment()) != "s2" {
		t.Errorf("last message %v", last)
	}
}

// mustCreate creates a ticket once the matchmaker has noticed that no server
// is left.
func mustCreate(w *world) *matchmakerv1.CreateTicketResponse {
	w.t.Helper()
	for {
		games, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{})
		if err != nil {
			w.t.Fatal(err)
		}
		if games.GetServers() == 0 {
			break
		}
	}
	res, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

func TestFleet_reusesAFullServerAfterAMatch(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", func(g *gameServer, reg *fleetv1.Register) { reg.MaxMatches, g.maxMatches = 1, 1 })
	var match string
	for range 4 {
		match = w.quickPlay().assigned().GetMatchId()
	}
	p := w.quickPlay()
	watch := p.watch()
	if watch.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		t.Fatalf("first message %v", watch.last)
	}
	g.ended(match)
	if last := watch.end(); last.GetAssignment().GetMatchId() == match || last.GetAssignment() == nil {
		t.Errorf("last message %v", last)
	}
}

func TestFleet_loadReportsFreedSeats(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", func(_ *gameServer, reg *fleetv1.Register) {
		reg.MaxMatches = 1
		reg.Matches = []*fleetv1.MatchStatus{{MatchId: "m-1", Game: "arena", Mode: "ffa", People: 4, Seats: 4, Open: true}}
	})
	watch := w.quickPlay().watch()
	g.look(func() {
		g.matches["m-1"] = &fakeMatch{seats: []string{"a", "b", "c", ""}, status: &fleetv1.MatchStatus{MatchId: "m-1", Game: "arena", Mode: "ffa", People: 3, Seats: 4, Open: true}}
	})
	g.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m-1", Game: "arena", Mode: "ffa", People: 3, Seats: 4, Open: true}}})
	if last := watch.end(); last.GetAssignment().GetMatchId() != "m-1" {
		t.Errorf("last message %v", last)
	}
}

func TestFleet_drainingServerGetsNoPlayers(t *testing.T) {
	w := start(t, nil)
	leaving := w.server("a", nil)
	w.server("b", nil)
	if !w.mm.Drain("a", time.Minute, "update") || w.mm.Drain("nobody", 0, "") {
		t.Fatal("drain does not know its servers")
	}
	leaving.until(func() bool { return len(leaving.drains) == 1 && leaving.drains[0].GetDeadlineMs() == 60_000 })
	for range 5 {
		if a := w.quickPlay().assigned(); serverOf(a) != "b" {
			t.Errorf("assignment %v", a)
		}
	}
}

func TestFleet_newerStreamOfAServerWins(t *testing.T) {
	w := start(t, nil)
	old := w.server("s1", nil)
	newer := w.server("s1", nil)
	err := <-old.done
	old.done <- err
	if status.Code(err) != codes.Aborted {
		t.Errorf("the older stream ended by %v", err)
	}
	w.quickPlay().assigned()
	newer.look(func() {
		if len(newer.asked) != 1 {
			t.Errorf("the newer stream was asked %d times", len(newer.asked))
		}
	})
	games, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{})
	if err != nil || games.GetServers() != 1 {
		t.Errorf("games %v %v", games, err)
	}
}

func TestFleet_rejectsBadRegistrations(t *testing.T) {
	w := start(t, nil)
	good := func() *fleetv1.Register {
		return &fleetv1.Register{ServerId: "s1", PublicUrl: "wss://s1.test/play", Games: arena()}
	}
	for name, spoil := range map[string]func(*fleetv1.Register){
		"no id":      func(r *fleetv1.Register) { r.ServerId = "" },
		"long id":    func(r *fleetv1.Register) { r.ServerId = strings.Repeat("s", 65) },
		"http url":   func(r *fleetv1.Register) { r.PublicUrl = "http://s1.test" },
		"no host":    func(r *fleetv1.Register) { r.PublicUrl = "ws:///play" },
		"no games":   func(r *fleetv1.Register) { r.Games = nil },
		"no modes":   func(r *fleetv1.Register) { r.Games[0].Modes = nil },
		"no seats":   func(r *fleetv1.Register) { r.Games[0].Modes[0].MaxPlayers = 0 },
		"many games": func(r *fleetv1.Register) { r.Games = make([]*matchmakerv1.GameInfo, 65) },
	} {
		reg := good()
		spoil(reg)
		if err := w.firstMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: reg}}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.firstMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: &fleetv1.Load{}}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("Load first: %v", err)
	}
	if err := w.firstMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: good()}}); err != nil {
		t.Errorf("good one: %v", err)
	}
}

// firstMessage opens a stream with the message and returns what comes of it.
func (w *world) firstMessage(m *fleetv1.ConnectRequest) error {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.context())
	defer cancel()
	stream, err := fleetv1.NewFleetServiceClient(w.conn).Connect(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = stream.Send(m)
	_, err = stream.Recv()
	return err
}

func TestFleet_ignoresUnexpectedAnswers(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	g.reply(&fleetv1.ReserveResult{RequestId: "unheard of", Ok: true, Slots: []uint32{1, 2, 3}})
	g.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: strings.Repeat("m", 100), Game: "arena", Mode: "ffa", Seats: 4, Open: true}, {}}})
	a := w.quickPlay().assigned()
	g.reply(&fleetv1.ReserveResult{RequestId: g.asked[0].GetRequestId(), Reason: "changed my mind"})
	if again := w.quickPlay().assigned(); again.GetMatchId() != a.GetMatchId() {
		t.Errorf("second player went to %v, first to %v", again, a)
	}
}

func TestFleet_wrongNumberOfSlotsSeatsNoPlayer(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.MaxAttempts = 1 })
	g := w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Ok: true} }
	})
	w.quickPlay().endsBy(matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED)
	g.until(func() bool { return len(g.released) == 1 })
}

func TestFleet_rejectsServersOfAnotherProtocol(t *testing.T) {
	w := start(t, nil)
	stream, err := fleetv1.NewFleetServiceClient(w.conn).Connect(w.context())
	if err != nil {
		t.Fatal(err)
	}
	reg := &fleetv1.Register{ServerId: "s1", PublicUrl: "ws://s1.test/play", Games: arena(), Protocol: "tactus.v9"}
	if err := stream.Send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: reg}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("error %v", err)
	}
}
