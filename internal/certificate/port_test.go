package certificate_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/certificate"
	"tactus/internal/certificate/certtest"
	"tactus/internal/testtime"
)

// shake makes a TLS connection over memory. The server writes a byte, which brings the
// client its session ticket.
func shake(server, client *tls.Config) (tls.ConnectionState, error) {
	near, far := net.Pipe()
	defer func() { _ = near.Close() }()
	served := make(chan struct{})
	go func() {
		defer close(served)
		s := tls.Server(far, server)
		_, _ = s.Write([]byte{1})
		_ = far.Close()
	}()
	c := tls.Client(near, client)
	_, err := c.Read(make([]byte, 1))
	_ = near.Close()
	<-served
	return c.ConnectionState(), err
}

// serve returns the serial number of the certificate for a name.
func served(t *testing.T, p *certificate.Port, a *certtest.Authority, name string) int64 {
	t.Helper()
	state, err := shake(p.TLSConfig(), &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool(), ServerName: name})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

func newPort(t *testing.T, cfg certificate.PortConfig) (*certificate.Port, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	p, err := certificate.NewPort(cfg, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return p, logs
}

func TestPort_choosesByName(t *testing.T) {
	a := certtest.NewAuthority(t)
	p, _ := newPort(t, certificate.PortConfig{Pairs: certificate.Pairs{
		a.Issue("one", "one.example", "127.0.0.1"), a.Issue("wild", "*.two.example"), a.Issue("three", "three.example"),
	}})
	for name, want := range map[string]int64{"one.example": 2, "eu1.two.example": 3, "three.example": 4} {
		if got := served(t, p, a, name); got != want {
			t.Errorf("%s: certificate %d, want %d", name, got, want)
		}
	}
	state, err := shake(p.TLSConfig(), &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	if err != nil || state.PeerCertificates[0].SerialNumber.Int64() != 2 {
		t.Errorf("without a name: %v, want the first certificate", err)
	}
	if _, err := shake(p.TLSConfig(), &tls.Config{MaxVersion: tls.VersionTLS12, RootCAs: a.Pool(), ServerName: "one.example"}); err == nil {
		t.Error("TLS 1.2 is accepted")
	}
}

func TestPort_followsItsFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := certtest.NewAuthority(t)
		end := time.Now().Add(30 * 24 * time.Hour)
		pair := a.IssueUntil(end, "cert", "a.example")
		p, logs := newPort(t, certificate.PortConfig{Pairs: certificate.Pairs{pair}})
		good, err := os.ReadFile(pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name   string
			change func()
			want   int64
			log    string
		}{
			{"renewed", func() { a.IssueUntil(end, "cert", "a.example") }, 3, "TLS files reloaded"},
			{"a key that does not fit", func() { _ = os.WriteFile(pair.Key, good, 0o600) }, 3, "changed TLS files not usable, keeping the old ones"},
			{"no key", func() { _ = os.Remove(pair.Key) }, 3, "changed TLS files not usable, keeping the old ones"},
			{"soon to expire", func() { a.IssueUntil(time.Now().Add(48*time.Hour), "cert", "a.example") }, 4, "certificate expires"},
		} {
			logs.TakeAll()
			step.change()
			if got := served(t, p, a, "a.example"); step.want != got && got != step.want-1 {
				t.Errorf("%s, within a second: certificate %d", step.name, got)
			}
			for range 3 {
				testtime.Sleep(time.Second)
				if got := served(t, p, a, "a.example"); got != step.want {
					t.Errorf("%s: certificate %d, want %d", step.name, got, step.want)
				}
			}
			if n := logs.FilterMessage(step.log).Len(); n != 1 {
				t.Errorf("%s: %d lines of %q, want 1: %v", step.name, n, step.log, logs.All())
			}
		}
	})
}

