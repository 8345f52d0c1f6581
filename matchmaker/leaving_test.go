package matchmaker_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// leftBy makes the loser of a duel leave it.
func leftBy(e *fleetv1.MatchEnded, why fleetv1.Left) *fleetv1.MatchEnded {
	loser := e.GetResults()[1]
	loser.Left, loser.LeftTick, loser.Rank = why, 900, 0
	e.Results, e.Leavers = e.GetResults()[:1], []*fleetv1.PlayerResult{loser}
	return e
}

func TestLeaving_leaverOfADuelLoses(t *testing.T) {
	w, _ := withRules(t, ratedDuel+"---\nqueue: casual\ngame: arena\nmode: duel\nrated: true\nleave: {result: none}\n", nil)
	g := w.sealing("s1")
	for _, why := range []fleetv1.Left{fleetv1.Left_LEFT_QUIT, fleetv1.Left_LEFT_TIMEOUT, fleetv1.Left_LEFT_REPLACED, fleetv1.Left_LEFT_KICKED} {
		winner, loser := "winner-"+why.String(), "loser-"+why.String()
		g.report(leftBy(w.duel("duel", winner, loser), why))
		won, lost := w.ratingAfter("duel", winner, 1), w.ratingAfter("duel", loser, 1)
		if won.GetRating().GetWins() != 1 || lost.GetRating().GetPoints() >= 1500 || lost.GetLast().GetRank() != 2 {
			t.Errorf("%s: %v and %v", why, won, lost)
		}
	}
	g.report(leftBy(w.duel("duel", "ours-1", "ours-2"), fleetv1.Left_LEFT_OURS))
	g.report(leftBy(w.duel("casual", "casual-1", "casual-2"), fleetv1.Left_LEFT_QUIT))
	broken := leftBy(w.duel("duel", "broken-1", "broken-2"), fleetv1.Left_LEFT_QUIT)
	broken.Reason = "game_error"
	g.report(broken)
	g.report(w.duel("duel", "last-1", "last-2"))
	w.ratingAfter("duel", "last-1", 1)
	for _, player := range []string{"ours-1", "ours-2", "broken-1", "broken-2"} {
		if n := w.matchesOf("duel", player); n != 0 {
			t.Errorf("%s has %d rated matches", player, n)
		}
	}
	if n := w.matchesOf("casual", "casual-2"); n != 0 {
		t.Error("a leaver is rated in a queue where leaving costs nothing")
	}
}

func TestLeaving_policyGoesToTheServer(t *testing.T) {
	w, _ := withRules(t, ratedDuel+"leave: {after: 20s, grace: 2m}\n", nil)
	g := w.sealing("s1")
	w.duel("duel", "ann", "bob")
	g.look(func() {
		p := g.asked[0].GetLeave()
		if !g.asked[0].GetRated() || !p.GetLoss() || p.GetAfterMs() != 20_000 || p.GetGraceMs() != 120_000 {
			t.Errorf("reserve %v", g.asked[0])
		}
	})
}

// refusedFor checks a refusal and returns after how long the call may be repeated.
func refusedFor(t *testing.T, err error, want failure.Reason) (retry time.Duration) {
	t.Helper()
	if reasonOf(err) != string(want) {
		t.Fatalf("%v, want %s", err, want)
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			retry = info.GetRetryDelay().AsDuration()
		}
	}
	return retry
}

func TestLeaving_leaversCoolDown(t *testing.T) {
	w, _ := withRules(t, ratedDuel, nil)
	g := w.sealing("s1")
	for i := range 2 {
		g.report(leftBy(w.duel("duel", fmt.Sprintf("other-%d", i), "leaver"), fleetv1.Left_LEFT_QUIT))
	}
	search := func(players ...string) error {
		req := &matchmakerv1.CreateTicketRequest{Queue: "duel"}
		for _, p := range players {
			req.Players = append(req.Players, &matchmakerv1.Player{PlayerId: p})
		}
		_, err := w.client.CreateTicket(w.context(), req)
		return err
	}
	if retry := refusedFor(t, search("leaver"), failure.Cooldown); retry <= 20*time.Second || retry > 30*time.Second {
		t.Errorf("retry after %v", retry)
	}
	if err := search("other-0"); err != nil {
		t.Errorf("the player that stayed: %v", err)
	}
	w.quickPlay() // where leaving costs nothing there is nothing to wait for
}

func TestLeaving_declinesCoolDown(t *testing.T) {
	w, _ := withRules(t, "queue: ask\ngame: arena\nmode: duel\naccept: {within: 30s}\n", nil)
	w.server("s1", nil)
	search := func(id string) (*player, error) {
		res, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Queue: "ask", Players: []*matchmakerv1.Player{{PlayerId: id}}})
		return &player{CreateTicketResponse: res, w: w}, err
	}
	for i := range 2 {
		staying, err := search(fmt.Sprintf("stays-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		staying.watch()
		declines, err := search("declines")
		if err != nil {
			t.Fatal(err)
		}
		watch := declines.watch()
		match := ""
		for match == "" {
			match = watch.last.GetProposal().GetMatchId()
			if match == "" {
				if watch.last, err = watch.stream.Recv(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := w.client.AcceptMatch(w.context(), &matchmakerv1.AcceptMatchRequest{TicketId: declines.GetTicketId(), MatchId: match}); err != nil {
			t.Fatal(err)
		}
		for err == nil { // until the search has ended
			_, err = watch.stream.Recv()
		}
		if _, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: staying.GetTicketId()}); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the declines are counted", func() bool {
		_, err := search("declines")
		return reasonOf(err) == string(failure.Cooldown)
	})
}

func TestLeaving_queuesWithoutGuests(t *testing.T) {
	w, _ := withRules(t, ratedDuel+"guests: false\n", nil)
	w.server("s1", nil)
	_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Queue: "duel", PlayerName: "Ann"})
	refusedFor(t, err, failure.GuestsNotAllowed)
	w.search(&matchmakerv1.CreateTicketRequest{Queue: "duel", Players: []*matchmakerv1.Player{{PlayerId: "u-ann"}}})
}
