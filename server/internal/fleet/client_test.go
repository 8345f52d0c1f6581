package fleet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
	released chan *fleetv1.Release
	drained  chan *fleetv1.Drain
	keys     chan string
}

func newHost() *host {
	return &host{released: make(chan *fleetv1.Release, 10), drained: make(chan *fleetv1.Drain, 10), keys: make(chan string, 10)}
}

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

func (h *host) Release(r *fleetv1.Release) { h.released <- r }
func (h *host) Drain(d *fleetv1.Drain)     { h.drained <- d }
func (h *host) TokenKey(id string, key ed25519.PublicKey) {
	h.keys <- fmt.Sprint(id, " ", len(key))
}

// mm is a matchmaker that hands its streams to the test.
type mm struct {
	fleetv1.UnimplementedFleetServiceServer
	streams chan *link
	server  *grpc.Server
}

type link struct {
	stream   grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]
	received chan *fleetv1.ConnectRequest
	end      chan error // the test ends the stream by it
}

func (m *mm) Connect(stream grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]) error {
	l := &link{stream: stream, received: make(chan *fleetv1.ConnectRequest, 10_000), end: make(chan error, 1)}
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
	m.streams <- l
	select {
	case err := <-l.end:
		return err
	case <-closed:
		return nil
	}
}

func (l *link) say(m *fleetv1.ConnectResponse) { _ = l.stream.Send(m) }

func (l *link) welcome() {
	l.say(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Registered{Registered: &fleetv1.Registered{
		MatchmakerId: "mm-1", TokenKey: make([]byte, ed25519.PublicKeySize), LoadIntervalMs: 60_000,
	}}})
}

func (l *link) ask(id string) {
	l.say(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Reserve{Reserve: &fleetv1.Reserve{RequestId: id}}})
}

// next waits for the next message that pick knows.
func next[T any](t *testing.T, l *link, what string, pick func(*fleetv1.ConnectRequest) *T) *T {
	t.Helper()
	for {
		if v := pick(await(t, what, l.received)); v != nil {
			return v
		}
	}
}

func (l *link) result(t *testing.T) *fleetv1.ReserveResult {
	t.Helper()
	return next(t, l, "an answer", (*fleetv1.ConnectRequest).GetReserveResult)
}

func startMatchmaker(t *testing.T, listener net.Listener) *mm {
	t.Helper()
	m := &mm{streams: make(chan *link, 10), server: grpc.NewServer()}
	fleetv1.RegisterFleetServiceServer(m.server, m)
	done := make(chan error, 1)
	go func() { done <- m.server.Serve(listener) }()
	t.Cleanup(func() {
		m.server.Stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return m
}

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
func pair(t *testing.T, h Host) (*Client, *mm, *link, func()) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	m := startMatchmaker(t, listener)
	c, stop := startClient(t, bufConfig(listener), h, nil)
	return c, m, m.accept(t), stop
}

func bufConfig(listener *bufconn.Listener) Config {
	return Config{Addr: "passthrough:///bufconn", DialOptions: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}}
}

func (m *mm) accept(t *testing.T) *link {
	t.Helper()
	l := await(t, "a stream", m.streams)
	if await(t, "the first message", l.received).GetRegister().GetServerId() != "s1" {
		t.Fatal("the first message is not Register")
	}
	l.welcome()
	return l
}

func TestKeyComesBeforeReservations(t *testing.T) {
	h := newHost()
	c, _, l, _ := pair(t, h)
	l.ask("r1")
	if r := l.result(t); r.GetRequestId() != "r1" || !r.GetOk() {
		t.Errorf("answer %v", r)
	}
	if key := await(t, "the key", h.keys); key != "mm-1 32" {
		t.Errorf("key %q", key)
	}
	if !c.Connected() {
		t.Error("not connected")
	}
}

