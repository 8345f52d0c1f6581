package publicport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"tactus/internal/tlstest"
	"tactus/internal/ws"
	"tactus/protocol"
)

// TestPort_servesTLSOnDescriptors: below the limits and TLS of a port a WebSocket is
// still served at ticks: only then its kernel's round trips are known.
func TestPort_servesTLSOnDescriptors(t *testing.T) {
	certificate, roots := tlstest.Certificate(t)
	port, err := New(Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var upgrader ws.Upgrader
	upgraded := make(chan *ws.Pending, 1)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- port.Serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := upgrader.Upgrade(w, r)
			if err != nil {
				t.Error(err)
				return
			}
			upgraded <- p
		}))
	}()
	dialer := gobwas.Dialer{
		Protocols: []string{protocol.Subprotocol}, Timeout: 10 * time.Second,
		TLSConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"},
	}
	client, _, _, err := dialer.Dial(ctx, "wss://"+listener.Addr().String()+"/play")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (<-upgraded).Conn()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, raw := conn.RoundTrip(); !raw {
		t.Error("the connection is not served on its descriptor")
	}
	conn.Close(protocol.CloseRestart, "")
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	upgrader.Wait()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
