package matchmaker_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/seal"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

func TestTickets_quickPlayLeadsToASeat(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	began := time.Now()
	p := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", PlayerName: "  Ann "})
	if p.GetPlayerName() != "Ann" {
		t.Errorf("name %q", p.GetPlayerName())
	}
	a := p.assigned()
	if a.GetUrl() != "ws://s1.test/play" || a.GetGame() != "arena" || a.GetMode() != "ffa" || a.GetRoomCode() != "" {
		t.Errorf("assignment %v", a)
	}
	hold := uint32(jointoken.Life.Milliseconds()) // one number for the seat, the token and what the player is told
	if ms := a.GetExpiresMs(); ms > hold || ms+uint32(time.Since(began).Milliseconds()) < hold-1 {
		t.Errorf("token expires in %d ms", ms)
	}
	var asked *fleetv1.Reserve
	g.look(func() { asked = g.asked[0] })
	if !asked.GetCreate() || asked.GetPrivate() || asked.GetHoldMs() != hold || asked.GetMatchId() != a.GetMatchId() {
		t.Errorf("reserve %v", asked)
	}
	seat := asked.GetSeats()[0]
	if seat.GetPlayerId() != p.GetPlayerId() || seat.GetPlayerName() != "Ann" || seat.GetTeam() != -1 {
		t.Errorf("seat %v", seat)
	}
	verifier := jointoken.NewVerifier(g.registered.GetTokenKey())
	claims, err := verifier.Verify(a.GetJoinToken(), "s1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if claims.Expires.Before(began.Add(jointoken.Life)) || claims.Expires.After(time.Now().Add(jointoken.Life+time.Second)) {
		t.Errorf("token expires at %v", claims.Expires)
	}
	want := jointoken.Claims{
		Player: p.GetPlayerId(), Name: "Ann", Match: a.GetMatchId(), Server: "s1", Game: "arena", Mode: "ffa",
		Slot: 0, ID: seat.GetReservation(), Expires: claims.Expires, Seal: claims.Seal,
	}
	if claims != want || len(claims.Seal) != seal.Size {
		t.Errorf("token says %+v, want %+v", claims, want)
	}
	if _, err := verifier.Verify(a.GetJoinToken(), "s2", time.Now()); err == nil {
		t.Error("the token opens another server")
	}
	if _, err := verifier.Verify(a.GetJoinToken(), "s1", time.Now().Add(31*time.Second+jointoken.Leeway)); err == nil {
		t.Error("the token is good for longer than clocks may differ")
	}
}

func TestQuickPlay_fillsTheFullestMatch(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(_ *gameServer, reg *fleetv1.Register) {
		reg.Matches = []*fleetv1.MatchStatus{
			{MatchId: "m-a", Game: "arena", Mode: "ffa", People: 1, Seats: 4, Open: true},
			{MatchId: "m-ending", Game: "arena", Mode: "ffa", People: 3, Seats: 4, Open: true, RemainingS: 5},
			{MatchId: "m-b", Game: "arena", Mode: "ffa", People: 2, Seats: 4, Open: true, RemainingS: 100},
			{MatchId: "m-closed", Game: "arena", Mode: "ffa", People: 3, Seats: 4},
			{MatchId: "m-duel", Game: "arena", Mode: "duel", People: 1, Seats: 2, Open: true},
		}
	}).answer = func(r *fleetv1.Reserve) *fleetv1.ReserveResult {
		return &fleetv1.ReserveResult{Ok: true, Slots: make([]uint32, len(r.GetSeats()))}
	}
	var got []string
	for range 6 {
		got = append(got, w.quickPlay().assigned().GetMatchId())
	}
	if strings.Join(got[:5], " ") != "m-b m-b m-a m-a m-a" {
		t.Errorf("matches %v", got)
	}
	if slices.Contains([]string{"m-a", "m-b", "m-ending", "m-closed", "m-duel"}, got[5]) {
		t.Errorf("the sixth player should open a new match, got %s", got[5])
	}
}

// The picture of a match may be behind. The answer to a reservation is not.
func TestQuickPlay_avoidsMatchesThatEndSoon(t *testing.T) {
	w := start(t, nil)
	running := &fleetv1.MatchStatus{MatchId: "m-running", Game: "arena", Mode: "ffa", People: 2, Seats: 4, Open: true}
	g := w.server("s1", func(g *gameServer, reg *fleetv1.Register) {
		reg.Matches = []*fleetv1.MatchStatus{running}
		g.answer = func(r *fleetv1.Reserve) *fleetv1.ReserveResult {
			if r.GetMatchId() != "m-running" {
				return nil
			}
			now := copyStatus(running)
			now.People, now.RemainingS = 3, 5
			return &fleetv1.ReserveResult{Ok: true, Slots: []uint32{2}, Match: now}
		}
	})
	a := w.quickPlay().assigned()
	if a.GetMatchId() == "m-running" {
		t.Error("quick play leads to a match that ends in 5 s")
	}
	g.until(func() bool { return len(g.released) == 1 })
	g.look(func() {
		if len(g.asked) != 2 || g.released[0].GetReservations()[0] != g.asked[0].GetSeats()[0].GetReservation() {
			t.Errorf("asked %v, released %v", g.asked, g.released)
		}
	})
	wanted := w.search(&matchmakerv1.CreateTicketRequest{MatchId: "m-running"}).assigned()
	if wanted.GetMatchId() != "m-running" {
		t.Errorf("who wants this match plays in %s", wanted.GetMatchId())
	}
}

