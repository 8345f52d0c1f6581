package matchmaker_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/seal"
	"tactus/protocol/jointoken"
	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const ratedDuel = "queue: duel\ngame: arena\nmode: duel\nrated: true\n"

// sealing is a game server of this release.
func (w *world) sealing(id string) *gameServer {
	w.t.Helper()
	return w.server(id, func(_ *gameServer, reg *fleetv1.Register) { reg.Features = feature.Known() })
}

// sealOf is what a game server gets by the player's hello.
func (w *world) sealOf(a *matchmakerv1.Assignment) []byte {
	w.t.Helper()
	claims, err := jointoken.NewVerifier(w.key).Verify(a.GetJoinToken(), a.GetServerId(), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return []byte(claims.Seal)
}

// duel seats two players, and returns their match's result with the first as winner.
func (w *world) duel(queue, ann, bob string) *fleetv1.MatchEnded {
	w.t.Helper()
	byID := func(player string) *matchmakerv1.CreateTicketRequest {
		return &matchmakerv1.CreateTicketRequest{Queue: queue, Players: []*matchmakerv1.Player{{PlayerId: player}}}
	}
	first := w.search(byID(ann)).watch()
	second := w.search(byID(bob)).assigned()
	e := &fleetv1.MatchEnded{
		MatchId: second.GetMatchId(), Reason: "over", Game: "arena", Mode: "duel", Queue: queue, EndedUnixMs: time.Now().UnixMilli(),
	}
	for i, a := range []*matchmakerv1.Assignment{first.end().GetAssignment(), second} {
		e.Results = append(e.Results, &fleetv1.PlayerResult{PlayerId: []string{ann, bob}[i], Team: -1, Rank: int32(i + 1), Seal: w.sealOf(a)})
	}
	return e
}

// report sends a result and waits until the matchmaker wants it no more.
func (g *gameServer) report(e *fleetv1.MatchEnded) {
	g.t.Helper()
	g.look(func() { delete(g.acked, e.GetMatchId()) })
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: e}})
	g.until(func() bool { return g.acked[e.GetMatchId()] })
}

// matchesOf is how many rated matches a player has.
func (w *world) matchesOf(queue, player string) uint32 {
	return w.ratingAfter(queue, player, 0).GetRating().GetMatches()
}

func TestSeals_inventedResultsAreNotRated(t *testing.T) {
	w, _ := withRules(t, ratedDuel, nil)
	g := w.sealing("s1")
	for i := range 40 {
		fake := make([]byte, seal.Size)
		_, _ = rand.Read(fake)
		g.report(&fleetv1.MatchEnded{
			MatchId: fmt.Sprintf("m-invented-%d", i), Reason: "over", Game: "arena", Mode: "duel", Queue: "duel", EndedUnixMs: time.Now().UnixMilli(),
			Results: []*fleetv1.PlayerResult{{PlayerId: "cheat", Team: -1, Rank: 1, Seal: fake}, {PlayerId: "victim", Team: -1, Rank: 2}},
		})
	}
	g.report(w.duel("duel", "ann", "bob"))
	w.ratingAfter("duel", "ann", 1) // so the others would be counted by now
	for _, player := range []string{"cheat", "victim"} {
		if n := w.matchesOf("duel", player); n != 0 {
			t.Errorf("%s has %d rated matches", player, n)
		}
	}
}

