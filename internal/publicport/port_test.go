package publicport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// testPatience bounds waits for what must happen; tests that pass never reach it.
const testPatience = 20 * time.Second

func tcpAddr(a netip.AddrPort) *net.TCPAddr { return net.TCPAddrFromAddrPort(a) }

// serve serves what each request's client is, and returns the port's address.
func serve(t *testing.T, cfg Config) string {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- p.Serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _ := ClientOf(r.Context())
			fmt.Fprintf(w, "%s exempt=%v proxied=%v secure=%v host=%s", c.Addr, c.Exempt, c.Proxied, c.Secure, r.Host)
		}))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// dial connects from an address of loopback.
func dial(t *testing.T, to, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: tcpAddr(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Timeout: testPatience}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(testPatience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a request behind what is sent first, and returns the answer, or the error.
func ask(c net.Conn, first, headers string) string {
	for part := range strings.SplitSeq(first+"|GET / HTTP/1.1\r\nHost: game.example\r\n"+headers+"\r\n", "|") {
		if _, err := io.WriteString(c, part); err != nil {
			return "closed"
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "closed"
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(body)))
}

func TestPort_believesTrustedProxiesOnly(t *testing.T) {
	header := version2(t, proxyproto.PROXY, proxyproto.TCPv6, "[2001:db8::1]:5")
	behind := version2(t, proxyproto.PROXY, proxyproto.TCPv4, "127.0.0.3:5")
	local := version2(t, proxyproto.LOCAL, proxyproto.UNSPEC, "")
	trusting := Config{Proxies: Proxies{Trusted: []string{"127.0.0.2", "127.0.0.3"}}, Limits: Limits{Exempt: []string{"127.0.0.0/8"}}}
	requiring := trusting
	requiring.Proxies.Protocol = true
	hops := Config{Proxies: Proxies{Hops: 1}}
	for name, tt := range map[string]struct {
		cfg                  Config
		from, first, headers string
		want                 string
	}{
		"direct":                {trusting, "127.0.0.9", "", "", "200 127.0.0.9 exempt=true proxied=false secure=false host=game.example"},
		"forged by a client":    {trusting, "127.0.0.9", "", "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n", "200 127.0.0.9 exempt=false proxied=false secure=false host=game.example"},
		"by a proxy":            {trusting, "127.0.0.2", "", "X-Forwarded-For: 127.0.0.1, 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: play.example\r\n", "200 203.0.113.7 exempt=false proxied=true secure=true host=play.example"},
		"forged loopback":       {trusting, "127.0.0.2", "", "X-Forwarded-For: 127.0.0.1\r\n", "200 127.0.0.1 exempt=false proxied=true secure=false host=game.example"},
		"hops":                  {hops, "127.0.0.9", "", "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n", "200 203.0.113.7 exempt=false proxied=true secure=false host=game.example"},
		"PROXY":                 {requiring, "127.0.0.2", header, "", "200 2001:db8::1 exempt=false proxied=true secure=false host=game.example"},
		"PROXY cut in two":      {requiring, "127.0.0.2", header[:9] + "|" + header[9:], "", "200 2001:db8::1 exempt=false proxied=true secure=false host=game.example"},
		"PROXY, then forwarded": {requiring, "127.0.0.2", behind, "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n", "200 203.0.113.7 exempt=false proxied=true secure=false host=game.example"},
		"PROXY of a client that forges": {
			requiring, "127.0.0.2", header, "X-Forwarded-For: 127.0.0.1\r\n", "200 2001:db8::1 exempt=false proxied=true secure=false host=game.example",
		},
		"health check":              {requiring, "127.0.0.2", local, "", "200 127.0.0.2 exempt=true proxied=false secure=false host=game.example"},
		"PROXY missing":             {requiring, "127.0.0.2", "", "", "closed"},
		"PROXY of a stranger":       {requiring, "127.0.0.9", header, "", "closed"},
		"PROXY that is not allowed": {trusting, "127.0.0.2", "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n", "", "400 400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(dial(t, serve(t, tt.cfg), tt.from), tt.first, tt.headers); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPort_warnsOnceOfAProxyThatIsNotTrusted(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	at := serve(t, Config{Log: zap.New(core)})
	for range 3 {
		ask(dial(t, at, "127.0.0.1"), "", "X-Forwarded-For: 203.0.113.7\r\n")
	}
	if n := logs.FilterMessageSnippet("X-Forwarded-For").Len(); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestPort_silentSocketsKeepNobodyOut(t *testing.T) {
	at := serve(t, Config{Descriptors: 10_000, Limits: Limits{Connections: 200}})
	sockets := 300
	var first net.Conn
	for i := range sockets {
		c := dial(t, at, "127.0.0.1")
		if i == 0 {
			first = c
		}
	}
	if got := ask(dial(t, at, "127.0.0.1"), "", ""); !strings.HasPrefix(got, "200 ") {
		t.Errorf("beside %d silent sockets: %s", sockets, got)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the oldest silent socket is still open")
	}
}

func TestPort_refusesWithRetryAfter(t *testing.T) {
	at := serve(t, Config{Limits: Limits{Connections: 2}})
	for range 2 {
		if got := ask(dial(t, at, "127.0.0.1"), "", ""); !strings.HasPrefix(got, "200 ") {
			t.Fatal(got)
		}
	}
	c := dial(t, at, "127.0.0.1")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	if got := ask(dial(t, at, "127.0.0.2"), "", ""); !strings.HasPrefix(got, "200 ") {
		t.Errorf("another address: %s", got)
	}
}

func TestPort_clientsOfAProxyHaveLimitsOfTheirOwn(t *testing.T) {
	at := serve(t, Config{Proxies: Proxies{Trusted: []string{"127.0.0.1"}}, Limits: Limits{Connections: 1}})
	upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: "
	for i, tt := range []struct{ client, want string }{
		{"203.0.113.1", "200 "}, {"203.0.113.1", "429 "}, {"203.0.113.2", "200 "}, {"203.0.113.3", "200 "},
	} {
		if got := ask(dial(t, at, "127.0.0.1"), "", upgrade+tt.client+"\r\n"); !strings.HasPrefix(got, tt.want) {
			t.Errorf("number %d, of %s: %s, want %s", i+1, tt.client, got, tt.want)
		}
	}
}

func TestDescriptors_leaveFilesForTheProcess(t *testing.T) {
	for files, want := range map[int]int{64: 36, 1024: 576, 20_000: 16_864, 1 << 20: 1<<20 - ownFiles - maxPending} {
		if got := playersOf(files); got != want {
			t.Errorf("%d files: %d players, want %d", files, got, want)
		}
	}
	for _, players := range []int{10, 500, 20_000} {
		if files := FilesFor(players); playersOf(files) < players {
			t.Errorf("%d files for %d players are enough for %d", files, players, playersOf(files))
		}
	}
}
