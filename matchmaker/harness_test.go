package matchmaker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what has to happen.
const patience = 20 * time.Second

// world is a matchmaker with native gRPC clients, in memory.
type world struct {
	t      *testing.T
	mm     *matchmaker.Matchmaker
	key    ed25519.PublicKey
	conn   *grpc.ClientConn
	client matchmakerv1.MatchmakerServiceClient
	// stop ends the matchmaker and waits for it; the test's end does it too.
	stop func()
}

func start(t *testing.T, change func(*matchmaker.Config)) *world {
	t.Helper()
	return startLogged(t, zaptest.NewLogger(t), change)
}

func startLogged(t *testing.T, log *zap.Logger, change func(*matchmaker.Config)) *world {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cfg := matchmaker.Config{Key: private, InternalListener: bufconn.Listen(1 << 20), BatchWindow: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	mm, err := matchmaker.New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mm.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	select { // what comes earlier may be refused
	case <-mm.Ready():
	case <-time.After(patience):
		t.Fatal("the matchmaker does not become ready")
	}
	conn := dial(t, cfg.InternalListener)
	return &world{t: t, mm: mm, key: public, conn: conn, client: matchmakerv1.NewMatchmakerServiceClient(conn), stop: stop}
}

func plaintext() grpc.DialOption { return grpc.WithTransportCredentials(insecure.NewCredentials()) }

func dial(t *testing.T, listener net.Listener) *grpc.ClientConn {
	t.Helper()
	options := []grpc.DialOption{plaintext()}
	target := listener.Addr().String()
	if memory, ok := listener.(*bufconn.Listener); ok {
		target = "passthrough:///bufconn"
		options = append(options, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return memory.DialContext(ctx) }))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// player is someone with a ticket.
type player struct {
	*matchmakerv1.CreateTicketResponse
	w *world
}

// search creates a ticket for the arena's ffa unless told otherwise.
func (w *world) search(req *matchmakerv1.CreateTicketRequest) *player {
	w.t.Helper()
	res, err := w.client.CreateTicket(w.context(), req)
	if err != nil {
		w.t.Fatalf("CreateTicket: %v", err)
	}
	return &player{CreateTicketResponse: res, w: w}
}

func (w *world) quickPlay() *player {
	w.t.Helper()
	return w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"})
}

// watching is an open watch; the first message has arrived.
type watching struct {
	t      *testing.T
	stream grpc.ServerStreamingClient[matchmakerv1.WatchTicketResponse]
	last   *matchmakerv1.WatchTicketResponse
	leave  context.CancelFunc
}

func (p *player) watch() *watching {
	p.w.t.Helper()
	ctx, cancel := context.WithCancel(p.w.context())
	stream, err := p.w.client.WatchTicket(ctx, &matchmakerv1.WatchTicketRequest{TicketId: p.GetTicketId()})
	if err != nil {
		p.w.t.Fatalf("WatchTicket: %v", err)
	}
	first, err := stream.Recv()
	if err != nil {
		p.w.t.Fatalf("WatchTicket: %v", err)
	}
	return &watching{t: p.w.t, stream: stream, last: first, leave: cancel}
}

// end waits for the last message.
func (wa *watching) end() *matchmakerv1.WatchTicketResponse {
	wa.t.Helper()
	defer wa.leave()
	for wa.last.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		next, err := wa.stream.Recv()
		if err != nil {
			wa.t.Fatalf("watch: %v", err)
		}
		wa.last = next
	}
	if extra, err := wa.stream.Recv(); err == nil {
		wa.t.Fatalf("a message after the last one: %v", extra)
	}
	return wa.last
}

func (p *player) end() *matchmakerv1.WatchTicketResponse {
	p.w.t.Helper()
	return p.watch().end()
}

// assigned waits for the assignment.
func (p *player) assigned() *matchmakerv1.Assignment {
	p.w.t.Helper()
	last := p.end()
	if last.GetState() != matchmakerv1.WatchTicketResponse_STATE_ASSIGNED {
		p.w.t.Fatalf("not assigned: %v", last)
	}
	return last.GetAssignment()
}

