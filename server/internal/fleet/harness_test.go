package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what has to happen.
const patience = 20 * time.Second

func await[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// host is a game server that notes what it is asked.
type host struct {
	mu       sync.Mutex
	reserve  func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult
	players  uint32
	reserved []string
	origins  []string // each call of AllowOrigins
	released chan *fleetv1.Release
	drained  chan *fleetv1.Drain
	bans     chan *fleetv1.BanList // nil: the stream has ended
	keys     chan string           // a length for each key, "done" when its stream has ended
}

func newHost() *host {
	return &host{released: make(chan *fleetv1.Release, 10), drained: make(chan *fleetv1.Drain, 10), keys: make(chan string, 100), bans: make(chan *fleetv1.BanList, 100)}
}

func (h *host) Report() Report { return hostReport{h} }

type hostReport struct{ *host }

func (hostReport) Close() {}

func (h *host) Register() *fleetv1.Register {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &fleetv1.Register{ServerId: "s1", MaxPlayers: h.players}
}

func (h *host) Load() *fleetv1.Load {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &fleetv1.Load{Players: h.players}
}

func (h *host) setPlayers(n uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.players = n
}

func (h *host) Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	h.mu.Lock()
	h.reserved = append(h.reserved, r.GetRequestId())
	n, answer := len(h.reserved), h.reserve
	h.mu.Unlock()
	if answer != nil {
		return answer(ctx, r)
	}
	return &fleetv1.ReserveResult{Ok: true, Slots: []uint32{uint32(n)}}
}

func (h *host) Bans() BanList { return h }

// Apply and Close note the lists of bans.
func (h *host) Apply(l *fleetv1.BanList) { h.noteBans(l) }
func (h *host) Close()                   { h.noteBans(nil) }

func (h *host) noteBans(l *fleetv1.BanList) {
	select {
	case h.bans <- l:
	default: // a test that does not look at them
	}
}

func (h *host) Moderate(_ context.Context, m *fleetv1.Moderate) *fleetv1.Moderated {
	return &fleetv1.Moderated{Found: m.GetKick().GetPlayerId() == "here"}
}
func (h *host) Evict(*fleetv1.Evict)       {}
func (h *host) Release(r *fleetv1.Release) { h.released <- r }
func (h *host) Drain(d *fleetv1.Drain)     { h.drained <- d }
func (h *host) TrustKey(key ed25519.PublicKey) func() {
	h.keys <- fmt.Sprint(len(key))
	return func() { h.keys <- "done" }
}

func (h *host) AllowOrigins(matchmakerID string, origins []string) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.origins = append(h.origins, matchmakerID+": "+strings.Join(origins, " "))
	return func() {}
}

// fakeMatchmaker is a matchmaker that hands its streams to the test.
type fakeMatchmaker struct {
	fleetv1.UnimplementedFleetServiceServer
	id      string
	streams chan *fakeStream
	server  *grpc.Server
}

type fakeStream struct {
	stream   grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]
	received chan *fleetv1.ConnectRequest
	end      chan error // the test ends the stream by it
}

func (m *fakeMatchmaker) Connect(stream grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]) error {
	l := &fakeStream{stream: stream, received: make(chan *fleetv1.ConnectRequest, 10_000), end: make(chan error, 1)}
	closed := make(chan struct{}) // by the client
	go func() {
		defer close(closed)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			l.received <- r
		}
	}()
	select {
	case m.streams <- l:
	case <-closed: // before the test looked
		return nil
	}
	select {
	case err := <-l.end:
		return err
	case <-closed:
		return nil
	}
}

func (l *fakeStream) send(m *fleetv1.ConnectResponse) { _ = l.stream.Send(m) }

func (l *fakeStream) welcome(id string, replicas ...string) {
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Registered{Registered: &fleetv1.Registered{
		MatchmakerId: id, TokenKey: make([]byte, ed25519.PublicKeySize), LoadIntervalMs: 60_000,
		Replicas: &fleetv1.Replicas{Addresses: replicas}, Origins: []string{"https://play.example.com"},
	}}})
}

