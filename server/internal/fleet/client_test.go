package fleet

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tactus/internal/certificate"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

func TestClient_trustsKeyBeforeReservations(t *testing.T) {
	h := newHost()
	c, _, l, _ := pair(t, h)
	l.ask("r1")
	if r := l.result(t); r.GetRequestId() != "r1" || !r.GetOk() {
		t.Errorf("answer %v", r)
	}
	if key := await(t, "the key", h.keys); key != "32" {
		t.Errorf("key %q", key)
	}
	if c.Connected() != 1 {
		t.Error("not connected")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.origins) != 1 || h.origins[0] != "mm-1: https://play.example.com" {
		t.Errorf("allowed origins %q", h.origins)
	}
}

func TestClient_repeatedRequestGetsSameAnswer(t *testing.T) {
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

func TestClient_slowReservationDelaysNoOther(t *testing.T) {
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

func TestClient_reservationEndsWithItsStream(t *testing.T) {
	h := newHost()
	asked, again := make(chan struct{}), false
	h.reserve = func(ctx context.Context, _ *fleetv1.Reserve) *fleetv1.ReserveResult {
		if again {
			return &fleetv1.ReserveResult{Ok: true}
		}
		again = true
		close(asked)
		<-ctx.Done()
		return &fleetv1.ReserveResult{Reason: "overloaded"}
	}
	_, m, l, _ := pair(t, h)
	l.ask("r1")
	await(t, "the request", asked)
	l.end <- nil
	back := m.accept(t)
	back.ask("r1")
	if r := back.result(t); !r.GetOk() {
		t.Errorf("answer %v: nobody got the first one", r)
	}
}

func TestClient_passesOnReleaseAndDrain(t *testing.T) {
	h := newHost()
	_, _, l, _ := pair(t, h)
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Release{Release: &fleetv1.Release{MatchId: "m1", Reservations: []string{"a"}}}})
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Drain{Drain: &fleetv1.Drain{Reason: "update"}}})
	if r := await(t, "release", h.released); r.GetMatchId() != "m1" {
		t.Errorf("release %v", r)
	}
	if d := await(t, "drain", h.drained); d.GetReason() != "update" {
		t.Errorf("drain %v", d)
	}
}

func TestClient_notifySendsNewestLoad(t *testing.T) {
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

func TestClient_reconnectRegistersEverything(t *testing.T) {
	h := newHost()
	core, logs := observer.New(zap.InfoLevel)
	n := newNetwork()
	m := n.matchmaker(t, addrA, "mm-1")
	c, _ := startClient(t, n.config(addrA), h, zap.New(core))
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
	if c.Connected() != 0 {
		t.Error("connected before it was welcomed")
	}
	back.welcome("mm-1")
	await(t, "the end of the first key's stream", h.keys)
	await(t, "the key", h.keys)
	back.ask("r1")
	back.result(t)
	if c.Connected() != 1 {
		t.Error("not connected")
	}
	var lines []string
	for _, entry := range logs.All() {
		lines = append(lines, entry.Message)
	}
	want := []string{"registered with a matchmaker", "matchmaker is away; matches go on, trying again", "registered with a matchmaker"}
	if !slices.Equal(lines, want) {
		t.Errorf("log %q, want one line for each change", lines)
	}
}

func TestClient_waitsForMatchmaker(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := reserved.Addr().String()
	_ = reserved.Close()
	core, logs := observer.New(zap.InfoLevel)
	away := make(chan struct{}, 1)
	log := zap.New(core, zap.Hooks(func(zapcore.Entry) error { signal(away); return nil }))
	startClient(t, Config{Addrs: []string{addr}}, newHost(), log)
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

func TestClient_stopsDuringHandshake(t *testing.T) {
	n := newNetwork()
	m := n.matchmaker(t, addrA, "mm-1")
	_, stop := startClient(t, n.config(addrA), newHost(), nil)
	await(t, "a stream", m.streams) // never welcomed
	stop()
}

func TestClient_rejectsBadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Addrs: []string{addrA}, DialOptions: []grpc.DialOption{grpc.WithDefaultServiceConfig("{")}},
		{Addrs: []string{addrA}, TLS: certificate.Files{CA: "nowhere.pem"}},
		{Addrs: []string{addrA}, TLS: certificate.Files{Cert: "without-key.pem"}},
	} {
		if err := New(cfg, newHost(), nil).Run(context.Background()); err == nil {
			t.Errorf("%+v: accepted", cfg)
		}
	}
}