// writeKeys writes ticket keys, of which each is a digit.
func writeKeys(t *testing.T, path string, digits ...string) {
	t.Helper()
	text := "# newest first\n\n"
	for _, d := range digits {
		text += strings.Repeat(d, 64) + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPort_ticketKeysAreSharedAndFollowTheirFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := certtest.NewAuthority(t)
		pairs := certificate.Pairs{a.Issue("cert", "a.example")}
		keys := filepath.Join(t.TempDir(), "keys")
		writeKeys(t, keys, "1")
		first, _ := newPort(t, certificate.PortConfig{Pairs: pairs, TicketKeys: keys})
		second, _ := newPort(t, certificate.PortConfig{Pairs: pairs, TicketKeys: keys})
		alone, _ := newPort(t, certificate.PortConfig{Pairs: pairs})
		client := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool(), ServerName: "a.example", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		resumes := func(step string, server *tls.Config, want bool) {
			t.Helper()
			state, err := shake(server, client)
			if err != nil || state.DidResume != want {
				t.Errorf("%s: resumed %v (%v), want %v", step, state.DidResume, err, want)
			}
		}
		resumes("first connection", first.TLSConfig(), false)
		resumes("same process", first.TLSConfig(), true)
		resumes("copy of the configuration", first.TLSConfig().Clone(), true)
		resumes("other process, same keys", second.TLSConfig(), true)
		resumes("process with keys of its own", alone.TLSConfig(), false)
		resumes("the same again", alone.TLSConfig(), true)
		resumes("back", first.TLSConfig(), false)
		writeKeys(t, keys, "2", "1")
		testtime.Sleep(time.Second)
		resumes("old key behind the new one", second.TLSConfig(), true)
		writeKeys(t, keys, "2")
		testtime.Sleep(time.Second)
		resumes("old key removed, ticket by the new one", second.TLSConfig(), true)
		writeKeys(t, keys, "3")
		testtime.Sleep(time.Second)
		resumes("all keys changed", second.TLSConfig(), false)
	})
}

func TestLoadTicketKeys_refusesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for text, want := range map[string]string{
		"":                                    "no ticket key",
		"# nothing":                           "no ticket key",
		"0123":                                "line 1",
		strings.Repeat("ab", 32) + "\nsecret": "line 2",
		strings.Repeat(strings.Repeat("ab", 32)+"\n", 17): "more than",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := certificate.LoadTicketKeys(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := os.WriteFile(path, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := certificate.LoadTicketKeys(path); err != nil || len(keys) != 1 {
		t.Errorf("base64: %v, %v", keys, err)
	}
}

func TestPort_issuesForOtherNames(t *testing.T) {
	a := certtest.NewAuthority(t)
	issued, err := certificate.Pairs{a.Issue("issued", "acme.example")}.Load()
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("not this name")
	p, _ := newPort(t, certificate.PortConfig{
		Pairs: certificate.Pairs{a.Issue("file", "file.example")}, ChallengeProtocol: "acme-tls/1",
		Issue: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "other.example" {
				return nil, refused
			}
			return &issued[0], nil
		},
	})
	for name, want := range map[string]int64{"file.example": 3, "acme.example": 2} {
		if got := served(t, p, a, name); got != want {
			t.Errorf("%s: certificate %d, want %d", name, got, want)
		}
	}
	client := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, ServerName: "file.example", NextProtos: []string{"acme-tls/1"}}
	state, err := shake(p.TLSConfig(), client)
	if err != nil || state.NegotiatedProtocol != "acme-tls/1" || state.PeerCertificates[0].SerialNumber.Int64() != 2 {
		t.Errorf("the challenge got %q, certificate %v (%v)", state.NegotiatedProtocol, state.PeerCertificates[0].SerialNumber, err)
	}
	client.ServerName, client.NextProtos = "other.example", nil
	if _, err := shake(p.TLSConfig(), client); err == nil {
		t.Error("a name that is not issued got a certificate")
	}
}

func TestNewPort_namesMistakes(t *testing.T) {
	a := certtest.NewAuthority(t)
	good := a.Issue("good", "a.example")
	other := a.Issue("other", "a.example")
	for name, c := range map[string]struct {
		cfg  certificate.PortConfig
		want string
	}{
		"nothing":          {certificate.PortConfig{}, "needs a certificate"},
		"missing file":     {certificate.PortConfig{Pairs: certificate.Pairs{{Cert: "nowhere.pem", Key: good.Key}}}, "nowhere.pem"},
		"key of another":   {certificate.PortConfig{Pairs: certificate.Pairs{good, {Cert: good.Cert, Key: other.Key}}}, "other.key"},
		"no ticket keys":   {certificate.PortConfig{Pairs: certificate.Pairs{good}, TicketKeys: good.Cert}, "line 1"},
		"ticket keys gone": {certificate.PortConfig{Pairs: certificate.Pairs{good}, TicketKeys: "nowhere"}, "nowhere"},
	} {
		if _, err := certificate.NewPort(c.cfg, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, lists := range [][2][]string{{{"a"}, nil}, {{"a"}, {"b", "c"}}, {{"a", ""}, {"b", "c"}}} {
		if _, err := certificate.NewPairs(lists[0], lists[1]); err == nil {
			t.Errorf("certificates %q with keys %q are accepted", lists[0], lists[1])
		}
	}
}
