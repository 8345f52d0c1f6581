package rawtls

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"tactus/internal/testtime"
	"tactus/internal/tlstest"
)

// TestHandshakes_othersWaitForTheirTurn: a client whose hello has arrived waits while
// another handshake computes. A client that goes, or is refused, gives its place back.
func TestHandshakes_othersWaitForTheirTurn(t *testing.T) {
	certificate, roots := tlstest.Certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	h := NewHandshakes(1)
	var inside, most atomic.Int64
	first := make(chan struct{})
	cfg := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer inside.Add(-1)
		<-first
		return &certificate, nil
	}}
	h.Bound(cfg)
	const clients = 5
	var all sync.WaitGroup
	shake := func(client *tls.Config, want bool) {
		low, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		high, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		all.Go(func() {
			defer high.Close()
			_ = tls.Server(Transport(high), cfg).HandshakeContext(t.Context())
		})
		all.Go(func() {
			defer low.Close()
			if err := tls.Client(low, client).HandshakeContext(t.Context()); (err == nil) != want {
				t.Errorf("the handshake ended with %v, want success: %v", err, want)
			}
		})
	}
	good := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	for range clients {
		shake(good, true)
	}
	testtime.Until(t, "all but one client wait", func() bool { return h.waiting.Load() == clients-1 })
	close(first)
	// An older version is refused with an alert; its place is free again afterwards.
	shake(&tls.Config{RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false)
	shake(good, true)
	all.Wait()
	if n := most.Load(); n != 1 {
		t.Errorf("%d handshakes computed at the same time", n)
	}
	if len(h.places) != 0 || h.waiting.Load() != 0 {
		t.Errorf("%d places are taken, %d clients wait", len(h.places), h.waiting.Load())
	}
}
