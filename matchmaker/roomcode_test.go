package matchmaker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

func (w *world) room(mode string) *matchmakerv1.CreateRoomResponse {
	w.t.Helper()
	res, err := w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{
		Game: "arena", Mode: mode, Options: []*matchmakerv1.Option{{Name: "minutes", Value: 5}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

func (w *world) join(code string) *player {
	w.t.Helper()
	return w.search(&matchmakerv1.CreateTicketRequest{RoomCode: code})
}

// Clients that know no more of rooms than their code play as they always did.
func TestRoomCode_isTheOnlyWayIn(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	room := w.room("ffa")
	typed := strings.ToLower(room.GetRoomCode()[:3] + " - " + room.GetRoomCode()[3:])
	match := "room-" + strings.ToLower(room.GetRoomCode()) + "-1"
	for range 2 {
		a := w.join(typed).assigned()
		if a.GetMatchId() != match || a.GetRoomCode() != room.GetRoomCode() || a.GetMode() != "ffa" {
			t.Errorf("assignment %v", a)
		}
	}
	g.look(func() {
		r := g.asked[0]
		if !r.GetPrivate() || !r.GetCreate() || len(r.GetSeats()) != 0 || r.GetOptions()[0].GetValue() != 5 || r.GetHoldMs() != 60_000 {
			t.Errorf("reserve %v", r)
		}
	})
	if a := w.quickPlay().assigned(); a.GetMatchId() == match {
		t.Error("quick play leads into the room")
	}
	list, err := w.client.ListMatches(w.context(), &matchmakerv1.ListMatchesRequest{})
	if err != nil || len(list.GetMatches()) != 1 || list.GetMatches()[0].GetMatchId() == match {
		t.Errorf("open matches %v %v", list, err)
	}
	w.search(&matchmakerv1.CreateTicketRequest{MatchId: match}).endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	g.ended(match)
	g.until(func() bool { return g.acked[match] })
	if a := w.join(typed).assigned(); !strings.HasSuffix(a.GetMatchId(), "-2") {
		t.Errorf("after the match: %v", a)
	}
}

func TestRoomCode_unknownAndFullRoomsEndTheSearch(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	w.join("ABCDEF").endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	w.join("no code").endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	code := w.room("duel").GetRoomCode()
	w.join(code).assigned()
	w.join(code).assigned()
	last := w.join(code).end()
	if last.GetReason() != matchmakerv1.EndReason_END_REASON_UNMATCHABLE || last.GetMessage() != "This room is full." {
		t.Errorf("third in a duel: %v", last)
	}
}

func TestRoomCode_outlivesTheMatchmaker(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(_ *gameServer, reg *fleetv1.Register) { reg.Draining = true })
	// What another matchmaker had opened, the server tells when it registers.
	g := w.server("s2", func(g *gameServer, reg *fleetv1.Register) {
		s := &fleetv1.MatchStatus{MatchId: "room-k7qx2m", Game: "arena", Mode: "ffa", Seats: 4, Private: true}
		reg.Matches = []*fleetv1.MatchStatus{copyStatus(s)}
		g.matches[s.GetMatchId()] = &fakeMatch{seats: make([]string, 4), status: s}
	})
	if a := w.join("K7QX2M").assigned(); serverOf(a) != g.id || a.GetRoomCode() != "K7QX2M" {
		t.Errorf("assignment %v", a)
	}
}

func TestRoomCode_triesTheNextServer(t *testing.T) {
	w := start(t, nil)
	w.server("a", func(g *gameServer, _ *fleetv1.Register) { g.maxMatches = 0 })
	w.server("b", nil)
	w.join(w.room("ffa").GetRoomCode()).assigned()
}

func TestRoomCode_needsAServer(t *testing.T) {
	w := start(t, nil)
	w.server("a", func(g *gameServer, _ *fleetv1.Register) { g.maxMatches = 0 })
	code := w.room("ffa").GetRoomCode()
	_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{RoomCode: code})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("error %v", err)
	}
	_, err = w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{Game: "chess"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("error %v", err)
	}
	_, err = w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{Game: "arena", Options: make([]*matchmakerv1.Option, 17)})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("error %v", err)
	}
}

// Players choose within the ranges that a game declares; the others' options are the
// operator's. A server that does not say which options there are decides by itself.
func TestRoom_optionsKeepTheirRanges(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(_ *gameServer, reg *fleetv1.Register) {
		reg.Games[0].Modes[0].Options = []*matchmakerv1.OptionInfo{
			{Name: "seconds", Value: 60, Min: 30, Max: 600}, {Name: "gravity", Value: 9},
		}
	})
	for _, c := range []struct {
		name  string
		value int32
		want  string
	}{
		{"seconds", 30, ""},
		{"seconds", 600, ""},
		{"seconds", 29, "choose from 30 to 600"},
		{"seconds", 601, "choose from 30 to 600"},
		{"gravity", 9, "is set by the operator alone"},
		{"speed", 1, "has no option speed"},
	} {
		_, err := w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{
			Game: "arena", Options: []*matchmakerv1.Option{{Name: c.name, Value: c.value}},
		})
		if (err == nil) != (c.want == "") || err != nil && (status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s=%d: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

// Rules that fail while the match is made are the game's fault, not a lack of servers.
func TestRoomCode_gameErrorIsNotALackOfServers(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Reason: "game_error"} }
	})
	code := w.room("ffa").GetRoomCode()
	_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{RoomCode: code})
	if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), "error in the game's rules") {
		t.Errorf("error %v", err)
	}
}

