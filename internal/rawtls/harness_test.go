package rawtls

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"

	"tactus/internal/tlstest"
)

// ends are both ends of a TLS connection in memory.
type ends struct {
	server, client *Records
	// secrets are the lines of the client's key log.
	secrets bytes.Buffer
}

// handshake makes both ends over a socket and detaches them from it. What the server
// sent behind its handshake is in the client already.
func handshake(t testing.TB) *ends {
	t.Helper()
	e := &ends{}
	certificate, roots := tlstest.Certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	low, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer low.Close()
	high, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer high.Close()
	server := tls.Server(Transport(high), &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true,
	})
	client := tls.Client(Transport(low), &tls.Config{RootCAs: roots, ServerName: "localhost", KeyLogWriter: &e.secrets})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if e.server, err = Detach(server); err != nil {
		t.Fatal(err)
	}
	if e.client, err = Detach(client); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Records{e.server, e.client} {
		if n, err := r.Read(make([]byte, 10)); n != 0 || err != nil {
			t.Fatalf("data after the handshake: %d, %v", n, err)
		}
	}
	return e
}

// sealed returns the records of b.
func sealed(t testing.TB, r *Records, b []byte) []byte {
	t.Helper()
	records, err := r.Seal(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// receive passes bytes to one end in the way that its owner would: in place if it can.
func receive(r *Records, b []byte) (data []byte, err error) {
	if r.Resting() {
		b = bytes.Clone(b)
		n, err := r.Open(b)
		return b[:n], err
	}
	r.Feed(b)
	for {
		part := make([]byte, 100)
		n, err := r.Read(part)
		data = append(data, part[:n]...)
		if err != nil || n == 0 && !r.Buffered() {
			return data, err
		}
	}
}

// newSender makes a sender of the client's records.
func newSender(t testing.TB, e *ends) *tlstest.Sender {
	t.Helper()
	return tlstest.NewSender(t, e.secrets.String(), e.client.tls.ConnectionState().CipherSuite)
}

// wantData fails unless bytes mean just that data.
func wantData(t testing.TB, r *Records, b []byte, want string) {
	t.Helper()
	data, err := receive(r, b)
	if err != nil || string(data) != want {
		t.Fatalf("got %d bytes %.40q, %v; want %d bytes %.40q", len(data), data, err, len(want), want)
	}
}
