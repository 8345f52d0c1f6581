package tactuscmd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tactus/internal/certificate"
	"tactus/internal/certificate/certtest"
)

// check runs a command with --check and returns the problems, none if it prints ok.
func check(t *testing.T, args ...string) []string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	out, err := run(append(args, "--check", "--data", data)...)
	if _, missing := os.Stat(data); missing == nil {
		t.Errorf("%q: the check made the data folder", args)
	}
	if out == "ok\n" && err == nil {
		return nil
	}
	if !errors.Is(err, errFailed) {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return strings.Split(strings.TrimSpace(out), "\n")
}

// wantProblems checks that exactly these problems are found, each by a part of its text.
func wantProblems(t *testing.T, got []string, want ...string) {
	t.Helper()
	found := len(got) == len(want)
	for i := 0; found && i < len(want); i++ {
		found = strings.Contains(got[i], want[i])
	}
	if !found {
		t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// closedAddress is an address at which nothing listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestServerCheck_findsProblems(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a := certtest.NewAuthority(t)
	good := a.IssueUntil(time.Now().Add(30*24*time.Hour), "good", "*.example.com")
	soon := a.IssueUntil(time.Now().Add(time.Hour), "soon", "eu1.example.com")
	past := a.IssueUntil(time.Now().Add(-time.Minute), "past", "eu1.example.com")
	withTLS := func(p certificate.Pair, args ...string) []string {
		return append([]string{"--tls-cert", p.Cert, "--tls-key", p.Key}, args...)
	}
	const open, url = "0.0.0.0:8081", "wss://eu1.example.com/play"
	for name, tt := range map[string]struct{ args, want []string }{
		"loopback":        {nil, nil},
		"TLS":             {withTLS(good, "--listen", open, "--public-url", url), nil},
		"proxy":           {[]string{"--listen", open, "--public-url", url, "--trusted-proxy", "10.0.0.0/8"}, nil},
		"plain":           {[]string{"--listen", open}, []string{"without TLS", "--public-url is not set"}},
		"ends soon":       {withTLS(soon, "--public-url", url), []string{"within 7 days"}},
		"ended":           {withTLS(past, "--public-url", url), []string{"ended at"}},
		"other name":      {withTLS(good, "--public-url", "wss://example.org/play"), []string{"valid for example.org"}},
		"no such file":    {[]string{"--tls-cert", "none.pem", "--tls-key", "none.key"}, []string{"none.pem"}},
		"ws over TLS":     {withTLS(good, "--public-url", "ws://eu1.example.com/play"), []string{"want wss://"}},
		"ws in public":    {[]string{"--public-url", "ws://eu1.example.com/play"}, []string{"browsers block it"}},
		"wss without TLS": {[]string{"--public-url", url}, []string{"the port has no TLS"}},
		"no URL":          {[]string{"--public-url", "ftp://x"}, []string{"--public-url"}},
		"admin":           {[]string{"--admin", "0.0.0.0:8092"}, []string{"--admin-token"}},
		"hsts":            {[]string{"--hsts", "1h"}, []string{"--hsts"}},
		"files":           {[]string{"--max-players", "100000000"}, []string{"LimitNOFILE"}},
		"away":            {[]string{"--matchmaker", closedAddress(t)}, []string{"running matchmaker"}},
		"level":           {[]string{"--log-level", "loud"}, []string{"--log-level"}},
		"several":         {[]string{"--option", "x", "--admin", "none", "--limit-exempt", "x"}, []string{"exempt", "--option", "--admin"}},
		"no such setting": {[]string{"--config", writeFile(t, "tactus.yaml", "server: {nonsense: 1}\n")}, []string{"nonsense"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"server", "--max-players", "1", "--matchmaker", ln.Addr().String()}, tt.args...)
			if name == "away" {
				args = append([]string{"server", "--max-players", "1"}, tt.args...)
			}
			wantProblems(t, check(t, args...), tt.want...)
		})
	}
}

func TestServerCheck_verifiesMatchmakers(t *testing.T) {
	a, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	p := startDev(t, func(c *devConfig) { c.tls = tlsFlags(a.Issue("own", "127.0.0.1")) })
	args := []string{"server", "--max-players", "1", "--matchmaker", p.public.Addr().String()}
	wantProblems(t, check(t, append(args, "--matchmaker-ca", a.CA)...))
	wantProblems(t, check(t, append(args, "--matchmaker-ca", other.CA)...), "certificate")
}

func TestMatchmakerCheck_findsProblems(t *testing.T) {
	a := certtest.NewAuthority(t)
	soon := a.Issue("soon", "play.example.com")
	for name, tt := range map[string]struct{ args, want []string }{
		"loopback":    {nil, nil},
		"proxy":       {[]string{"--listen", "0.0.0.0:8080", "--trusted-proxy", "private", "--origin", "https://play.example.com"}, nil},
		"plain":       {[]string{"--listen", "0.0.0.0:8080"}, []string{"without TLS", "--origin is not set"}},
		"ends soon":   {[]string{"--tls-cert", soon.Cert, "--tls-key", soon.Key}, []string{"within 7 days"}},
		"internal":    {[]string{"--internal", "0.0.0.0:8090"}, []string{"--internal-insecure"}},
		"only warns":  {[]string{"--internal", "0.0.0.0:8090", "--roles", "warn"}, []string{"--internal-insecure"}},
		"certificate": {[]string{"--internal-tls-ca", a.CA, "--internal-tls-cert", soon.Cert, "--internal-tls-key", soon.Key}, []string{"--internal-tls-cert"}},
		"no NATS":     {[]string{"--nats", "nats://" + closedAddress(t)}, []string{"NATS"}},
		"rules":       {[]string{"--rules", "/nonexistent/rules.yaml"}, []string{"/nonexistent/rules.yaml"}},
		"identity":    {[]string{"--no-guests"}, []string{"--jwks"}},
		"roles":       {[]string{"--roles", "some"}, []string{"--roles"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblems(t, check(t, append([]string{"matchmaker"}, tt.args...)...), tt.want...)
		})
	}
}

func TestChecks_clock(t *testing.T) {
	c := &checks{now: time.Unix(0, 0)}
	c.clock()
	if len(c.problems) != 1 {
		t.Errorf("a clock of 1970: %q", c.problems)
	}
}

func TestServerCheck_namesTheSource(t *testing.T) {
	t.Setenv("TACTUS_ADMIN", "0.0.0.0:8092")
	got := check(t, "server", "--max-players", "1", "--matchmaker", closedAddress(t))
	wantProblems(t, got, "--admin is from TACTUS_ADMIN", "--matchmaker")
}
