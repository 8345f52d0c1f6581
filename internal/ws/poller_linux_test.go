package ws

import (
	"slices"
	"testing"

	"tactus/internal/testtime"
	"tactus/protocol"
)

func newTestPoller(t *testing.T) *Poller {
	t.Helper()
	p := NewPoller(func() {})
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// readyKeys calls Ready until it has returned n keys.
func readyKeys(t *testing.T, p *Poller, n int) (keys []uint32) {
	t.Helper()
	testtime.Until(t, "all connections with data are ready", func() bool {
		keys = p.Ready(keys)
		return len(keys) >= n
	})
	slices.Sort(keys)
	return keys
}

func TestPoller_reportsConnectionsWithData(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	p := newTestPoller(t)
	// More than the kernel reports in one call.
	const count = readyPerCall + 20
	clients := make([]*client, count)
	conns := make([]*Conn, count)
	var want []uint32
	for i := range clients {
		clients[i], conns[i] = r.dial(), r.conn()
		if !p.Park(conns[i], uint32(i)) {
			t.Fatal("not parked")
		}
		want = append(want, uint32(i))
	}
	if keys := p.Ready(nil); len(keys) != 0 {
		t.Fatalf("silent connections are ready: %v", keys)
	}
	clients[7].send(binaryFrame("hello"))
	if keys := readyKeys(t, p, 1); !slices.Equal(keys, []uint32{7}) {
		t.Fatalf("got %v, want connection 7", keys)
	}
	if keys := p.Ready(nil); len(keys) != 0 {
		t.Fatalf("a connection is reported although it is not parked: %v", keys)
	}
	var got inbox
	if err := pollUntil(t, conns[7], &got, func() bool { return len(got.messages) == 1 }); err != nil {
		t.Fatal(err)
	}
	if !p.Park(conns[7], 7) {
		t.Fatal("not parked again")
	}
	for _, cl := range clients {
		cl.send(binaryFrame("all"))
	}
	if keys := readyKeys(t, p, count); !slices.Equal(keys, want) {
		t.Fatalf("got %d keys, want %d", len(keys), count)
	}
}

func TestPoller_reportsDataFromBeforeParking(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	p := newTestPoller(t)
	cl, c := r.dial(), r.conn()
	if err := read(c, 1, &inbox{}); err != nil {
		t.Fatal(err)
	}
	cl.send(binaryFrame("early"))
	if !p.Park(c, 3) {
		t.Fatal("not parked")
	}
	readyKeys(t, p, 1)
}

func TestPoller_reportsClosedPeers(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	p := newTestPoller(t)
	cl, c := r.dial(), r.conn()
	if !p.Park(c, 9) {
		t.Fatal("not parked")
	}
	_ = cl.conn.Close()
	if keys := readyKeys(t, p, 1); keys[0] != 9 {
		t.Errorf("got %v", keys)
	}
}

func TestPoller_unparkStopsReports(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	p, other := newTestPoller(t), newTestPoller(t)
	cl, c := r.dial(), r.conn()
	if !p.Park(c, 1) || other.Park(c, 1) {
		t.Fatal("a connection is parked in one place")
	}
	p.Unpark(c)
	if !other.Park(c, 2) {
		t.Fatal("an unparked connection cannot move")
	}
	cl.send(binaryFrame("x"))
	readyKeys(t, other, 1)
	if keys := p.Ready(nil); len(keys) != 0 {
		t.Errorf("an unparked connection is reported: %v", keys)
	}
	c.Close(protocol.CloseRestart, "")
	if other.Park(c, 2) {
		t.Error("a closed connection was parked")
	}
}

func TestPoller_parksOnlyWatchableConnections(t *testing.T) {
	p := newTestPoller(t)
	portable := newHarness(t, &Upgrader{ForcePortable: true})
	portable.dial()
	if p.Park(portable.conn(), 1) {
		t.Error("a portable connection was parked")
	}
	raw := newHarness(t, &Upgrader{})
	raw.dial(binaryFrame("early")...)
	c := raw.conn()
	var got inbox
	if c.unread && p.Park(c, 1) {
		t.Error("a connection with unread messages was parked")
	}
	if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 1 }); err != nil {
		t.Fatal(err)
	}
	if !p.Park(c, 1) {
		t.Error("not parked after its messages were read")
	}
}

func TestPoller_wakesOnlyItsOwner(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	woken := make(chan int, 16)
	pollers := make([]*Poller, 2)
	clients := make([]*client, 2)
	for i := range pollers {
		p := NewPoller(func() { woken <- i })
		t.Cleanup(func() { _ = p.Close() })
		pollers[i] = p
		clients[i] = r.dial()
		if !p.Park(r.conn(), uint32(10+i)) {
			t.Fatal("not parked")
		}
	}
	for _, i := range []int{1, 0} {
		clients[i].send(binaryFrame("hello"))
		if got := <-woken; got != i {
			t.Fatalf("poller %d was woken for the connection of poller %d", got, i)
		}
		if keys := pollers[i].Ready(nil); !slices.Equal(keys, []uint32{uint32(10 + i)}) {
			t.Errorf("poller %d reports %v", i, keys)
		}
		if keys := pollers[1-i].Ready(nil); len(keys) != 0 {
			t.Errorf("poller %d reports %v of another", 1-i, keys)
		}
	}
}

func TestPoller_closeKeepsConnections(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	gone := NewPoller(func() { t.Error("a closed poller was told") })
	cl, c := r.dial(), r.conn()
	if !gone.Park(c, 1) {
		t.Fatal("not parked")
	}
	for range 2 {
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
	}
	other := newTestPoller(t)
	cl.send(binaryFrame("still here"))
	var got inbox
	if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 1 }); err != nil {
		t.Fatal(err)
	}
	if keys := other.Ready(nil); len(keys) != 0 {
		t.Errorf("another poller reports %v", keys)
	}
}
