package wstest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"tactus/internal/ws"
	"tactus/protocol"
)

// patience bounds waits for what must happen; tests that pass never reach it.
const patience = 10 * time.Second

// Listener accepts connections on loopback. Not safe for concurrent use; owned by
// the test.
type Listener struct {
	tb       testing.TB
	server   *httptest.Server
	upgraded chan *ws.Pending
}

// Listen starts a listener whose connections u upgrades. It is closed when the test
// ends.
func Listen(tb testing.TB, u *ws.Upgrader) *Listener {
	tb.Helper()
	l := &Listener{tb: tb, upgraded: make(chan *ws.Pending, 1)}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, err := u.Upgrade(w, r); err == nil {
			l.upgraded <- p
		}
	}))
	tb.Cleanup(func() {
		l.server.Close()
		u.Wait()
	})
	return l
}

// Dial connects a client. It returns the server's end, as a match gets it, and the
// client's socket, which is closed when the test ends.
func (l *Listener) Dial() (*ws.Conn, net.Conn) {
	l.tb.Helper()
	dialer := gobwas.Dialer{Protocols: []string{protocol.Subprotocol}, Timeout: patience}
	client, early, _, err := dialer.Dial(l.tb.Context(), "ws"+l.server.URL[len("http"):])
	if err != nil || early != nil {
		l.tb.Fatal("bytes right behind the handshake:", early != nil, err)
	}
	l.tb.Cleanup(func() { _ = client.Close() })
	var p *ws.Pending
	select {
	case p = <-l.upgraded:
	case <-time.After(patience):
		l.tb.Fatal("the connection was not upgraded")
	}
	server, err := p.Conn()
	if err != nil {
		l.tb.Fatal(err)
	}
	return server, client
}
