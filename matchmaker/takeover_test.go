package matchmaker_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

func (w *world) answers(p *player) *player {
	return &player{CreateTicketResponse: p.CreateTicketResponse, w: w}
}

// Who lost the stream in the very moment of the match asks at another replica.
func TestTakeover_keepsAssignments(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	both(a, b, "s1")
	ann, bob := a.search(rated("duel", 1500, "ann")), a.search(rated("duel", 1500, "bob"))
	first, match := ann.assigned(), bob.assigned().GetMatchId()
	a.stop()
	again := b.answers(ann).assigned()
	if again.GetMatchId() != match || again.GetJoinToken() != first.GetJoinToken() {
		t.Errorf("ann got %v, and then %v", first, again)
	}
	res, err := b.client.CancelTicket(b.context(), &matchmakerv1.CancelTicketRequest{TicketId: bob.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_MATCHED {
		t.Errorf("bob cancels at b: %v %v", res, err)
	}
}

// A replica that got no answer adds the ticket again.
func TestTakeover_ticketAddedTwiceExistsOnce(t *testing.T) {
	w, _ := withRules(t, duel, nil)
	server := w.server("s1", nil)
	made := &ticket.Ticket{
		ID: ticket.NewID("duel"), Queue: "duel", Key: ticket.Key{Game: "arena", Mode: "duel"},
		Members: []ticket.Member{{Player: "ann", Secret: "secret", Skill: 1500}}, Created: time.Now(), Expiry: time.Minute,
	}
	record := ticket.Record{Ticket: made}
	for range 2 {
		if _, err := replicav1.NewReplicaServiceClient(w.conn).Add(w.context(), &replicav1.AddRequest{Ticket: record.Encode()}); err != nil {
			t.Fatal(err)
		}
	}
	match := w.search(rated("duel", 1500, "bob")).assigned().GetMatchId()
	ann := &player{CreateTicketResponse: &matchmakerv1.CreateTicketResponse{TicketId: made.Handle(0)}, w: w}
	if got := ann.assigned().GetMatchId(); got != match {
		t.Errorf("ann plays in %s, bob in %s", got, match)
	}
	server.look(func() {
		if len(server.asked) != 1 {
			t.Errorf("seats were asked for %d times", len(server.asked))
		}
	})
}

// What was being asked of a server when the queue moved is no refusal.
func TestTakeover_countsNoAttempt(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	once := func(c *matchmaker.Config) { c.MaxAttempts = 1 }
	a, b := sharing(t, "a", nats.URL(), duel, once), sharing(t, "b", nats.URL(), duel, once)
	atA, _ := both(a, b, "s1")
	atA.look(func() { atA.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return withheld } })
	ann, bob := a.search(rated("duel", 1500, "ann")), a.search(rated("duel", 1500, "bob"))
	anns, bobs := b.answers(ann).watch(), b.answers(bob).watch()
	atA.until(func() bool { return len(atA.asked) > 0 })
	a.stop()
	if x, y := anns.end().GetAssignment(), bobs.end().GetAssignment(); x == nil || x.GetMatchId() != y.GetMatchId() {
		t.Errorf("assignments %v and %v", x, y)
	}
}

// A replica died between a player's claim and the ticket.
func TestTakeover_repeatsALostRequest(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	w := sharing(t, "a", nats.URL(), duel)
	w.server("s1", nil)
	claims, err := claim.New(t.Context(), storetest.Open(t, store.Config{URL: nats.URL(), Replicas: 1}))
	if err != nil {
		t.Fatal(err)
	}
	id := ticket.NewID("duel")
	_, _, err = claims.Take(t.Context(), "ann", claim.Claim{
		Ticket: id, Handles: []string{id + ".secret"}, Request: "r-1", At: time.Now().Add(-time.Minute),
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	req := rated("duel", 1500, "ann")
	req.RequestId = "r-1"
	ann := w.search(req)
	if ann.GetExisting() {
		t.Error("a search that nobody has is said to exist")
	}
	if again := w.search(req); again.GetTicketId() != ann.GetTicketId() || !again.GetExisting() {
		t.Errorf("the same request made ticket %s and ticket %s", ann.GetTicketId(), again.GetTicketId())
	}
	bob := w.search(rated("duel", 1500, "bob"))
	if a, b := ann.assigned(), bob.assigned(); a.GetMatchId() != b.GetMatchId() {
		t.Errorf("assignments %v and %v", a, b)
	}
}

// mute is a replica that takes a ticket and answers nothing.
type mute struct {
	replicav1.UnimplementedReplicaServiceServer
	took chan string // id
}

func (m *mute) Add(ctx context.Context, req *replicav1.AddRequest) (*replicav1.AddResponse, error) {
	record, err := ticket.DecodeRecord(req.GetTicket())
	if err != nil {
		return nil, err
	}
	m.took <- record.Ticket.ID
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

func (m *mute) Finish(context.Context, *replicav1.FinishRequest) (*replicav1.FinishResponse, error) {
	return &replicav1.FinishResponse{Known: true, Searching: true}, nil
}

// own makes the mute replica the owner of a queue.
func (m *mute) own(t *testing.T, nats, queue string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	replicav1.RegisterReplicaServiceServer(server, m)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	s, err := store.Open(t.Context(), store.Config{URL: nats, Replicas: 1}, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	leases, err := s.Leases(t.Context(), s.Join(t.Context(), store.Member{ID: "mute", Address: listener.Addr().String()}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Acquire(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
}

// The player must not get a second search while the first may exist.
func TestTakeover_findsASearchOfUnknownStatus(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	owner := &mute{took: make(chan string, 1)}
	owner.own(t, nats.URL(), "duel")
	w := sharing(t, "a", nats.URL(), duel)
	w.server("s1", nil)
	req := rated("duel", 1500, "ann")
	req.RequestId = "r-1"
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := w.client.CreateTicket(ctx, req)
		failed <- err
	}()
	id := <-owner.took
	cancel()
	if err := <-failed; err == nil {
		t.Fatal("the request succeeded")
	}
	again := w.search(req)
	if got, _, _ := ticket.SplitHandle(again.GetTicketId()); got != id || !again.GetExisting() {
		t.Errorf("ticket %s is searching, the player was given %s", id, got)
	}
}

// A matchmaker that has just started knows no game yet: that passes.
func TestTakeover_quickPlayBeforeAnyServerRegisters(t *testing.T) {
	w := start(t, nil)
	_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Queue: "arena/ffa"})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("quick play: %v", err)
	}
	_, err = w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Queue: "nonsense"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("an unknown queue: %v", err)
	}
}

// An owner that was cut off does not know what its queue has got since. It must
// not say that there is no such ticket.
func TestTakeover_isolatedOwnerDeniesNoTicket(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	proxy := storetest.StartProxy(t, nats, 0)
	a, b := sharing(t, "a", proxy.URL(), duel), sharing(t, "b", nats.URL(), duel)
	both(a, b, "s1")
	a.search(rated("duel", 1500, "ann")) // a owns the queue now
	proxy.Halt()
	b.until("b owns the queue", func() bool { return owner(b, "duel") == "b" })
	bob := b.search(rated("duel", 2500, "bob"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	cancellation := &matchmakerv1.CancelTicketRequest{TicketId: bob.GetTicketId()}
	if _, err := a.client.CancelTicket(ctx, cancellation); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a, cut off, says %v", err)
	}
	proxy.Resume()
	res, err := a.client.CancelTicket(a.context(), cancellation)
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Errorf("a, back, says %v %v", res, err)
	}
	b.answers(bob).endsBy(matchmakerv1.EndReason_END_REASON_CANCELLED)
}
