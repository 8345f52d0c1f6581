package matchmaker_test

import (
	"bytes"
	"crypto/ed25519"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// sharing starts a matchmaker that shares its state by a NATS.
func sharing(t *testing.T, id, nats, rules string, changes ...func(*matchmaker.Config)) *world {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file := ruleFile(t, rules)
	return start(t, func(c *matchmaker.Config) {
		c.ID, c.InternalListener, c.RulesFiles = id, listener, []string{file}
		c.NATS = matchmaker.NATS{URL: nats, Replicas: 1}
		c.WatcherTimeout, c.Key = 20*time.Second, sharedKey
		for _, change := range changes {
			change(c)
		}
	})
}

// sharedKey is what all replicas sign with.
var sharedKey = func() []byte {
	key := make([]byte, 64)
	copy(key, "replicas of one installation have the same key")
	return key
}()

// both connects a game server to two replicas, as one with two streams does.
func both(a, b *world, id string) (*gameServer, *gameServer) {
	return a.server(id, nil), b.server(id, nil)
}

func (w *world) until(what string, condition func() bool) {
	w.t.Helper()
	testtime.Until(w.t, what, condition) // another process announces nothing
}

func owner(w *world, queue string) string {
	for _, q := range w.mm.Overview().Queues {
		if q.Name == queue {
			return q.Owner
		}
	}
	return ""
}

func TestReplicas_shareAQueue(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	both(a, b, "s1")
	ann := a.search(rated("duel", 1500, "ann")) // a owns the queue now
	anns := ann.watch()
	bob := b.search(rated("duel", 1500, "bob"))
	match := bob.assigned().GetMatchId()
	if got := anns.end().GetAssignment().GetMatchId(); got != match {
		t.Errorf("ann plays in %s, bob in %s", got, match)
	}
	// Whoever asks, wherever: the ticket is the same.
	elsewhere := &player{CreateTicketResponse: ann.CreateTicketResponse, w: b}
	if got := elsewhere.assigned().GetMatchId(); got != match {
		t.Errorf("b says that ann plays in %s", got)
	}
	res, err := b.client.CancelTicket(b.context(), &matchmakerv1.CancelTicketRequest{TicketId: ann.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_MATCHED {
		t.Errorf("cancel at b: %v %v", res, err)
	}
	b.until("b sees the queue that a owns", func() bool { return owner(b, "duel") == "a" })
}

func TestReplicas_playerHasOneSearchInAll(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	const two = "queue: one\ngame: arena\nmode: duel\n---\nqueue: two\ngame: arena\nmode: duel\n"
	a, b := sharing(t, "a", nats.URL(), two), sharing(t, "b", nats.URL(), two)
	both(a, b, "s1")
	first := a.search(rated("one", 1500, "ann"))
	watch := first.watch()
	b.search(rated("two", 1500, "ann"))
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_REPLACED {
		t.Errorf("the first search ended by %v", last)
	}
}

func TestReplicas_queueMovesWhenItsOwnerLeaves(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	both(a, b, "s1")
	ann := a.search(rated("duel", 1500, "ann"))
	elsewhere := &player{CreateTicketResponse: ann.CreateTicketResponse, w: b}
	watch := elsewhere.watch() // at b, which asks a
	waited := watch.last.GetWaitedMs()
	a.stop()
	watch.until(func(r *matchmakerv1.WatchTicketResponse) bool { return owner(b, "duel") == "b" })
	bob := b.search(rated("duel", 1500, "bob"))
	match := bob.assigned().GetMatchId()
	last := watch.end()
	if last.GetAssignment().GetMatchId() != match || last.GetWaitedMs() < waited {
		t.Errorf("ann's search ended by %v, bob plays in %s", last, match)
	}
}

// An owner that is cut off from the others finds its queue taken. What it had
// under way can't be finished; its tickets are the next owner's.
func TestReplicas_isolatedOwnerMakesNoMatch(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	proxy := storetest.StartProxy(t, nats, 0)
	a, b := sharing(t, "a", proxy.URL(), duel), sharing(t, "b", nats.URL(), duel)
	atA, _ := both(a, b, "s1")
	ann := a.search(rated("duel", 1500, "ann"))
	watch := (&player{CreateTicketResponse: ann.CreateTicketResponse, w: b}).watch()
	proxy.Halt()
	b.until("b owns the queue", func() bool { return owner(b, "duel") == "b" })
	bob := b.search(rated("duel", 1500, "bob"))
	match := bob.assigned().GetMatchId()
	if got := watch.end().GetAssignment().GetMatchId(); got != match {
		t.Errorf("ann plays in %s, bob in %s", got, match)
	}
	proxy.Resume()
	a.until("a knows that b owns the queue", func() bool { return owner(a, "duel") == "b" })
	again := &player{CreateTicketResponse: ann.CreateTicketResponse, w: a}
	if got := again.assigned().GetMatchId(); got != match {
		t.Errorf("a says that ann plays in %s, not %s", got, match)
	}
	atA.look(func() {
		for _, r := range atA.asked {
			if r.GetMatchId() != match {
				t.Errorf("a asked for seats in %s", r.GetMatchId())
			}
		}
	})
}

func TestReplicas_resultSentToTwoCountsOnce(t *testing.T) {
	const rules = "queue: duel\ngame: arena\nmode: duel\nrated: true\n"
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), rules, trusting), sharing(t, "b", nats.URL(), rules, trusting)
	atA, atB := both(a, b, "s1")
	atA.result("m-1", "duel", "ann", "bob")
	atB.result("m-1", "duel", "ann", "bob")
	atB.result("m-2", "duel", "ann", "bob")
	for _, w := range []*world{a, b} {
		w.until("both matches are counted", func() bool {
			r, err := w.client.GetRating(w.context(), &matchmakerv1.GetRatingRequest{Queue: "duel", PlayerId: "ann"})
			return err == nil && r.GetRating().GetMatches() == 2
		})
	}
}

func TestReplicas_areSentToServers(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a := sharing(t, "a", nats.URL(), duel)
	server := a.server("s1", nil)
	sharing(t, "b", nats.URL(), duel)
	server.until(func() bool { return len(server.replicas) == 2 })
}

// An invented ticket must not make a queue.
func TestReplicas_inventedTicketsCreateNoQueue(t *testing.T) {
	w := start(t, nil)
	for _, handle := range []string{"t.YXJlbmEvbm9uZQ.aaaa.bbbb", "t.eHh4.aaaa.bbbb", "x", "", "t...", "t.YXJlbmEvZmZh.aaaa"} {
		_, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: handle})
		if status.Code(err) != codes.NotFound {
			t.Errorf("%q: %v", handle, err)
		}
	}
	if queues := w.mm.Overview().Queues; len(queues) != 0 {
		t.Errorf("queues %v", queues)
	}
}