func (l *fakeStream) sendReplicas(replicas ...string) {
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Replicas{Replicas: &fleetv1.Replicas{Addresses: replicas}}})
}

func (l *fakeStream) ack(matchID string) {
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_MatchEndedAck{MatchEndedAck: &fleetv1.MatchEndedAck{MatchId: matchID}}})
}

func (l *fakeStream) ended(t *testing.T) string {
	t.Helper()
	return next(t, l, "an ended match", (*fleetv1.ConnectRequest).GetMatchEnded).GetMatchId()
}

func (l *fakeStream) ask(id string) {
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Reserve{Reserve: &fleetv1.Reserve{RequestId: id}}})
}

// next waits for the next message that pick knows.
func next[T any](t *testing.T, l *fakeStream, what string, pick func(*fleetv1.ConnectRequest) *T) *T {
	t.Helper()
	for {
		if v := pick(await(t, what, l.received)); v != nil {
			return v
		}
	}
}

func (l *fakeStream) result(t *testing.T) *fleetv1.ReserveResult {
	t.Helper()
	return next(t, l, "an answer", (*fleetv1.ConnectRequest).GetReserveResult)
}

func startMatchmaker(t *testing.T, listener net.Listener) *fakeMatchmaker {
	t.Helper()
	m := &fakeMatchmaker{id: "mm", streams: make(chan *fakeStream), server: grpc.NewServer()}
	fleetv1.RegisterFleetServiceServer(m.server, m)
	m.serve(t, listener)
	return m
}

func (m *fakeMatchmaker) serve(t *testing.T, listener net.Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- m.server.Serve(listener) }()
	t.Cleanup(func() {
		m.server.Stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// network is a few matchmakers' addresses in memory.
type network struct {
	mu        sync.Mutex
	listeners map[string]*bufconn.Listener
}

func newNetwork() *network { return &network{listeners: make(map[string]*bufconn.Listener)} }

// matchmaker starts one at an address.
func (n *network) matchmaker(t *testing.T, addr, id string) *fakeMatchmaker {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	n.mu.Lock()
	n.listeners[addr] = listener
	n.mu.Unlock()
	m := startMatchmaker(t, listener)
	m.id = id
	return m
}

// alias makes a matchmaker reachable by another address too.
func (n *network) alias(addr, other string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[other] = n.listeners[addr]
}

func (n *network) config(addrs ...string) Config {
	return Config{Addrs: addrs, DialOptions: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			n.mu.Lock()
			listener := n.listeners[addr]
			n.mu.Unlock()
			if listener == nil {
				return nil, errors.New("nobody listens there")
			}
			return listener.DialContext(ctx)
		}),
	}}
}

// Addresses of the tests' matchmakers: literals, so that no name is looked up.
const (
	addrA = "10.0.0.1:8090"
	addrB = "10.0.0.2:8090"
	addrC = "10.0.0.3:8090"
)

// startClient runs a client until the returned function is called.
func startClient(t *testing.T, cfg Config, h Host, log *zap.Logger) (*Client, func()) {
	t.Helper()
	cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 2*time.Millisecond
	c := New(cfg, h, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := await(t, "the client's end", done); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return c, stop
}

// pair connects a client with a matchmaker in memory; the client has
// registered and was welcomed.
func pair(t *testing.T, h Host) (*Client, *fakeMatchmaker, *fakeStream, func()) {
	t.Helper()
	n := newNetwork()
	m := n.matchmaker(t, addrA, "mm-1")
	c, stop := startClient(t, n.config(addrA), h, nil)
	return c, m, m.accept(t), stop
}

// accept takes the next stream and registers the server, listing the replicas.
func (m *fakeMatchmaker) accept(t *testing.T, replicas ...string) *fakeStream {
	t.Helper()
	l := await(t, "a stream", m.streams)
	if await(t, "the first message", l.received).GetRegister().GetServerId() != "s1" {
		t.Fatal("the first message is not Register")
	}
	l.welcome(m.id, replicas...)
	return l
}
