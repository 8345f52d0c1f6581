package tactuscmd

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"
	"go.uber.org/zap"

	"tactus/game/arena"
	"tactus/internal/origin"
	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
	"tactus/server"
)

// page is a browser's page: it was loaded from an origin, and its requests name
// its host.
type page struct {
	origin string            // "http://localhost:8080"
	dial   map[string]string // where names lead that no resolver knows, by host:port
	roots  *tls.Config
}

func (g *page) transport() http.RoundTripper {
	var d net.Dialer
	return &http.Transport{
		TLSClientConfig: g.roots,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if to := g.dial[addr]; to != "" {
				addr = to
			}
			return d.DialContext(ctx, network, addr)
		},
	}
}

// RoundTrip sends the Origin, as browsers do.
func (g *page) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Origin", g.origin)
	return g.transport().RoundTrip(r)
}

func (g *page) client() matchmakerv1connect.MatchmakerServiceClient {
	return matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: g}, g.origin)
}

// play takes the road of a browser's page and returns the play URL that it was
// told.
func (g *page) play(t *testing.T, req *matchmakerv1.CreateTicketRequest) string {
	t.Helper()
	a, _ := assignTo(t, g.client(), req)
	header := ws.HandshakeHeaderHTTP(http.Header{"Origin": {g.origin}})
	d := ws.Dialer{Protocols: []string{protocol.Subprotocol}, Header: header, TLSConfig: g.roots, NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if to := g.dial[addr]; to != "" {
			addr = to
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	conn, buffered, _, err := d.Dial(context.Background(), a.GetUrl())
	if err != nil {
		t.Fatalf("%s, told to a page from %s: %v", a.GetUrl(), g.origin, err)
	}
	newSocket(t, conn, buffered).enter(protocol.Hello{Token: a.GetJoinToken()})
	return a.GetUrl()
}

func TestDev_playsUnderEveryNameOfThePage(t *testing.T) {
	p := startDev(t, func(c *devConfig) { c.listen = "localhost:0" })
	port := strconv.Itoa(p.public.Addr().(*net.TCPAddr).Port)
	hosts := []string{"localhost", "127.0.0.1"}
	if origin.IsOwnAddress("::1") {
		hosts = append(hosts, "::1")
	}
	for _, host := range hosts {
		at := net.JoinHostPort(host, port)
		if got := (&page{origin: "http://" + at}).play(t, &matchmakerv1.CreateTicketRequest{}); got != "ws://"+at+protocol.Path {
			t.Errorf("page at %s plays at %s", at, got)
		}
	}
}

func TestDev_loopbackNamesAreOneOrigin(t *testing.T) {
	p := startDev(t, func(c *devConfig) { c.listen = "localhost:0" })
	addr := p.public.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	for from, want := range map[string]int{
		"http://localhost:" + port: http.StatusSwitchingProtocols,
		"http://[::1]:" + port:     http.StatusSwitchingProtocols,
		"http://localhost:1":       http.StatusForbidden,
		"http://evil.example:1":    http.StatusForbidden,
	} {
		if got := upgradeFrom(t, addr, from); got != want {
			t.Errorf("a page from %s: %d, want %d", from, got, want)
		}
		allowed := preflightFrom(t, addr, from)
		if (allowed == from) != (want == http.StatusSwitchingProtocols) {
			t.Errorf("a page from %s: CORS allows %q", from, allowed)
		}
	}
}

// upgradeFrom asks for a WebSocket as a page of the origin does, and returns the
// status.
func upgradeFrom(t *testing.T, addr, from string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+protocol.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": protocol.Subprotocol, "Origin": from,
	} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func preflightFrom(t *testing.T, addr, from string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodOptions, "http://"+addr+matchmakerPath+"ListGames", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", from)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("Access-Control-Allow-Origin")
}

// writes passes on what is written to it.
type writes chan string

func (w writes) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

func TestDev_lanPlaysAtOwnAddresses(t *testing.T) {
	printed := make(writes, 1)
	p := startDev(t, func(c *devConfig) { c.listen, c.lan, c.out = "localhost:0", true, printed })
	invitation := <-printed
	port := strconv.Itoa(p.public.Addr().(*net.TCPAddr).Port)
	addresses := lanAddresses()
	for _, ip := range addresses {
		at := net.JoinHostPort(ip.String(), port)
		if got := (&page{origin: "http://" + at}).play(t, &matchmakerv1.CreateTicketRequest{}); got != "ws://"+at+protocol.Path {
			t.Errorf("page at %s plays at %s", at, got)
		}
		if !strings.Contains(invitation, "http://"+at+"/") {
			t.Errorf("%s is not in the invitation:\n%s", at, invitation)
		}
		if got := upgradeFrom(t, "127.0.0.1:"+port, "http://"+at); got != http.StatusSwitchingProtocols {
			t.Errorf("a page from %s, at 127.0.0.1: %d", at, got)
		}
	}
	if want := "localhost:" + port; !strings.Contains(p.public.url("/"), want) {
		t.Errorf("the log names %s, want %s: all addresses can't be opened", p.public.url("/"), want)
	}
	if len(addresses) > 0 && !strings.Contains(invitation, "█") {
		t.Errorf("no QR code:\n%s", invitation)
	}
}

// tunnel ends TLS in front of an address and sets nothing but Host, as a tunnel
// of a hosting service does.
func tunnel(t *testing.T, host, to string) *page {
	t.Helper()
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: to})
		r.Out.Host = r.In.Host
	}}
	// Without full duplex, net/http closes the body of a request when its answer
	// begins. The proxy's transport reads the body once more after its last byte,
	// and gives up the connection, and the stream with it, if the answer was
	// faster (golang/go#40747).
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Errorf("the tunnel: %v", err)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	roots := front.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	roots.ServerName = "example.com" // of the certificate
	return &page{
		origin: "https://" + host, roots: roots,
		dial: map[string]string{host + ":443": front.Listener.Addr().String(), host: front.Listener.Addr().String()},
	}
}

