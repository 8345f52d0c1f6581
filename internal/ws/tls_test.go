package ws

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

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