// withOwnKey gives a replica a signing key of its own, as another data folder
// does.
func withOwnKey(seed byte) func(*matchmaker.Config) {
	return func(c *matchmaker.Config) {
		c.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
}

func TestReplicas_acceptEachOthersGuests(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel, withOwnKey(1)), sharing(t, "b", nats.URL(), duel, withOwnKey(2))
	both(a, b, "s1")
	guest := a.search(&matchmakerv1.CreateTicketRequest{Queue: "duel", PlayerName: "Ann"})
	again := b.search(&matchmakerv1.CreateTicketRequest{Queue: "duel", GuestToken: guest.GetGuestToken()})
	if again.GetPlayerId() != guest.GetPlayerId() || again.GetPlayerName() != "Ann" || again.GetGuestToken() != guest.GetGuestToken() {
		t.Errorf("the guest %v of a is %v at b", guest.CreateTicketResponse, again.CreateTicketResponse)
	}
	if _, err := b.client.CreateTicket(b.context(), &matchmakerv1.CreateTicketRequest{Queue: "duel", GuestToken: guest.GetGuestToken() + "x"}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a forged token: %v", err)
	}
}

func TestReplicas_keysAreSentToServers(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a := sharing(t, "a", nats.URL(), duel, withOwnKey(1))
	server := a.server("s1", nil)
	b := sharing(t, "b", nats.URL(), duel, withOwnKey(2))
	server.until(func() bool { return len(server.keys) == 2 })
	b.stop()
	server.until(func() bool { return len(server.keys) == 1 })
}