func TestDev_playsThroughTunnelThatTerminatesTLS(t *testing.T) {
	p := startDev(t, nil)
	for _, host := range []string{"game.tunnel.example", "game.tunnel.example:8443"} {
		g := tunnel(t, host, p.public.Addr().String())
		if got, want := g.play(t, &matchmakerv1.CreateTicketRequest{}), "wss://"+host+protocol.Path; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
}

func TestDev_partyMembersPlayUnderTheirOwnNames(t *testing.T) {
	p := startDev(t, func(c *devConfig) { c.listen = "localhost:0" })
	local := &page{origin: p.public.url("")}
	far := tunnel(t, "game.tunnel.example", p.public.Addr().String())
	assign(t, p, &matchmakerv1.CreateTicketRequest{}) // the server has registered

	ctx := t.Context()
	made, err := local.client().CreateParty(ctx, connect.NewRequest(&matchmakerv1.CreatePartyRequest{PlayerName: "Ann"}))
	if err != nil {
		t.Fatal(err)
	}
	joined, err := far.client().JoinParty(ctx, connect.NewRequest(&matchmakerv1.JoinPartyRequest{PartyCode: made.Msg.GetPartyCode(), PlayerName: "Bob"}))
	if err != nil {
		t.Fatal(err)
	}
	member, err := far.client().WatchParty(ctx, connect.NewRequest(&matchmakerv1.WatchPartyRequest{MemberId: joined.Msg.GetMemberId()}))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	ticket, err := local.client().CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{Party: made.Msg.GetMemberId()}))
	if err != nil {
		t.Fatal(err)
	}
	for member.Msg().GetTicketId() == "" {
		if !member.Receive() {
			t.Fatalf("the party's stream ended before the search began: %v", member.Err())
		}
	}
	if got, want := watchFor(t, local.client(), ticket.Msg.GetTicketId()).GetUrl(), "ws"+strings.TrimPrefix(local.origin, "http")+protocol.Path; got != want {
		t.Errorf("the leader is told %s, want %s", got, want)
	}
	if got, want := watchFor(t, far.client(), member.Msg().GetTicketId()).GetUrl(), "wss://game.tunnel.example"+protocol.Path; got != want {
		t.Errorf("the member is told %s, want %s", got, want)
	}
}

func TestDev_invalidHostHeaderIsIgnored(t *testing.T) {
	p := startDev(t, nil)
	for _, host := range []string{"evil.example/play?", "a b", "user@evil.example", "[::1%25lo]", "evil.example:", ""} {
		forger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Host = host
			p.publicHandler.ServeHTTP(w, r)
		}))
		client := matchmakerv1connect.NewMatchmakerServiceClient(forger.Client(), forger.URL)
		if a, _ := assignTo(t, client, &matchmakerv1.CreateTicketRequest{}); a.GetUrl() != server.GuessedURL(p.public.Addr(), "") {
			t.Errorf("Host %q: told %s", host, a.GetUrl())
		}
		forger.Close()
	}
}

func TestMatchmaker_playURLKeepsPortOfLocalServer(t *testing.T) {
	for _, c := range []struct {
		name, given string
		want        string // "" stands for the guessed one with the page's host
	}{
		{name: "guessed"},
		{name: "given", given: "ws://127.0.0.1:%s/play", want: "ws://127.0.0.1:%s/play"},
	} {
		mm := startMatchmaker(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		gs, err := server.New(server.Config{
			PublicURL:   strings.ReplaceAll(c.given, "%s", port),
			Matchmakers: []string{mm.internal.Addr().String()}, ReplayDir: t.TempDir(), AllowedOrigins: []string{"*"},
		}, zap.NewNop(), arena.Game)
		if err != nil {
			t.Fatal(err)
		}
		gs.GuessPublicURL(ln.Addr(), "")
		runUntilEnd(t, gs.Host)
		runUntilEnd(t, func(ctx context.Context) error { return serve(ctx, publicServer(gs.Handler()), ln) })
		_, public, _ := net.SplitHostPort(mm.public.Addr().String())
		want := strings.ReplaceAll(c.want, "%s", port)
		if want == "" {
			want = "ws://localhost:" + port + protocol.Path
		}
		if got := (&page{origin: "http://localhost:" + public}).play(t, &matchmakerv1.CreateTicketRequest{}); got != want {
			t.Errorf("%s: told %s, want %s", c.name, got, want)
		}
	}
}

func TestOpenPublic_lanExcludesOneAddress(t *testing.T) {
	if p, err := openPublic("127.0.0.1:0", true); err == nil {
		_ = p.Close()
		t.Error("--lan with one address was taken")
	}
	for _, listen := range []string{"localhost:0", ":0", "0.0.0.0:0", "[::]:0"} {
		p, err := openPublic(listen, true)
		if err != nil {
			t.Errorf("%s: %v", listen, err)
			continue
		}
		if host, _, _ := net.SplitHostPort(p.Addr().String()); !net.ParseIP(host).IsUnspecified() {
			t.Errorf("--listen %s --lan listens on %s", listen, p.Addr())
		}
		_ = p.Close()
	}
}