func (p *player) endsBy(reason matchmakerv1.EndReason) {
	p.w.t.Helper()
	last := p.end()
	if last.GetReason() != reason || last.GetMessage() == "" {
		p.w.t.Fatalf("ended by %v (%q), want %v", last.GetReason(), last.GetMessage(), reason)
	}
}

// gameServer is a fake that speaks fleet.v1: it keeps seats the way a real one
// does, and answers as its test wants.
type gameServer struct {
	t      *testing.T
	id     string
	cancel context.CancelFunc
	stream grpc.BidiStreamingClient[fleetv1.ConnectRequest, fleetv1.ConnectResponse]
	done   chan error // the stream's end

	sending sync.Mutex

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced at each change
	registered *fleetv1.Registered
	matches    map[string]*fakeMatch
	maxMatches int
	asked      []*fleetv1.Reserve
	released   []*fleetv1.Release
	drains     []*fleetv1.Drain
	acked      map[string]bool // matches whose end was acknowledged
	replicas   []string        // addresses, as told last
	keys       [][]byte        // of the replicas, as told last
	// answer, if set, is asked first; nil means the usual answer, and
	// withheld means none.
	answer func(*fleetv1.Reserve) *fleetv1.ReserveResult
}

var withheld = &fleetv1.ReserveResult{Reason: "no answer at all"}

type fakeMatch struct {
	status *fleetv1.MatchStatus
	seats  []string // reservation of each slot, empty for free
}

func arena() []*matchmakerv1.GameInfo {
	return []*matchmakerv1.GameInfo{{Name: "arena", Title: "Arena", Version: "1", Modes: []*matchmakerv1.ModeInfo{
		{Name: "ffa", Title: "Free for all", MinPlayers: 1, MaxPlayers: 4},
		{Name: "duel", Title: "Duel", MinPlayers: 2, MaxPlayers: 2},
	}}}
}

func (w *world) server(id string, change func(*gameServer, *fleetv1.Register)) *gameServer {
	w.t.Helper()
	g := &gameServer{
		t: w.t, id: id, done: make(chan error, 1), changed: make(chan struct{}),
		matches: make(map[string]*fakeMatch), maxMatches: 100, acked: make(map[string]bool),
	}
	reg := &fleetv1.Register{
		ServerId: id, PublicUrl: "ws://" + id + ".test/play", Games: arena(), MaxMatches: 100, MaxPlayers: 1000,
	}
	if change != nil {
		change(g, reg)
	}
	g.connect(w.conn, reg)
	return g
}

func (g *gameServer) connect(conn *grpc.ClientConn, reg *fleetv1.Register) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	stream, err := fleetv1.NewFleetServiceClient(conn).Connect(ctx)
	if err != nil {
		g.t.Fatal(err)
	}
	g.stream = stream
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: reg}})
	go func() { g.done <- g.receive() }()
	g.t.Cleanup(g.die)
	g.until(func() bool { return g.registered != nil })
}

// die ends the stream without a word.
func (g *gameServer) die() {
	g.cancel()
	g.done <- <-g.done
}

func (g *gameServer) send(m *fleetv1.ConnectRequest) {
	g.sending.Lock()
	defer g.sending.Unlock()
	_ = g.stream.Send(m)
}

func (g *gameServer) receive() error {
	for {
		m, err := g.stream.Recv()
		if err != nil {
			return err
		}
		var reply *fleetv1.ReserveResult
		g.mu.Lock()
		switch m := m.GetMessage().(type) {
		case *fleetv1.ConnectResponse_Registered:
			g.registered, g.replicas = m.Registered, m.Registered.GetReplicas().GetAddresses()
			g.keys = m.Registered.GetReplicas().GetTokenKeys()
		case *fleetv1.ConnectResponse_Replicas:
			g.replicas, g.keys = m.Replicas.GetAddresses(), m.Replicas.GetTokenKeys()
		case *fleetv1.ConnectResponse_Reserve:
			reply = g.reserve(m.Reserve)
		case *fleetv1.ConnectResponse_Release:
			g.released = append(g.released, m.Release)
			g.free(m.Release)
		case *fleetv1.ConnectResponse_Drain:
			g.drains = append(g.drains, m.Drain)
		case *fleetv1.ConnectResponse_MatchEndedAck:
			g.acked[m.MatchEndedAck.GetMatchId()] = true
		}
		close(g.changed)
		g.changed = make(chan struct{})
		g.mu.Unlock()
		if reply != nil {
			g.reply(reply)
		}
	}
}

