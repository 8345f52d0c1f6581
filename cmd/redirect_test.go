package tactuscmd

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/internal/certificate/certtest"
	"tactus/protocol"
)

func TestRedirect_leadsToTheSameHost(t *testing.T) {
	for _, c := range []struct {
		port         int
		host, target string
		want         string // empty: refused
	}{
		{443, "play.example.com", "/", "https://play.example.com/"},
		{443, "play.example.com:80", "/a%2Fb?code=1&x=%20", "https://play.example.com/a%2Fb?code=1&x=%20"},
		{8443, "Play.example.com", "/play", "https://play.example.com:8443/play"},
		{443, "[2001:db8::1]:80", "/", "https://[2001:db8::1]/"},
		{8443, "[2001:db8::1]", "/", "https://[2001:db8::1]:8443/"},
		{443, "play.example.com", "//evil.example/", "https://play.example.com//evil.example/"},
		{443, "evil.example/x", "/", ""},
		{443, "user@evil.example", "/", ""},
		{443, "", "/", ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		target, err := r.URL.Parse("http://x" + c.target)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.Host = target, c.host
		w := httptest.NewRecorder()
		redirectTo(&net.TCPAddr{Port: c.port}).ServeHTTP(w, r)
		switch got := w.Header().Get("Location"); {
		case c.want == "" && w.Code != http.StatusBadRequest:
			t.Errorf("Host %q: %d to %q, want a refusal", c.host, w.Code, got)
		case c.want != "" && (w.Code != http.StatusPermanentRedirect || got != c.want):
			t.Errorf("Host %q: %d to %q, want %q", c.host, w.Code, got, c.want)
		}
	}
}

func TestDev_redirectsAndSendsHSTS(t *testing.T) {
	a := certtest.NewAuthority(t)
	p := startDev(t, func(c *devConfig) {
		c.tls = tlsFlags(a.Issue("own", "127.0.0.1", "play.example.com"))
		c.tls.redirect, c.tls.hsts = "127.0.0.1:0", 48*time.Hour
	})
	c := https(t, a)
	r, _ := get(t, c, "http://"+p.tls.redirect.Addr().String()+"/livez?x=1")
	if want := "https://" + p.public.Addr().String() + "/livez?x=1"; r.Request.URL.String() != want || r.StatusCode != http.StatusOK {
		t.Errorf("%d at %s, want %s", r.StatusCode, r.Request.URL, want)
	}
	if got := r.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("an IP address gets Strict-Transport-Security %q", got)
	}
	req, err := http.NewRequest(http.MethodGet, "https://"+p.public.Addr().String()+protocol.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "play.example.com"
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got := res.Header.Get("Strict-Transport-Security"); got != "max-age=172800" {
		t.Errorf("Strict-Transport-Security %q", got)
	}
}

func TestProgram_refusesHSTSThatCannotHold(t *testing.T) {
	a := certtest.NewAuthority(t)
	local := a.Issue("local", "localhost", "127.0.0.1")
	for want, args := range map[string][]string{
		"--hsts: TLS is off":               {"--hsts", "24h"},
		"--redirect-listen: TLS is off":    {"--redirect-listen", "127.0.0.1:0"},
		"no certificate names a public":    {"--hsts", "24h", "--tls-cert", local.Cert, "--tls-key", local.Key},
		"want at least 0s":                 {"--hsts", "-1s", "--tls-cert", local.Cert, "--tls-key", local.Key},
		"--acme-email needs --acme-domain": {"--acme-email", "ops@example.com"},
		"--tls makes a certificate for":    {"--tls", "--hsts", "24h"},
	} {
		_, err := run(append(anyPorts(t, "dev"), args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	wildcard := a.Issue("wild", "*.example.com")
	f := tlsFlags(wildcard)
	f.hsts = time.Hour
	if _, err := f.open(t.TempDir(), zap.NewNop()); err != nil {
		t.Errorf("a wildcard is refused: %v", err)
	}
}
