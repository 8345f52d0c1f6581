package webpolicy_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tactus/internal/webpolicy"
)

func headersOf(h http.Handler, host string, secure bool) http.Header {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = host
	if secure {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Header()
}

func TestData_replacesThePolicyOfPages(t *testing.T) {
	h := headersOf(webpolicy.Document(webpolicy.Data(http.NotFoundHandler())), "play.example.com", false)
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStrictTransport_namesOnlyOverTLS(t *testing.T) {
	h := webpolicy.StrictTransport(http.NotFoundHandler(), 48*time.Hour)
	for _, c := range []struct {
		host   string
		secure bool
		want   string
	}{
		{"play.example.com", true, "max-age=172800"},
		{"play.example.com:8443", true, "max-age=172800"},
		{"play.example.com", false, ""},
		{"localhost:8443", true, ""},
		{"game.localhost", true, ""},
		{"192.0.2.1", true, ""},
		{"[2001:db8::1]:443", true, ""},
		{"machine", true, ""},
		{"a b", true, ""},
	} {
		if got := headersOf(h, c.host, c.secure).Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s, TLS %v: %q, want %q", c.host, c.secure, got, c.want)
		}
	}
	if got := headersOf(webpolicy.StrictTransport(http.NotFoundHandler(), 0), "play.example.com", true); len(got.Values("Strict-Transport-Security")) > 0 {
		t.Errorf("sent without an age: %v", got)
	}
}
