package tactuscmd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/certificate"
	"tactus/internal/certificate/certtest"
	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// tlsFlags are the flags of certificates.
func tlsFlags(pairs ...certificate.Pair) (f publicTLSFlags) {
	for _, p := range pairs {
		f.certs, f.keys = append(f.certs, p.Cert), append(f.keys, p.Key)
	}
	return f
}

// https is a client that trusts an authority and speaks HTTP/2 where the port does.
func https(t *testing.T, a *certtest.Authority) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// get returns status, body and response of a GET.
func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func TestDev_playsOverTLS(t *testing.T) {
	a := certtest.NewAuthority(t)
	p := startDev(t, func(c *devConfig) { c.tls = tlsFlags(a.Issue("own", "127.0.0.1", "localhost")) })
	c := https(t, a)
	client := matchmakerv1connect.NewMatchmakerServiceClient(c, "https://"+p.public.Addr().String())
	assigned, _ := assignTo(t, client, &matchmakerv1.CreateTicketRequest{})
	if want := "wss://" + p.public.Addr().String() + protocol.Path; assigned.GetUrl() != want {
		t.Fatalf("assigned %s, want %s", assigned.GetUrl(), want)
	}
	d := ws.Dialer{Protocols: []string{protocol.Subprotocol}, Timeout: 5 * time.Second, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool()}}
	conn, buffered, _, err := d.Dial(context.Background(), assigned.GetUrl())
	if err != nil {
		t.Fatal(err)
	}
	newSocket(t, conn, buffered).enter(protocol.Hello{Token: assigned.GetJoinToken()})
	if !strings.HasPrefix(p.public.url("/"), "https://") {
		t.Errorf("the log names %s", p.public.url("/"))
	}
	if r, _ := get(t, c, "https://"+p.public.Addr().String()+"/livez"); r.ProtoMajor != 2 {
		t.Errorf("the API speaks %s, want HTTP/2", r.Proto)
	}
}

func TestPublicPort_refusesPlayOverHTTP2(t *testing.T) {
	a := certtest.NewAuthority(t)
	p := startDev(t, func(c *devConfig) { c.tls = tlsFlags(a.Issue("own", "127.0.0.1")) })
	r, body := get(t, https(t, a), "https://"+p.public.Addr().String()+protocol.Path)
	if r.ProtoMajor != 2 || r.StatusCode != http.StatusHTTPVersionNotSupported || !strings.Contains(body, "HTTP/1.1") {
		t.Errorf("%s %d %q, want HTTP/2.0 505 and a sentence about HTTP/1.1", r.Proto, r.StatusCode, body)
	}
}

func TestPublicPort_servesTLSByName(t *testing.T) {
	a := certtest.NewAuthority(t)
	pairs := []certificate.Pair{a.Issue("one", "one.example"), a.Issue("two", "two.example")}
	for _, command := range []string{"matchmaker", "server"} {
		args := anyPorts(t, command)
		for _, pair := range pairs {
			args = append(args, "--tls-cert", pair.Cert, "--tls-key", pair.Key)
		}
		p := startProcess(t, nil, args...)
		var line struct{ Addr, Page string }
		if err := json.Unmarshal([]byte(p.waitFor(" listening")), &line); err != nil {
			t.Fatal(err)
		}
		addr := line.Addr
		if page, err := url.Parse(line.Page); err == nil && page.Host != "" {
			if addr = page.Host; page.Scheme != "https" {
				t.Errorf("%s names its page %s", command, line.Page)
			}
		}
		for _, name := range []string{"one.example", "two.example"} {
			conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool(), ServerName: name})
			if err != nil {
				t.Errorf("%s as %s: %v", command, name, err)
				continue
			}
			_ = conn.Close()
		}
	}
}

func TestProgram_namesMistakesOfTLSFlags(t *testing.T) {
	a := certtest.NewAuthority(t)
	one, two := a.Issue("one", "one.example"), a.Issue("two", "two.example")
	for _, command := range []string{"dev", "matchmaker", "server"} {
		for want, args := range map[string][]string{
			"--tls-cert, --tls-key: 1 certificates and 0 keys": {"--tls-cert", one.Cert},
			"private key does not match":                       {"--tls-cert", one.Cert, "--tls-key", two.Key},
			"nowhere.pem":                                      {"--tls-cert", "nowhere.pem", "--tls-key", two.Key},
			"--tls-ticket-keys: TLS is off":                    {"--tls-ticket-keys", one.Key},
		} {
			_, err := run(append(anyPorts(t, command), args...)...)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %v: %v, want %q", command, args, err, want)
			}
		}
	}
}
