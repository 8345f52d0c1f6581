package ws

import (
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"tactus/internal/rawtls"
	"tactus/internal/tlstest"
	"tactus/protocol"
)

// bundler is a client's socket that sends nothing before flush.
type bundler struct {
	net.Conn
	b     []byte
	holds bool
}

func (b *bundler) Write(p []byte) (int, error) {
	if !b.holds {
		return b.Conn.Write(p)
	}
	b.b = append(b.b, p...)
	return len(p), nil
}

// TestUpgrader_keepsRecordsAfterHandshake: what the TLS layer has read ahead with the
// hello is in no socket. The connection can't be parked until it is read.
func TestUpgrader_keepsRecordsAfterHandshake(t *testing.T) {
	r := newTLSHarness(t, &Upgrader{})
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	low := &bundler{Conn: nc}
	cl := upgrade(t, tls.Client(low, r.dialTLS), nil)
	low.holds = true
	for _, frame := range []string{"hello", "first", "second", "third"} {
		cl.send(binaryFrame(frame))
	}
	sent := len(low.b) - 5 // within the last record
	p := r.pending()
	if _, err := nc.Write(low.b[:sent]); err != nil {
		t.Fatal(err)
	}
	if hello, err := p.ReadMessage(time.Now().Add(patience)); err != nil || string(hello) != "hello" {
		t.Fatalf("got %q, %v", hello, err)
	}
	c, err := p.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(1000, "")
	poller := newTestPoller(t)
	if poller.Park(c, 1) {
		t.Fatal("parked with messages inside")
	}
	var got inbox
	if err := read(c, 1, &got); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, got.messages, "first", "second")
	if !poller.Park(c, 1) {
		t.Fatal("not parked")
	}
	if _, err := nc.Write(low.b[sent:]); err != nil {
		t.Fatal(err)
	}
	readyKeys(t, poller, 1)
	if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 3 }); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, got.messages, "first", "second", "third")
}

// TestPoller_parksTLSBetweenRecords: a part of a record is kept outside TLS, so that the
// socket reports the rest of it.
func TestPoller_parksTLSBetweenRecords(t *testing.T) {
	c, client, peer := securePair(t)
	poller := newTestPoller(t)
	frames := bytes.Repeat(binaryFrame(strings.Repeat("x", 4000)), 4)
	wire, err := client.Seal(nil, frames)
	if err != nil || len(wire) != len(frames)+rawtls.Overhead {
		t.Fatal(len(wire), err)
	}
	h := &counter{}
	sendRaw(t, peer, wire[:9000])
	for range 3 {
		if err := read(c, 1, h); err != nil {
			t.Fatal(err)
		}
	}
	if h.n != 0 || !poller.Park(c, 1) {
		t.Fatalf("%d messages of half a record, or not parked", h.n)
	}
	sendRaw(t, peer, wire[9000:])
	readyKeys(t, poller, 1)
	if err := pollUntil(t, c, h, func() bool { return h.n == 4 }); err != nil {
		t.Fatal(err)
	}
	if !poller.Park(c, 1) {
		t.Error("not parked after everything was read")
	}
}

// TestUpgrader_closesWrappersLast: a listener's wrapper, which may count connections, is
// closed when the connection has ended, not when it is handed over.
func TestUpgrader_closesWrappersLast(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := unstartedHarness(t, &Upgrader{})
		wrapping := &wrappingListener{Listener: r.server.Listener, closed: make(chan struct{}, 1)}
		r.server.Listener = wrapping
		if secure {
			certificate, roots := tlstest.Certificate(t)
			r.server.Listener = NewTLSListener(wrapping, &tls.Config{Certificates: []tls.Certificate{certificate}})
			r.dialTLS = &tls.Config{RootCAs: roots, ServerName: "localhost"}
		}
		r.server.Start()
		cl := r.dial()
		c := r.conn()
		if c.fd < 0 || (c.records != nil) != secure {
			t.Fatalf("stream is %T", c.stream)
		}
		writeUntilTaken(t, c, serverFrame([]byte("snapshot")))
		if _, payload := cl.frame(); string(payload) != "snapshot" {
			t.Fatalf("got %q", payload)
		}
		if len(wrapping.closed) > 0 {
			t.Error("closed with the hand-over")
		}
		c.Close(protocol.CloseRestart, "")
		_ = cl.conn.Close()
		select {
		case <-wrapping.closed:
		case <-time.After(patience):
			t.Error("never closed")
		}
	}
}

type wrappingListener struct {
	net.Listener
	closed chan struct{}
}

func (l *wrappingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wrapped{Conn: c, closed: l.closed}, nil
}

type wrapped struct {
	net.Conn
	closed chan struct{}
}

func (w *wrapped) Detach() (*net.TCPConn, func()) {
	return w.Conn.(*net.TCPConn), func() { w.closed <- struct{}{} }
}