func (g *gameServer) reply(r *fleetv1.ReserveResult) {
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_ReserveResult{ReserveResult: r}})
}

func (g *gameServer) load(l *fleetv1.Load) {
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: l}})
}

func (g *gameServer) ended(matchID string) {
	g.mu.Lock()
	delete(g.matches, matchID)
	g.mu.Unlock()
	g.send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: &fleetv1.MatchEnded{MatchId: matchID, Reason: "over"}}})
}

func (g *gameServer) reserve(r *fleetv1.Reserve) *fleetv1.ReserveResult {
	g.asked = append(g.asked, r)
	if g.answer != nil {
		if result := g.answer(r); result == withheld {
			return nil
		} else if result != nil {
			result.RequestId = r.GetRequestId()
			return result
		}
	}
	return g.take(r)
}

// take is the usual answer: all seats or none.
func (g *gameServer) take(r *fleetv1.Reserve) *fleetv1.ReserveResult {
	no := func(reason string) *fleetv1.ReserveResult {
		return &fleetv1.ReserveResult{RequestId: r.GetRequestId(), Reason: reason}
	}
	m := g.matches[r.GetMatchId()]
	if m == nil {
		if !r.GetCreate() {
			return no("no_match")
		}
		if len(g.matches) >= g.maxMatches {
			return no("full")
		}
		m = g.open(r)
	}
	var slots []uint32
	before, people := slices.Clone(m.seats), m.status.People
	for _, seat := range r.GetSeats() {
		slot := slices.Index(m.seats, seat.GetReservation()) // asked for before
		if slot < 0 {
			if slot = slices.Index(m.seats, ""); slot < 0 {
				m.seats, m.status.People = before, people
				return no("full")
			}
			m.seats[slot] = seat.GetReservation()
			m.status.People++
		}
		slots = append(slots, uint32(slot))
	}
	return &fleetv1.ReserveResult{RequestId: r.GetRequestId(), Ok: true, Slots: slots, Match: copyStatus(m.status)}
}

func (g *gameServer) open(r *fleetv1.Reserve) *fakeMatch {
	seats := map[string]uint32{"ffa": 4, "duel": 2}[r.GetMode()]
	m := &fakeMatch{seats: make([]string, seats), status: &fleetv1.MatchStatus{
		MatchId: r.GetMatchId(), Game: r.GetGame(), Mode: r.GetMode(), Seats: seats, Open: !r.GetPrivate(), Private: r.GetPrivate(),
	}}
	g.matches[r.GetMatchId()] = m
	return m
}

func (g *gameServer) free(r *fleetv1.Release) {
	m := g.matches[r.GetMatchId()]
	if m == nil {
		return
	}
	for _, reservation := range r.GetReservations() {
		for slot, holder := range m.seats {
			if holder == reservation {
				m.seats[slot] = ""
				m.status.People--
			}
		}
	}
}

func copyStatus(s *fleetv1.MatchStatus) *fleetv1.MatchStatus {
	return &fleetv1.MatchStatus{
		MatchId: s.GetMatchId(), Game: s.GetGame(), Mode: s.GetMode(), People: s.GetPeople(), Seats: s.GetSeats(),
		Open: s.GetOpen(), Private: s.GetPrivate(), AgeS: s.GetAgeS(), RemainingS: s.GetRemainingS(),
	}
}

// held lists the reservations that hold a seat; call it inside until, or when
// nothing can change any more.
func (g *gameServer) held() map[string]string {
	held := make(map[string]string)
	for id, m := range g.matches {
		for _, reservation := range m.seats {
			if reservation != "" {
				held[reservation] = id
			}
		}
	}
	return held
}

// until waits for a condition on what the server has received.
func (g *gameServer) until(condition func() bool) {
	g.t.Helper()
	timeout := time.After(patience)
	for {
		g.mu.Lock()
		ok, changed := condition(), g.changed
		g.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			g.t.Fatalf("server %s: what had to happen did not", g.id)
		}
	}
}

// look reads the server's state.
func (g *gameServer) look(read func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	read()
}
