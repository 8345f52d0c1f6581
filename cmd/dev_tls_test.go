package tactuscmd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tactus/internal/testtime"
)

// lockedBuffer is a buffer that a test reads while a process writes.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestDev_makesACertificateAndSaysHowToTrustIt(t *testing.T) {
	var out lockedBuffer
	p := startDev(t, func(c *devConfig) { c.makeTLS, c.out = true, &out })
	testtime.Until(t, "the authority is named", func() bool { return strings.Contains(out.String(), p.authority) })
	for _, want := range []string{"ca.pem", "trust", "NODE_EXTRA_CA_CERTS"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %q", want, out.String())
		}
	}
	text, err := os.ReadFile(p.authority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}}}
	defer c.CloseIdleConnections()
	r, _ := get(t, c, p.public.url("/"))
	if r.StatusCode != http.StatusOK || r.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%d, Strict-Transport-Security %q", r.StatusCode, r.Header.Get("Strict-Transport-Security"))
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		if !strings.Contains(trustCommand(system, "/x/ca.pem"), "/x/ca.pem") {
			t.Errorf("%s: %q", system, trustCommand(system, "/x/ca.pem"))
		}
	}
}
