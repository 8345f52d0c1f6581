package tactuscmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log" //nolint:depguard // Pebble takes no other
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/arena"
	"tactus/internal/testtime"
)

// startNames runs a name server that knows one address for every name, and returns its
// address.
func startNames(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // Pebble asks by TCP
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		if r.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown() })
	return ln.Addr().String()
}

// acmeServer is Pebble in this process: it validates by the given ports.
type acmeServer struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler] // set once the ports are known
	ca      atomic.Pointer[ca.CAImpl]
}

func newACMEServer(t *testing.T) *acmeServer {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	a := &acmeServer{}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(a.Close)
	return a
}

func (a *acmeServer) validateAt(t *testing.T, httpPort, tlsPort int) {
	t.Helper()
	logger := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	validator := va.New(logger, httpPort, tlsPort, true, startNames(t), store)
	front := wfe.New(logger, store, validator, authority, []string{"acme.test"}, true, false, 0, 0)
	h := front.Handler()
	a.ca.Store(authority)
	a.handler.Store(&h)
}

// authority is a file with the certificate of the ACME server's own port.
func (a *acmeServer) authority(t *testing.T) string {
	t.Helper()
	return file(t, "acme-ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})))
}

// roots are the ACME server's.
func (a *acmeServer) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.ca.Load().GetRootCert(0).PEM())
	return pool
}

// port80 forwards to an address as if the request had come to port 80, where Host has no
// port.
func port80(t *testing.T, to string) int {
	t.Helper()
	s := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", to
		r.Out.Host, _, _ = net.SplitHostPort(r.In.Host)
	}})
	t.Cleanup(s.Close)
	return portOf(s.Listener.Addr())
}

func portOf(addr net.Addr) int { return addr.(*net.TCPAddr).Port }

func TestACME_obtainsCertificates(t *testing.T) {
	if testing.Short() {
		t.Skip("orders at an ACME server take seconds")
	}
	const closedPort = 1 // nothing listens there: the challenge fails
	for name, byHTTP := range map[string]bool{"tls-alpn-01": false, "http-01": true} {
		t.Run(name, func(t *testing.T) {
			a := newACMEServer(t)
			data := t.TempDir()
			open := func() *devProcess {
				cfg := devConfig{listen: "127.0.0.1:0", internal: "127.0.0.1:0", data: data, admin: adminFlags{listen: "127.0.0.1:0"}}
				cfg.tls.acme = acmeFlags{domains: []string{"Play.Game.Test."}, directory: a.URL + wfe.DirectoryPath, email: "ops@game.test", authority: a.authority(t)}
				if byHTTP {
					cfg.tls.redirect = "127.0.0.1:0"
				}
				p, err := openDev(&cfg, zap.NewNop(), []game.Game{arena.Game})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			p := open()
			httpPort, tlsPort := closedPort, portOf(p.public.Addr())
			if byHTTP {
				httpPort, tlsPort = port80(t, p.tls.redirect.Addr().String()), closedPort
			}
			a.validateAt(t, httpPort, tlsPort)
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- p.run(ctx) }()
			first := a.await(t, p)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			a.CloseClientConnections()
			again := open()
			runUntilEnd(t, again.run)
			if second := a.await(t, again); !first.Equal(second) {
				t.Error("another start obtains another certificate instead of the stored one")
			}
			for _, other := range []string{"other.game.test", ""} {
				conn, err := tls.Dial("tcp", again.public.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: other})
				if err == nil {
					_ = conn.Close()
					t.Errorf("a handshake for %q succeeds", other)
				}
			}
		})
	}
}

// await waits until the port has a certificate of the ACME server, and returns it.
func (a *acmeServer) await(t *testing.T, p *devProcess) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	testtime.Until(t, "the port has a certificate", func() bool {
		d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.roots(), ServerName: "play.game.test"}}
		conn, err := d.Dial("tcp", p.public.Addr().String())
		if err != nil {
			return false
		}
		defer conn.Close()
		leaf = conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		return true
	})
	if leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("the key is %v: a handshake costs several times as much", leaf.PublicKeyAlgorithm)
	}
	return leaf
}

func TestACME_refusesNamesItCannotServe(t *testing.T) {
	for _, domain := range []string{"localhost", "*.example.com", "192.0.2.1", "play", "https://play.example.com", ""} {
		f := acmeFlags{domains: []string{domain}}
		if _, err := f.client(t.TempDir(), zap.NewNop()); err == nil || !strings.Contains(err.Error(), "--acme-domain") {
			t.Errorf("%q: %v", domain, err)
		}
	}
}