func TestClient_backoffGrowsAndIsBounded(t *testing.T) {
	c := New(Config{BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second}, newHost(), nil)
	for failures, want := range map[uint]time.Duration{0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 3: 800 * time.Millisecond, 4: time.Second, 500: time.Second} {
		for range 100 {
			if d := c.backoff(failures); d < want/2 || d > want {
				t.Fatalf("after %d failures: %s, want %s to %s", failures, d, want/2, want)
			}
		}
	}
}

func TestReservations_keptAnswersAreBounded(t *testing.T) {
	asked := 0
	rs := newReservations(func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult {
		asked++
		return &fleetv1.ReserveResult{Ok: true}
	})
	ask := func(i int) {
		rs.reserve(context.Background(), &fleetv1.Reserve{RequestId: fmt.Sprint(i)})
	}
	for i := range 2 * maxKeptAnswers {
		ask(i)
	}
	ask(2*maxKeptAnswers - 1) // kept
	ask(0)                    // forgotten, so asked again
	if kept := &rs.kept; asked != 2*maxKeptAnswers+1 || len(kept.byRequest) != maxKeptAnswers || len(kept.order) != maxKeptAnswers {
		t.Errorf("asked %d times, %d answers kept", asked, len(kept.byRequest))
	}
	if len(rs.pending) != 0 {
		t.Errorf("%d answers are pending", len(rs.pending))
	}
}

func TestReservations_repeatTheWholeAnswer(t *testing.T) {
	rs := newReservations(func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult {
		return &fleetv1.ReserveResult{Ok: true, Slots: []uint32{3, 0}, Match: &fleetv1.MatchStatus{MatchId: "m1", People: 2}}
	})
	first := rs.reserve(t.Context(), &fleetv1.Reserve{RequestId: "r1"})
	again := rs.reserve(t.Context(), &fleetv1.Reserve{RequestId: "r1"})
	if !proto.Equal(first, again) || again.GetRequestId() != "r1" || again.GetMatch().GetPeople() != 2 {
		t.Errorf("first %v, then %v", first, again)
	}
}

// 10,000 silent clients are let in within seconds: their answers are all kept, and
// count as memory of clients.
func TestReservations_keptAnswersAreSmall(t *testing.T) {
	const most = 220 // bytes of an answer, with its share of the map
	rs := newReservations(func(_ context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
		return &fleetv1.ReserveResult{Ok: true, Slots: []uint32{4, 5}, Match: &fleetv1.MatchStatus{
			MatchId: "0123456789abcdef", Game: "arena", Mode: "duel", People: 2, Seats: 16, Open: true, Queue: "quick-play",
		}}
	})
	before := heapBytes()
	for i := range maxKeptAnswers {
		rs.reserve(t.Context(), &fleetv1.Reserve{RequestId: fmt.Sprintf("0123456789abcdef/%d", i)})
	}
	if each := (heapBytes() - before) / maxKeptAnswers; each > most {
		t.Errorf("%d bytes for each answer, at most %d are allowed", each, most)
	}
	runtime.KeepAlive(rs)
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestClient_registeredOutlivesMatchmaker(t *testing.T) {
	n := newNetwork()
	c, stop := startClient(t, n.config(addrA), newHost(), nil)
	if c.Registered() {
		t.Error("registered before a matchmaker is there")
	}
	m := n.matchmaker(t, addrA, "mm-1")
	m.accept(t)
	for !c.Registered() {
		runtime.Gosched()
	}
	stop()
	if c.Connected() != 0 || !c.Registered() {
		t.Errorf("%d matchmakers are connected, registered: %v", c.Connected(), c.Registered())
	}
}
