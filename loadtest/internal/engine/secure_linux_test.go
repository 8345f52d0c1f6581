package engine

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/rawtls"
	"tactus/internal/testtime"
	"tactus/internal/tlstest"
)

// connectTLS returns both ends of a connection over TLS.
func connectTLS(t *testing.T) (client, server *tls.Conn) {
	t.Helper()
	certificate, roots := tlstest.Certificate(t)
	low, high := connect(t)
	client = tls.Client(rawtls.Transport(low), &tls.Config{RootCAs: roots, ServerName: "localhost"})
	server = tls.Server(high, &tls.Config{Certificates: []tls.Certificate{certificate}})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestRaw_servesTLS: the fastest engine speaks TLS on the descriptor: frames of any size
// arrive, inputs are sent, also behind those that a full socket did not take.
func TestRaw_servesTLS(t *testing.T) {
	client, server := connectTLS(t)
	if !Serves(client) {
		t.Fatal("the engine does not serve it")
	}
	// What TLS has read ahead before the hand-over is not lost.
	early := serverFrame(3)
	if _, err := server.Write(append(early, 'e')); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, len(early))); n != len(early) || err != nil {
		t.Fatal(n, err)
	}
	e := start(t, New)
	c := newTestClient()
	c.partial = nil
	received := make(chan struct{})
	e.Serve(Served{Client: &counting{testClient: c, first: received}, Conn: client, Attach: func(out Sender) { c.out = out }})
	<-received
	if n := c.received.Load(); n != 1 {
		t.Fatalf("%d bytes were read ahead, want 1", n)
	}
	c.received.Store(0)
	want := int64(0)
	for _, size := range []int{1, 300, 20_000, 100_000} {
		frame := make([]byte, size)
		want += int64(size)
		if _, err := server.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	testtime.Until(t, "the client receives all", func() bool { return c.received.Load() == want })
	for range 3 {
		f, err := ws.ReadFrame(server)
		if err != nil || string(ws.UnmaskFrame(f).Payload) != "x" {
			t.Fatalf("got %v, %v; want an input", f, err)
		}
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-c.ended; err == nil {
		t.Error("a closed connection ended without an error")
	}
}

// counting counts bytes and parses nothing.
type counting struct {
	*testClient
	first chan struct{}
}

func (c *counting) Receive(data []byte, _ int64, _ bool) bool {
	if c.received.Add(int64(len(data))); c.first != nil && len(data) > 0 {
		close(c.first)
		c.first = nil
	}
	return true
}

// TestRaw_keepsEncryptedFrames: a frame that a full socket does not take is encrypted
// already, so that it is sent later.
func TestRaw_keepsEncryptedFrames(t *testing.T) {
	client, server := connectTLS(t)
	p := New(Config{Clock: newClock()}).(*raw)
	driven := newTestClient()
	c := &rawConn{engine: p, client: driven}
	if err := c.detach(client); err != nil {
		t.Fatal(err)
	}
	frame := serverFrame(1000)
	accepted := 0
	for c.Send(frame) {
		accepted++
		c.Post(frame)
		accepted++
		p.sendPosted()
	}
	accepted -= int(driven.dropped.Load())
	if len(c.unsent) == 0 {
		t.Fatal("nothing is unsent, though the socket is full")
	}
	got := make(chan int)
	go func() {
		n := 0
		for n < accepted {
			_ = server.SetReadDeadline(time.Now().Add(10 * time.Second))
			if f, err := ws.ReadFrame(server); err != nil || len(f.Payload) != 1000 {
				break
			}
			n++
		}
		got <- n
	}()
	testtime.Until(t, "all is sent", c.flush)
	if n := <-got; n != accepted {
		t.Errorf("%d of %d frames arrived", n, accepted)
	}
}

// TestServes_onlyWhatCanBeRaw: an older TLS, or one on another connection, is served by
// the portable engine.
func TestServes_onlyWhatCanBeRaw(t *testing.T) {
	low, high := net.Pipe()
	defer low.Close()
	defer high.Close()
	tcp, _ := connect(t)
	defer tcp.Close()
	if Serves(low) || Serves(tls.Client(tcp, &tls.Config{ServerName: "x"})) || !Serves(tcp) {
		t.Error("wrong")
	}
}
