package adminport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/audit"
)

// guard is a guard in front of a handler that answers who has called.
func guard(t *testing.T, operators, readers string) (*Guard, *observer.ObservedLogs) {
	t.Helper()
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := ParseTokens(operators, Operate)
	if err != nil {
		t.Fatal(err)
	}
	more, err := ParseTokens(readers, Read)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.WarnLevel)
	return NewGuard(Config{
		Tokens: append(tokens, more...), Listen: "127.0.0.1:8091", Log: zap.New(core),
		OperateOnly: func(r *http.Request) bool { return r.Method == http.MethodPost },
		AnyHost:     func(r *http.Request) bool { return r.URL.Path == "/metrics" },
	}, m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := audit.ActorOf(r.Context())
		_, _ = w.Write([]byte(a.Who))
	})), logs
}

// call sends a request and returns status and body.
func call(g *Guard, method, path, token, from string, change ...func(*http.Request)) (int, string) {
	r := httptest.NewRequest(method, "http://127.0.0.1:8091"+path, nil)
	r.RemoteAddr = from
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestGuard_rolesAndNames(t *testing.T) {
	g, _ := guard(t, "s3cret-of-all\nalice alices-token\n", "# for the graphs\ngraphs graphs-token")
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, c := range []struct {
		method, token string
		change        func(*http.Request)
		code          int
		body          string
	}{
		{"GET", "", nil, 401, ""},
		{"GET", "graphs-token", nil, 200, "graphs"},
		{"POST", "graphs-token", nil, 403, ""},
		{"POST", "s3cret-of-all", nil, 200, "operator"},
		{"POST", "alices-token", nil, 200, "alice"},
		{"POST", "", basic("bob", "s3cret-of-all"), 200, "operator (bob)"},
		{"POST", "", basic("bob", "wrong"), 401, ""},
		{"POST", "S3cret-of-all", nil, 401, ""},
	} {
		if c.change == nil {
			c.change = func(*http.Request) {}
		}
		code, body := call(g, c.method, "/", c.token, "192.0.2.1:5", c.change)
		if code != c.code || c.body != "" && body != c.body {
			t.Errorf("%s with %q: %d %q, want %d %q", c.method, c.token, code, body, c.code, c.body)
		}
	}
	for _, text := range []string{"a b c", "alice short"} {
		if _, err := ParseTokens(text, Operate); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestGuard_locksOutWrongTokensOnly(t *testing.T) {
	g, logs := guard(t, "s3cret-of-all", "")
	now := time.Unix(1e9, 0)
	g.lockout.now = func() time.Time { return now }
	for i := range 30 {
		want := 401
		if i >= maxWrong {
			want = 429
		}
		if code, _ := call(g, "GET", "/", "guess", "192.0.2.1:5"); code != want {
			t.Fatalf("wrong token %d: %d, want %d", i+1, code, want)
		}
	}
	if code, _ := call(g, "GET", "/", "s3cret-of-all", "192.0.2.1:5"); code != 200 {
		t.Errorf("the right token from the address of the guesses: %d", code)
	}
	if code, _ := call(g, "GET", "/", "guess", "192.0.2.2:5"); code != 401 {
		t.Errorf("another address: %d", code)
	}
	if n := logs.FilterMessage("admin token wrong").Len(); n != maxWrong+1 {
		t.Errorf("%d wrong tokens logged", n)
	}
	if n := logs.FilterMessage("admin tokens are being guessed").Len(); n != 1 {
		t.Errorf("the lockout is logged %d times", n)
	}
	now = now.Add(window)
	if code, _ := call(g, "GET", "/", "guess", "192.0.2.1:5"); code != 401 {
		t.Errorf("a minute later: %d", code)
	}
}

func TestGuard_withoutTokenChecksHost(t *testing.T) {
	g, _ := guard(t, "", "")
	for host, want := range map[string]int{
		"127.0.0.1:8091": 200, "localhost:8091": 200, "LOCALHOST": 200, "[::1]:8091": 200, "127.8.8.8": 200,
		"evil.example": 403, "evil.example:8091": 403, "localhost.evil.example": 403, "192.0.2.1:8091": 403, "": 403,
	} {
		if code, _ := call(g, "GET", "/", "", "127.0.0.1:5", func(r *http.Request) { r.Host = host }); code != want {
			t.Errorf("Host %q: %d, want %d", host, code, want)
		}
	}
	if code, _ := call(g, "GET", "/metrics", "", "10.0.0.9:5", func(r *http.Request) { r.Host = "tactus.svc" }); code != 200 {
		t.Errorf("/metrics by a service's name: %d", code)
	}
}