func TestQuickPlay_ticketsOfACycleShareAReservation(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.BatchWindow = 200 * time.Millisecond })
	g := w.server("s1", nil)
	var players []*player
	for range 6 {
		players = append(players, w.quickPlay())
	}
	seats := make(map[string]int)
	for _, p := range players {
		seats[p.assigned().GetMatchId()]++
	}
	g.look(func() {
		if len(g.asked) != 2 || len(g.asked[0].GetSeats()) != 4 || len(g.asked[1].GetSeats()) != 2 {
			t.Errorf("reservations %v", g.asked)
		}
	})
	if len(seats) != 2 {
		t.Errorf("players per match: %v", seats)
	}
}

func TestTickets_recognizeGuests(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	first := w.search(&matchmakerv1.CreateTicketRequest{PlayerName: "Ann", Game: "arena"})
	first.assigned()
	again := w.search(&matchmakerv1.CreateTicketRequest{GuestToken: first.GetGuestToken(), Game: "arena"})
	if again.GetPlayerId() != first.GetPlayerId() || again.GetPlayerName() != "Ann" {
		t.Errorf("came back as %v", again)
	}
	renamed := w.search(&matchmakerv1.CreateTicketRequest{GuestToken: first.GetGuestToken(), PlayerName: "Anna", Game: "arena"})
	if renamed.GetPlayerId() != first.GetPlayerId() || renamed.GetPlayerName() != "Anna" {
		t.Errorf("renamed to %v", renamed)
	}
	stranger := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena"})
	if stranger.GetPlayerId() == first.GetPlayerId() || stranger.GetPlayerName() == "" {
		t.Errorf("stranger is %v", stranger)
	}
}

func TestTickets_rejectUnknownModesAndNames(t *testing.T) {
	w := start(t, nil)
	if _, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("before any server came: %v", err)
	}
	w.server("s1", nil)
	for name, tt := range map[string]struct {
		req  *matchmakerv1.CreateTicketRequest
		code codes.Code
	}{
		"unknown game":   {&matchmakerv1.CreateTicketRequest{Game: "chess"}, codes.InvalidArgument},
		"unknown mode":   {&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "solo"}, codes.InvalidArgument},
		"hidden name":    {&matchmakerv1.CreateTicketRequest{PlayerName: "\u202e"}, codes.InvalidArgument},
		"long game":      {&matchmakerv1.CreateTicketRequest{Game: strings.Repeat("x", 65)}, codes.InvalidArgument},
		"forged guest":   {&matchmakerv1.CreateTicketRequest{GuestToken: "ey.ey.ey"}, codes.Unauthenticated},
		"huge guest":     {&matchmakerv1.CreateTicketRequest{GuestToken: strings.Repeat("x", 5000)}, codes.Unauthenticated},
		"unknown ticket": {nil, codes.NotFound},
	} {
		var err error
		if tt.req != nil {
			_, err = w.client.CreateTicket(w.context(), tt.req)
		} else {
			_, err = w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: "t-none"})
		}
		if status.Code(err) != tt.code || status.Convert(err).Message() == "" {
			t.Errorf("%s: %v, want %v", name, err, tt.code)
		}
	}
	longest := w.search(&matchmakerv1.CreateTicketRequest{PlayerName: strings.Repeat("é", 25) + "\u202e\n"})
	if longest.assigned(); longest.GetPlayerName() != strings.Repeat("é", 24) {
		t.Errorf("%q", longest.GetPlayerName())
	}
}

// waiting makes a world in which searches find nothing: its one server is
// draining.
func waiting(t *testing.T, change func(*matchmaker.Config)) *world {
	t.Helper()
	w := start(t, change)
	w.server("s1", func(_ *gameServer, reg *fleetv1.Register) { reg.Draining = true })
	return w
}

func TestTickets_endWhenCancelled(t *testing.T) {
	w := waiting(t, nil)
	p := w.quickPlay()
	watch := p.watch()
	if watch.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING || watch.last.GetSearching() != 1 {
		t.Errorf("first message %v", watch.last)
	}
	res, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: p.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Fatalf("cancel: %v %v", res, err)
	}
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED || last.GetMessage() == "" {
		t.Errorf("last message %v", last)
	}
	p.endsBy(matchmakerv1.EndReason_END_REASON_CANCELLED) // a late watcher hears the same
}

