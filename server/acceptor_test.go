package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// A client that closes its side without a hello receives a close frame, and its
// socket is released.
func TestHandshake_withoutHelloIsClosed(t *testing.T) {
	s := newTestServer(t, Config{})
	hs := httptest.NewServer(s.Handler())
	defer s.acceptor.upgrader.Wait()
	defer hs.Close()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, _, _, err := dialer.Dial(context.Background(), "ws"+hs.URL[len("http"):]+protocol.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	f, err := ws.ReadFrame(conn)
	if err != nil || f.Header.OpCode != ws.OpClose || len(f.Payload) < 2 {
		t.Fatalf("got %v, %v; want a close frame", f.Header, err)
	}
	if code := binary.BigEndian.Uint16(f.Payload); protocol.CloseCode(code) != protocol.CloseIdle {
		t.Errorf("closed with %d, want %d", code, protocol.CloseIdle)
	}
	if _, err := ws.ReadFrame(conn); !errors.Is(err, io.EOF) {
		t.Errorf("the socket is open: %v", err)
	}
}

// The socket's deadline runs on while the process is suspended.
func TestHandshake_helloIsNotLateWhileProcessStandsStill(t *testing.T) {
	s := newTestServer(t, Config{})
	s.acceptor.helloTimeout = 20 * time.Millisecond
	var asked atomic.Int64
	late := make(chan struct{})
	s.acceptor.stoodStill = func() time.Duration { // another nanosecond each time
		n := asked.Add(1)
		if n == 3 {
			close(late) // the first deadline has passed
		}
		return time.Duration(n)
	}
	hs := httptest.NewServer(s.Handler())
	defer s.acceptor.upgrader.Wait()
	defer hs.Close()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, _, _, err := dialer.Dial(context.Background(), "ws"+hs.URL[len("http"):]+protocol.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-late
	hello := protocol.AppendHello(nil, &protocol.Hello{Token: "nobody's"})
	if err := ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewBinaryFrame(hello))); err != nil {
		t.Fatal(err)
	}
	f, err := ws.ReadFrame(conn)
	if err != nil || f.Header.OpCode != ws.OpClose || len(f.Payload) < 2 {
		t.Fatalf("got %v, %v; want a close frame", f.Header, err)
	}
	if code := binary.BigEndian.Uint16(f.Payload); protocol.CloseCode(code) != protocol.CloseBadToken {
		t.Errorf("closed with %d, want %d: the hello was read", code, protocol.CloseBadToken)
	}
}

// closeCodeOf sends a hello and returns the code that the server closes with.
func closeCodeOf(t *testing.T, s *Server, hello *protocol.Hello) protocol.CloseCode {
	t.Helper()
	hs := httptest.NewServer(s.Handler())
	defer s.acceptor.upgrader.Wait()
	defer hs.Close()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+hs.URL[len("http"):]+protocol.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewBinaryFrame(protocol.AppendHello(nil, hello)))); err != nil {
		t.Fatal(err)
	}
	f, err := ws.ReadFrame(conn)
	if err != nil || f.Header.OpCode != ws.OpClose || len(f.Payload) < 2 {
		t.Fatalf("got %v, %v; want a close frame", f.Header, err)
	}
	return protocol.CloseCode(binary.BigEndian.Uint16(f.Payload))
}
