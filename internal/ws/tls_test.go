package ws

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tactus/internal/tlstest"
	"tactus/protocol"
)

func TestUpgrader_tlsUsesPortableStream(t *testing.T) {
	r := unstartedHarness(t, &Upgrader{})
	r.server.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(r.server.Certificate())
	nc, err := tls.Dial("tcp", r.server.Listener.Addr().String(), &tls.Config{
		RootCAs: roots, ServerName: "example.com", NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		t.Fatal(err)
	}
	cl := upgrade(t, nc, binaryFrame("hello"))
	c := r.conn()
	if _, portable := c.stream.(*portableStream); !portable {
		t.Fatalf("stream is %T", c.stream)
	}
	var got inbox
	if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 1 }); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, got.messages, "hello")
	for i := range 50 {
		writeUntilTaken(t, c, serverFrame(numbered(i)))
	}
	for i := range 50 {
		if _, payload := cl.frame(); string(payload) != string(numbered(i)) {
			t.Fatalf("frame %d is %q", i, payload)
		}
	}
	c.Close(protocol.CloseDraining, "going")
	if code, reason := cl.closed(); code != protocol.CloseDraining || reason != "going" {
		t.Errorf("closed with %d %q", code, reason)
	}
}

// TestTLSListener_needsTLS13: older versions have records of other kinds, and
// renegotiation.
func TestTLSListener_needsTLS13(t *testing.T) {
	r := newTLSHarness(t, &Upgrader{})
	old := r.dialTLS.Clone()
	old.MaxVersion = tls.VersionTLS12
	if nc, err := tls.Dial("tcp", r.server.Listener.Addr().String(), old); err == nil {
		_ = nc.Close()
		t.Error("TLS 1.2 was accepted")
	}
}

// TestPending_observesDeadlineOverTLS: a passed deadline does not end the connection.
func TestPending_observesDeadlineOverTLS(t *testing.T) {
	r := newTLSHarness(t, &Upgrader{})
	cl := r.dial()
	p := r.pending()
	for range 3 {
		if _, err := p.ReadMessage(time.Now().Add(-time.Second)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v, want a passed deadline", err)
		}
	}
	cl.send(binaryFrame("hello"))
	if hello, err := p.ReadMessage(time.Now().Add(patience)); err != nil || string(hello) != "hello" {
		t.Fatalf("got %q, %v", hello, err)
	}
	p.Close(protocol.CloseIdle, "late")
	if code, reason := cl.closed(); code != protocol.CloseIdle || reason != "late" {
		t.Errorf("closed with %d %q", code, reason)
	}
}

// TestTLSListener_endsSilentHandshakes: net/http bounds them by its timeout for headers.
func TestTLSListener_endsSilentHandshakes(t *testing.T) {
	r := unstartedHarness(t, &Upgrader{})
	r.server.Config.ReadHeaderTimeout = time.Millisecond
	certificate, _ := tlstest.Certificate(t)
	r.server.Listener = NewTLSListener(r.server.Listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	r.server.Start()
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a silent connection stays")
	}
}

// TestUpgrader_refusesHTTP2: a connection of HTTP/2 can't be taken over. Browsers open
// one of HTTP/1.1, since the server does not offer RFC 8441; others get a sentence.
func TestUpgrader_refusesHTTP2(t *testing.T) {
	r := unstartedHarness(t, &Upgrader{})
	certificate, roots := tlstest.Certificate(t)
	r.server.Listener = NewTLSListener(r.server.Listener, &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"},
	})
	r.server.Start()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+r.server.Listener.Addr().String()+"/play", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.ProtoMajor != 2 || answer.StatusCode != http.StatusHTTPVersionNotSupported ||
		!strings.Contains(string(text), "needs HTTP/1.1") {
		t.Errorf("%s %s: %q, %v", answer.Proto, answer.Status, text, err)
	}
}