func TestSeals_onlySeatedPlayersOfThisMatchCount(t *testing.T) {
	w, _ := withRules(t, ratedDuel+"---\nqueue: other\ngame: arena\nmode: duel\nrated: true\n", nil)
	g, rogue := w.sealing("s1"), w.sealing("s2")
	g.load(&fleetv1.Load{})
	of := func(names ...string) *fleetv1.MatchEnded { return w.duel("duel", names[0], names[1]) }
	serverOf := func(e *fleetv1.MatchEnded) (host, other *gameServer) {
		hosted := false
		g.look(func() { hosted = len(g.asked) > 0 && g.asked[len(g.asked)-1].GetMatchId() == e.GetMatchId() })
		if hosted {
			return g, rogue
		}
		return rogue, g
	}
	invented := of("a1", "a2")
	invented.Results = append(invented.Results, &fleetv1.PlayerResult{PlayerId: "friend", Team: -1, Rank: 3, Seal: invented.GetResults()[0].GetSeal()})
	host, _ := serverOf(invented)
	host.report(invented)
	w.ratingAfter("duel", "a1", 1)
	if n := w.matchesOf("duel", "friend"); n != 0 {
		t.Error("a player that was not seated is rated")
	}

	first, second := of("b1", "b2"), of("b3", "b4")
	host, _ = serverOf(first)
	first.Results[0] = second.GetResults()[0] // of another match
	host.report(first)

	third := of("c1", "c2")
	host, other := serverOf(third)
	host.ended(third.GetMatchId()) // without players: the match is known nowhere then
	host.until(func() bool { return host.acked[third.GetMatchId()] })
	other.report(third)

	queue := of("d1", "d2")
	host, _ = serverOf(queue)
	queue.Queue = "other"
	host.report(queue)

	last := of("e1", "e2")
	host, _ = serverOf(last)
	host.report(last)
	host.report(last) // again
	w.ratingAfter("duel", "e1", 1)
	for _, player := range []string{"b1", "b2", "b3", "b4", "c1", "c2", "d1", "d2"} {
		if n := w.matchesOf("duel", player) + w.matchesOf("other", player); n != 0 {
			t.Errorf("%s has %d rated matches", player, n)
		}
	}
	if n := w.matchesOf("duel", "e1"); n != 1 {
		t.Errorf("a result that was reported twice counts %d times", n)
	}
}

func TestSeals_endOfAnotherServersMatchIsIgnored(t *testing.T) {
	w, _ := withRules(t, ratedDuel, nil)
	host := w.sealing("s1")
	e := w.duel("duel", "ann", "bob")
	rogue := w.sealing("s2")
	rogue.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: e}})
	rogue.report(&fleetv1.MatchEnded{MatchId: "m-own", Reason: "empty"}) // behind it
	rogue.look(func() {
		if rogue.acked[e.GetMatchId()] {
			t.Error("the end of another server's match was stored")
		}
	})
	host.report(e)
	w.ratingAfter("duel", "ann", 1)
}

func TestSeals_joiningByIDIsUnrated(t *testing.T) {
	w := start(t, nil)
	w.sealing("s1")
	chosen := w.quickPlay().assigned()
	joined := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", MatchId: chosen.GetMatchId()}).assigned()
	if len(w.sealOf(chosen)) != seal.Size || len(w.sealOf(joined)) != 0 {
		t.Errorf("seals of %d and %d bytes", len(w.sealOf(chosen)), len(w.sealOf(joined)))
	}
}

func TestSeals_holdAfterARestartOfEverything(t *testing.T) {
	dir := t.TempDir()
	keep := func(c *matchmaker.Config) { c.DataDir = dir }
	before, _ := withRules(t, ratedDuel, keep)
	before.sealing("s1")
	e := before.duel("duel", "ann", "bob")
	before.stop()
	after, _ := withRules(t, ratedDuel, keep)
	after.sealing("s1").report(e)
	after.ratingAfter("duel", "ann", 1)
}

func TestSeals_serversWithoutThemAreBelievedOnlyIfTrusted(t *testing.T) {
	w, _ := withRules(t, ratedDuel, nil)
	w.server("s1", nil).result("m-1", "duel", "ann", "bob")
	trusted, _ := withRules(t, ratedDuel, trusting)
	trusted.server("s1", nil).result("m-1", "duel", "ann", "bob")
	trusted.ratingAfter("duel", "ann", 1)
	if n := w.matchesOf("duel", "ann"); n != 0 {
		t.Error("a result without seals is rated")
	}
}
