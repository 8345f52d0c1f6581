package matchmaker_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// result tells the end of a duel that the first player won.
func (g *gameServer) result(match, queue string, players ...string) {
	e := &fleetv1.MatchEnded{
		MatchId: match, Reason: "over", Game: "arena", Mode: "duel", Queue: queue,
		EndedUnixMs: time.Now().UnixMilli(), DurationS: 60,
	}
	for i, p := range players {
		e.Results = append(e.Results, &fleetv1.PlayerResult{PlayerId: p, PlayerName: strings.TrimPrefix(p, "u-"), Team: -1, Rank: int32(i + 1)})
	}
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: e}})
	g.until(func() bool { return g.acked[match] })
}

func TestRatings_countEachResultOnce(t *testing.T) {
	w, _ := withRules(t, "queue: duel\ngame: arena\nmode: duel\nrated: true\n---\nqueue: fun\ngame: arena\nmode: duel\n", trusting)
	server := w.server("s1", nil)
	server.result("m-1", "duel", "ann", "bob")
	server.result("m-1", "duel", "ann", "bob") // told again
	server.result("m-2", "fun", "bob", "ann")
	server.result("room-abcdef", "", "bob", "ann") // a private one
	if r := w.ratingAfter("arena/duel", "bob", 0).GetRating(); r.GetMatches() != 0 {
		t.Errorf("a private match was rated: %v", r)
	}
	ann := w.ratingAfter("duel", "ann", 1)
	r, last := ann.GetRating(), ann.GetLast()
	if r.GetPoints() <= 1500 || r.GetMatches() != 1 || r.GetWins() != 1 || last.GetMatchId() != "m-1" ||
		last.GetPointsBefore() != 1500 || last.GetPointsAfter() != r.GetPoints() || last.GetRank() != 1 {
		t.Errorf("ann's rating %v", ann)
	}
	if _, err := w.client.GetRating(w.context(), &matchmakerv1.GetRatingRequest{Queue: "fun", PlayerId: "ann"}); status.Code(err) != codes.NotFound {
		t.Errorf("a queue without ratings: %v", err)
	}
	for _, m := range []string{"m-3", "m-4"} {
		server.result(m, "duel", "ann", "bob")
	}
	w.ratingAfter("duel", "ann", 3)
	board, err := w.client.ListLeaderboard(w.context(), &matchmakerv1.ListLeaderboardRequest{Queue: "duel"})
	if err != nil || board.GetPlayers() != 2 || board.GetRatings()[0].GetPlayerId() != "ann" || board.GetRatings()[1].GetRank() != 2 {
		t.Errorf("leaderboard %v %v", board, err)
	}
	// The last match is known at once, those before when they are archived.
	var history *matchmakerv1.ListHistoryResponse
	for history = new(matchmakerv1.ListHistoryResponse); len(history.GetMatches()) < 2; {
		history, err = w.client.ListHistory(w.context(), &matchmakerv1.ListHistoryRequest{Queue: "duel", PlayerId: "bob", Limit: 2})
		if err != nil || history.GetMatches()[0].GetMatchId() != "m-4" {
			t.Fatalf("history %v %v", history, err)
		}
	}
	if history.GetMatches()[1].GetMatchId() != "m-3" || history.GetMatches()[1].GetPointsAfter() != history.GetMatches()[0].GetPointsBefore() {
		t.Errorf("history %v", history)
	}
}

// ratingAfter waits until that many matches are counted, which is a moment after
// they are stored.
func (w *world) ratingAfter(queue, player string, matches uint32) *matchmakerv1.GetRatingResponse {
	w.t.Helper()
	var res *matchmakerv1.GetRatingResponse
	w.until("the matches are counted", func() bool {
		var err error
		res, err = w.client.GetRating(w.context(), &matchmakerv1.GetRatingRequest{Queue: queue, PlayerId: player})
		if err != nil {
			w.t.Fatal(err)
		}
		return res.GetRating().GetMatches() >= matches
	})
	return res
}

func TestRatings_decideMatches(t *testing.T) {
	w, _ := withRules(t, "queue: duel\ngame: arena\nmode: duel\nrated: true\nskill: {distance: 50}\n", trusting)
	server := w.server("s1", nil)
	for _, m := range []string{"m-1", "m-2", "m-3"} {
		server.result(m, "duel", "ann", "bob")
	}
	w.ratingAfter("duel", "bob", 3)
	byID := func(player string) *matchmakerv1.CreateTicketRequest {
		return &matchmakerv1.CreateTicketRequest{Queue: "duel", Players: []*matchmakerv1.Player{{PlayerId: player}}}
	}
	ann, bob := w.search(byID("ann")), w.search(byID("bob"))
	cid := w.search(rated("duel", 1500, "cid"))
	_ = ann
	dan := w.search(rated("duel", 1510, "dan"))
	watch := cid.watch()
	if a, b := dan.assigned(), watch.end().GetAssignment(); a.GetMatchId() != b.GetMatchId() {
		t.Errorf("assignments %v and %v", a, b)
	}
	if s := bob.watch(); s.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		t.Errorf("bob was matched: %v", s.last)
	}
}

// trusting believes the results of the test's servers, which have no seals.
func trusting(c *matchmaker.Config) { c.TrustResults = true }