func TestSameRequestGetsTheSameAnswer(t *testing.T) {
	h := newHost()
	_, m, l, _ := pair(t, h)
	l.ask("r1")
	l.ask("r2")
	l.ask("r1")
	slots := make(map[string][]uint32)
	for range 3 {
		r := l.result(t)
		slots[r.GetRequestId()] = append(slots[r.GetRequestId()], r.GetSlots()...)
	}
	l.end <- status.Error(codes.Unavailable, "restart")
	again := m.accept(t) // also over a new stream
	again.ask("r1")
	slots["r1"] = append(slots["r1"], again.result(t).GetSlots()...)
	if s := slots["r1"]; len(s) != 3 || s[0] != s[1] || s[1] != s[2] || s[0] == slots["r2"][0] {
		t.Errorf("slots %v", slots)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.reserved)
	if fmt.Sprint(h.reserved) != "[r1 r2]" {
		t.Errorf("the host was asked for %v", h.reserved)
	}
}

func TestSlowReservationDelaysNobody(t *testing.T) {
	h := newHost()
	slow := make(chan struct{})
	h.reserve = func(_ context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
		if r.GetRequestId() == "slow" {
			<-slow
		}
		return &fleetv1.ReserveResult{Ok: true}
	}
	_, _, l, _ := pair(t, h)
	l.ask("slow")
	l.ask("fast")
	if r := l.result(t); r.GetRequestId() != "fast" {
		t.Errorf("first answer %v", r)
	}
	close(slow)
	if r := l.result(t); r.GetRequestId() != "slow" {
		t.Errorf("second answer %v", r)
	}
}

func TestReservationEndsWithItsStream(t *testing.T) {
	h := newHost()
	ended := make(chan struct{})
	h.reserve = func(ctx context.Context, _ *fleetv1.Reserve) *fleetv1.ReserveResult {
		<-ctx.Done()
		close(ended)
		return nil
	}
	_, m, l, _ := pair(t, h)
	l.ask("r1")
	l.end <- nil
	await(t, "the reservation's end", ended)
	again := m.accept(t)
	again.ask("r1")
	if r := again.result(t); r.GetOk() || r.GetReason() == "" {
		t.Errorf("answer %v", r)
	}
}

func TestReleaseAndDrainReachTheHost(t *testing.T) {
	h := newHost()
	_, _, l, _ := pair(t, h)
	l.say(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Release{Release: &fleetv1.Release{MatchId: "m1", Reservations: []string{"a"}}}})
	l.say(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Drain{Drain: &fleetv1.Drain{Reason: "update"}}})
	if r := await(t, "release", h.released); r.GetMatchId() != "m1" {
		t.Errorf("release %v", r)
	}
	if d := await(t, "drain", h.drained); d.GetReason() != "update" {
		t.Errorf("drain %v", d)
	}
}

func TestNotifySendsTheNewestLoad(t *testing.T) {
	h := newHost()
	c, _, l, _ := pair(t, h)
	for i := range uint32(100) {
		h.setPlayers(i + 1)
		c.Notify()
	}
	loads := 0
	for {
		loads++
		if next(t, l, "a load", (*fleetv1.ConnectRequest).GetLoad).GetPlayers() == 100 {
			break
		}
	}
	if loads > 20 {
		t.Errorf("%d loads for 100 calls in a row", loads)
	}
}

func TestEndedMatchesWaitForTheMatchmaker(t *testing.T) {
	listener := bufconn.Listen(1 << 20)
	cfg := bufConfig(listener)
	cfg.EndedQueue = 3
	m := startMatchmaker(t, listener)
	c, stop := startClient(t, cfg, newHost(), nil)
	for i := range 5 {
		c.Ended(&fleetv1.MatchEnded{MatchId: fmt.Sprint("m", i)})
	}
	l := m.accept(t)
	var got []string
	for range 3 {
		got = append(got, next(t, l, "an ended match", (*fleetv1.ConnectRequest).GetMatchEnded).GetMatchId())
	}
	if fmt.Sprint(got) != "[m2 m3 m4]" {
		t.Errorf("ended %v, want the newest three", got)
	}
	c.Ended(&fleetv1.MatchEnded{MatchId: "last"})
	stop() // what is queued still goes out
	if e := next(t, l, "the last match", (*fleetv1.ConnectRequest).GetMatchEnded); e.GetMatchId() != "last" {
		t.Errorf("ended %v", e)
	}
}

