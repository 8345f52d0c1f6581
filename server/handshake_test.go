package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// TestWhoSaysNoHelloIsClosed: a client that gives up on speaking is told so, and
// its socket is let go.
func TestWhoSaysNoHelloIsClosed(t *testing.T) {
	s := newTestServer(t, Config{})
	hs := httptest.NewServer(s.Handler())
	defer s.upgrader.Wait()
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