func TestRoomCode_guessesAreLimited(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) {
		c.Rates = matchmaker.Rates{CodePerSecond: .001, CodeBurst: 2}
	})
	w.server("s1", nil)
	right := w.room("ffa").GetRoomCode()
	public := matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, w.behindProxy())
	guess := func(code string) error {
		_, err := public.CreateTicket(w.context(), connect.NewRequest(&matchmakerv1.CreateTicketRequest{RoomCode: code}))
		return err
	}
	for i, code := range []string{right, "ABCDEF", right, "ABCDEG"} { // right ones cost nothing
		if err := guess(code); err != nil {
			t.Fatalf("number %d: %v", i+1, err)
		}
	}
	if err := guess("ABCDEH"); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("third guess: %v", err)
	}
}

func TestOpenMatches_areListedAndJoined(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(g *gameServer, reg *fleetv1.Register) {
		for id, people := range map[string]uint32{"m-2": 2, "m-3": 3, "m-4": 4} {
			s := &fleetv1.MatchStatus{MatchId: id, Game: "arena", Mode: "ffa", People: people, Seats: 4, Open: true, AgeS: 7}
			reg.Matches = append(reg.Matches, copyStatus(s))
			seats := make([]string, 4)
			for i := range people {
				seats[i] = "someone"
			}
			g.matches[id] = &fakeMatch{seats: seats, status: s}
		}
	})
	list, err := w.client.ListMatches(w.context(), &matchmakerv1.ListMatchesRequest{Game: "arena"})
	if err != nil || len(list.GetMatches()) != 2 {
		t.Fatalf("list %v %v", list, err)
	}
	first := list.GetMatches()[0]
	if first.GetMatchId() != "m-3" || first.GetPeople() != 3 || first.GetSeats() != 4 || first.GetAgeS() < 7 {
		t.Errorf("first %v", first)
	}
	none, err := w.client.ListMatches(w.context(), &matchmakerv1.ListMatchesRequest{Mode: "duel"})
	if err != nil || len(none.GetMatches()) != 0 {
		t.Errorf("duels %v %v", none, err)
	}
	one, err := w.client.ListMatches(w.context(), &matchmakerv1.ListMatchesRequest{Limit: 1})
	if err != nil || len(one.GetMatches()) != 1 {
		t.Errorf("limited %v %v", one, err)
	}
	if a := w.search(&matchmakerv1.CreateTicketRequest{MatchId: "m-2"}).assigned(); a.GetMatchId() != "m-2" {
		t.Errorf("assignment %v", a)
	}
	w.search(&matchmakerv1.CreateTicketRequest{MatchId: "m-4"}).endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	w.search(&matchmakerv1.CreateTicketRequest{MatchId: "m-5"}).endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	w.search(&matchmakerv1.CreateTicketRequest{MatchId: "m-2", Version: "2"}).endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
}

func TestOpenMatches_endedMatchEndsTheSearch(t *testing.T) {
	for reason, want := range map[string]string{
		"over": "This match has ended.", "no_match": "This match has ended.", "full": "This room is full.",
	} {
		w := start(t, nil)
		g := w.server("s1", nil)
		code := w.room("ffa").GetRoomCode()
		w.join(code).assigned()
		g.look(func() {
			g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Reason: reason} }
		})
		last := w.join(code).end()
		if last.GetReason() != matchmakerv1.EndReason_END_REASON_UNMATCHABLE || last.GetMessage() != want {
			t.Errorf("%s: %v", reason, last)
		}
	}
}

// Two want the last seat in the same moment: one gets it, the other is told.
func TestRoomCode_lastSeatGoesToOnePlayer(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.BatchWindow = 100 * time.Millisecond })
	w.server("s1", nil)
	code := w.room("duel").GetRoomCode()
	w.join(code).assigned()
	both := []*player{w.join(code), w.join(code)}
	both[0].assigned()
	both[1].endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
}

func TestOpenMatches_playersMeetTheirVersion(t *testing.T) {
	w := start(t, nil)
	w.server("old", nil)
	w.server("new", func(_ *gameServer, reg *fleetv1.Register) { reg.Games[0].Version = "2" })
	for range 3 {
		if a := w.search(&matchmakerv1.CreateTicketRequest{Version: "2"}).assigned(); serverOf(a) != "new" {
			t.Errorf("version 2 went to %v", a)
		}
		if a := w.search(&matchmakerv1.CreateTicketRequest{Version: "1"}).assigned(); serverOf(a) != "old" {
			t.Errorf("version 1 went to %v", a)
		}
	}
	games, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{})
	if err != nil || len(games.GetGames()) != 2 {
		t.Errorf("games %v %v", games, err)
	}
}
