package ws

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"tactus/internal/rawtls"
)

// TestConn_tlsTickAllocatesLittle: over TLS a snapshot that is written allocates nothing,
// a read with bytes in it one object of 24 bytes, a silent client nothing.
func TestConn_tlsTickAllocatesLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	c, client, peer := securePair(t)
	h := &counter{}
	input, frame := binaryFrame("an input of some words"), serverFrame(make([]byte, 200))
	wire, sink := make([]byte, 0, 4096), make([]byte, 4096)
	for name, tc := range map[string]struct {
		allowed float64
		tick    func()
	}{
		"silent": {0, func() {
			if err := read(c, 1, h); err != nil {
				t.Fatal(err)
			}
		}},
		"snapshot": {0, func() {
			if taken, err := c.Write(1, frame); !taken || err != nil {
				t.Fatal(taken, err)
			}
			if n, err := unix.Read(peer, sink); n != len(frame)+rawtls.Overhead {
				t.Fatal(n, err)
			}
		}},
		"input": {1, func() {
			wire, _ = client.Seal(wire[:0], input)
			sendRaw(t, peer, wire)
			if err := read(c, 1, h); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		if n := testing.AllocsPerRun(500, tc.tick); n > tc.allowed {
			t.Errorf("%s: %v allocations, want at most %v", name, n, tc.allowed)
		}
	}
	if h.n < 500 {
		t.Errorf("only %d messages came through", h.n)
	}
}

// TestBatches_tlsAllocatesLittle is the same gate for a tick of many clients, also in
// bytes: half of them send.
func TestBatches_tlsAllocatesLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	const clients, sending, ticks = 80, 40, 100
	c := &crowd{t: t, inbox: make([]inbox, clients), ends: make([]outcome, clients)}
	var peers []*rawtls.Records
	for range clients {
		one, client, peer := securePair(t)
		c.conns, c.peers, peers = append(c.conns, one), append(c.peers, peer), append(peers, client)
	}
	counted := &counter{}
	for i := range c.ends {
		c.ends[i].handler = counted
	}
	input, frame := binaryFrame("an input of some words"), serverFrame(make([]byte, 200))
	wire, sink := make([]byte, 0, 4096), make([]byte, 4096)
	tick := func() {
		for i, one := range c.conns {
			if i < sending {
				wire, _ = peers[i].Seal(wire[:0], input)
				sendRaw(t, c.peers[i], wire)
			}
			c.reads.Add(1, one, &c.ends[i])
		}
		c.reads.Run(1)
		for i, one := range c.conns {
			add(&c.writes, 1, one, &c.ends[i], frame)
		}
		c.writes.Run(1)
		for i := range c.conns {
			if end := &c.ends[i]; end.received.Err != nil || !end.sent.Taken || end.sent.Bytes != len(frame) {
				t.Fatalf("%+v, %+v", end.received, end.sent)
			}
			if n, err := unix.Read(c.peers[i], sink); n != len(frame)+rawtls.Overhead {
				t.Fatal(n, err)
			}
		}
	}
	tick() // grows what is kept
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n := testing.AllocsPerRun(ticks, tick); n > sending {
		t.Errorf("%v allocations a tick, want at most one for each of %d inputs", n, sending)
	}
	runtime.ReadMemStats(&after)
	// A collection meanwhile empties the pools of crypto/tls.
	const slack = 64 << 10
	if n := after.TotalAlloc - before.TotalAlloc; n > sending*(ticks+1)*24+slack {
		t.Errorf("%d bytes were allocated, want 24 for each of %d inputs", n, sending*(ticks+1))
	}
	if counted.n != sending*(ticks+2) {
		t.Errorf("%d messages came through", counted.n)
	}
}

// TestConn_tlsIdleMemory: a connection that waits holds at most 10 KB more than without
// TLS, with all that belongs to it.
func TestConn_tlsIdleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has memory of its own")
	}
	const count, limit = 100, 10 << 10
	plain, secure := idleMemory(t, newHarness(t, &Upgrader{}), count), idleMemory(t, newTLSHarness(t, &Upgrader{}), count)
	t.Logf("%d bytes a connection, %d over TLS", plain, secure)
	if secure-plain > limit {
		t.Errorf("a connection holds %d bytes, %d over TLS; want at most %d more", plain, secure, limit)
	}
}

// idleMemory returns the bytes of the heap for one connection. Clients have only a
// descriptor left.
func idleMemory(t *testing.T, r *harness, count int) int {
	t.Helper()
	r.dial() // what a process has once
	warm := r.conn()
	before := heapInUse()
	conns := make([]*Conn, 0, count)
	for range count {
		fd := r.dialDescriptor()
		t.Cleanup(func() { _ = unix.Close(fd) })
		c := r.conn()
		var got inbox
		if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 1 }); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	used := heapInUse() - before
	runtime.KeepAlive(conns)
	runtime.KeepAlive(warm)
	return used / count
}

// dialDescriptor connects a client that sends a message, and keeps its descriptor only.
func (r *harness) dialDescriptor() (fd int) {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	client := nc
	if r.dialTLS != nil {
		client = tls.Client(nc, r.dialTLS)
	}
	if _, err := client.Write(append([]byte(handshake), binaryFrame("hello")...)); err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	if fd, err = takeDescriptor(nc.(*net.TCPConn)); err != nil {
		r.t.Fatal(err)
	}
	return fd
}

func heapInUse() int {
	for range 3 { // what finalizers and pools keep goes with later collections
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