func TestTickets_secondReplacesTheFirst(t *testing.T) {
	w := waiting(t, nil)
	first := w.quickPlay()
	watch := first.watch()
	w.search(&matchmakerv1.CreateTicketRequest{GuestToken: first.GetGuestToken(), Mode: "duel"})
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_REPLACED {
		t.Errorf("last message %v", last)
	}
}

func TestTickets_expireWithAReason(t *testing.T) {
	w := waiting(t, func(c *matchmaker.Config) {
		c.TicketExpiry, c.ProgressInterval = time.Second, 10*time.Millisecond
	})
	watch := w.quickPlay().watch()
	updates := 0
	for watch.last.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		updates++
		next, err := watch.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		watch.last = next
	}
	if watch.end().GetReason() != matchmakerv1.EndReason_END_REASON_EXPIRED || watch.last.GetWaitedMs() < 1000 {
		t.Errorf("last message %v", watch.last)
	}
	if updates < 2 {
		t.Errorf("%d messages while searching", updates)
	}
}

func TestTickets_endWithoutAWatcher(t *testing.T) {
	w := waiting(t, func(c *matchmaker.Config) { c.WatcherTimeout = time.Millisecond })
	p := w.quickPlay()
	p.watch().leave()
	// A watch that comes while the ticket still searches is told of no end, so
	// ask until there is one: each ask that is not the last leaves again.
	for {
		watch := p.watch()
		if watch.last.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
			watch.leave()
			continue
		}
		if watch.end().GetReason() != matchmakerv1.EndReason_END_REASON_ABANDONED {
			t.Errorf("last message %v", watch.last)
		}
		return
	}
}

// The match is on its way when the player cancels: the ticket ends cancelled,
// and the seat goes back.
func TestTickets_cancelBeatsALateReservation(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return withheld }
	})
	p := w.quickPlay()
	watch := p.watch()
	g.until(func() bool { return len(g.asked) == 1 })
	res, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: p.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Fatalf("cancel: %v %v", res, err)
	}
	var yes *fleetv1.ReserveResult
	g.look(func() { yes = g.take(g.asked[0]) })
	g.reply(yes)
	g.until(func() bool { return len(g.released) == 1 && len(g.held()) == 0 })
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Errorf("last message %v", last)
	}
}

func TestTickets_matchBeatsALateCancel(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	p := w.quickPlay()
	p.assigned()
	res, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: p.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_MATCHED {
		t.Fatalf("cancel: %v %v", res, err)
	}
	g.look(func() {
		if len(g.released) != 0 || len(g.held()) != 1 {
			t.Errorf("released %v, held %v", g.released, g.held())
		}
	})
}

func TestTickets_estimateWaitsFromObservedOnes(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.BatchWindow = 30 * time.Millisecond })
	w.server("s1", nil)
	p := w.quickPlay()
	if first := p.watch().last; first.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING && first.GetEstimatedWaitMs() != 0 {
		t.Errorf("an estimate of %d ms from nothing", first.GetEstimatedWaitMs())
	}
	p.assigned()
	last := w.quickPlay().end()
	if last.GetEstimatedWaitMs() < 30 {
		t.Errorf("estimate %d ms after a wait of at least 30 ms", last.GetEstimatedWaitMs())
	}
}

func TestLimits_boundTickets(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) {
		c.Rates = matchmaker.Rates{AddressPerSecond: .001, AddressBurst: 3}
	})
	w.server("s1", nil)
	public := matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, w.behindProxy())
	for i, want := range []connect.Code{0, 0, 0, connect.CodeResourceExhausted} {
		_, err := public.CreateTicket(w.context(), connect.NewRequest(&matchmakerv1.CreateTicketRequest{}))
		if got := connect.CodeOf(err); err != nil && got != want || err == nil && want != 0 {
			t.Errorf("ticket %d: %v, want %v", i+1, err, want)
		}
	}
}

func TestLimits_boundTicketsOfOnePlayer(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) {
		c.Rates = matchmaker.Rates{PlayerPerSecond: .001, PlayerBurst: 2}
	})
	w.server("s1", nil)
	token := w.quickPlay().GetGuestToken()
	public := matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, w.behindProxy())
	for i, want := range []connect.Code{0, 0, connect.CodeResourceExhausted} {
		_, err := public.CreateTicket(w.context(), connect.NewRequest(&matchmakerv1.CreateTicketRequest{GuestToken: token}))
		if got := connect.CodeOf(err); err != nil && got != want || err == nil && want != 0 {
			t.Errorf("ticket %d with the token: %v, want %v", i+1, err, want)
		}
	}
	w.quickPlay().assigned() // others are not concerned
}