func TestClientComesBackWithTheFullPicture(t *testing.T) {
	h := newHost()
	core, logs := observer.New(zap.InfoLevel)
	listener := bufconn.Listen(1 << 20)
	m := startMatchmaker(t, listener)
	c, _ := startClient(t, bufConfig(listener), h, zap.New(core))
	l := m.accept(t)
	await(t, "the key", h.keys)
	h.setPlayers(7)
	l.end <- status.Error(codes.Unavailable, "the matchmaker is stopping")
	// Refused a few times before it is welcomed again.
	for range 5 {
		refused := await(t, "a stream", m.streams)
		refused.end <- status.Error(codes.Unavailable, "not yet")
	}
	back := await(t, "a stream", m.streams)
	if reg := await(t, "Register", back.received).GetRegister(); reg.GetMaxPlayers() != 7 {
		t.Errorf("registered again as %v", reg)
	}
	if c.Connected() {
		t.Error("connected before it was welcomed")
	}
	back.welcome()
	await(t, "the key", h.keys)
	back.ask("r1")
	back.result(t)
	if !c.Connected() {
		t.Error("not connected")
	}
	var lines []string
	for _, entry := range logs.All() {
		lines = append(lines, entry.Message)
	}
	want := []string{"registered with the matchmaker", "matchmaker is away; matches go on, trying again", "registered with the matchmaker"}
	if !slices.Equal(lines, want) {
		t.Errorf("log %q, want one line for each change", lines)
	}
}

func TestMatchmakerThatIsNotThereYetIsFound(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := reserved.Addr().String()
	_ = reserved.Close()
	core, logs := observer.New(zap.InfoLevel)
	away := make(chan struct{}, 1)
	log := zap.New(core, zap.Hooks(func(zapcore.Entry) error { signal(away); return nil }))
	startClient(t, Config{Addr: addr}, newHost(), log)
	await(t, "the warning", away)
	if first := logs.All()[0]; first.ContextMap()["addr"] != addr || first.ContextMap()["why"] == "" {
		t.Errorf("warning %v", first.ContextMap())
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	startMatchmaker(t, listener).accept(t)
	await(t, "registration", away)
}

func TestStopDuringTheHandshake(t *testing.T) {
	listener := bufconn.Listen(1 << 20)
	m := startMatchmaker(t, listener)
	_, stop := startClient(t, bufConfig(listener), newHost(), nil)
	await(t, "a stream", m.streams) // never welcomed
	stop()
}

func TestConfigurationThatCanNotWork(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Addr: "127.0.0.1:1", DialOptions: []grpc.DialOption{grpc.WithDefaultServiceConfig("{")}},
	} {
		if err := New(cfg, newHost(), nil).Run(context.Background()); err == nil {
			t.Errorf("%+v: accepted", cfg)
		}
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	c := New(Config{BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second}, newHost(), nil)
	for failures, want := range map[uint]time.Duration{0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 3: 800 * time.Millisecond, 4: time.Second, 500: time.Second} {
		for range 100 {
			if d := c.backoff(failures); d < want/2 || d > want {
				t.Fatalf("after %d failures: %s, want %s to %s", failures, d, want/2, want)
			}
		}
	}
}

func TestKeptAnswersAreBounded(t *testing.T) {
	asked := 0
	rs := newReservations(func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult {
		asked++
		return &fleetv1.ReserveResult{Ok: true}
	})
	ask := func(i int) {
		rs.reserve(context.Background(), &fleetv1.Reserve{RequestId: fmt.Sprint(i)})
	}
	for i := range 2 * keptAnswers {
		ask(i)
	}
	ask(2*keptAnswers - 1) // kept
	ask(0)                 // forgotten, so asked again
	if asked != 2*keptAnswers+1 || len(rs.answers) != keptAnswers || len(rs.order) != keptAnswers {
		t.Errorf("asked %d times, %d answers kept", asked, len(rs.answers))
	}
}
