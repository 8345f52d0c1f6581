package clientjs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func page() http.Handler {
	return newHandler(fstest.MapFS{
		".keep":                      {},
		"index.html":                 {Data: []byte("<html>plain")},
		"index.html.br":              {Data: []byte("brotli page")},
		"index.html.gz":              {Data: []byte("gzip page")},
		"arena.0123456789ab.wasm":    {Data: []byte("rules")},
		"arena.0123456789ab.wasm.br": {Data: []byte("brotli rules")},
		"icon.svg":                   {Data: []byte("<svg/>")},
	})
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestBrowserGetsTheSmallestFormItTakes(t *testing.T) {
	for _, c := range []struct{ accept, encoding, body string }{
		{"", "", "<html>plain"},
		{"gzip, deflate, br", "br", "brotli page"},
		{"gzip", "gzip", "gzip page"},
		{"br;q=0, gzip;q=0.5", "gzip", "gzip page"},
		{"identity", "", "<html>plain"},
	} {
		w := get(t, page(), "/", "Accept-Encoding", c.accept)
		if w.Code != http.StatusOK || w.Body.String() != c.body || w.Header().Get("Content-Encoding") != c.encoding {
			t.Errorf("Accept-Encoding %q: %d %q %q", c.accept, w.Code, w.Header().Get("Content-Encoding"), w.Body)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: a cache would mix the forms up", c.accept)
		}
	}
}

func TestCachingFollowsTheName(t *testing.T) {
	for path, want := range map[string]string{
		"/":                        "no-cache",
		"/index.html":              "no-cache",
		"/icon.svg":                "no-cache",
		"/arena.0123456789ab.wasm": "public, max-age=31536000, immutable",
		"/arena.wasm":              "no-cache",
	} {
		w := get(t, page(), path)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != want {
			t.Errorf("%s: %d, Cache-Control %q, want %q", path, w.Code, w.Header().Get("Cache-Control"), want)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for path, want := range map[string]string{
		"/":           "text/html; charset=utf-8",
		"/arena.wasm": "application/wasm",
		"/icon.svg":   "image/svg+xml",
	} {
		if got := get(t, page(), path).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", path, got, want)
		}
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	first := get(t, page(), "/", "Accept-Encoding", "br")
	again := get(t, page(), "/", "Accept-Encoding", "br", "If-None-Match", `"other", W/`+first.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("second visit: %d with %d bytes", again.Code, again.Body.Len())
	}
	plain := get(t, page(), "/", "If-None-Match", first.Header().Get("ETag"))
	if plain.Code != http.StatusOK {
		t.Errorf("another form of the file: %d, want 200", plain.Code)
	}
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	w := httptest.NewRecorder()
	page().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
	for _, path := range []string{"/nothing", "/index.html.br", "/.keep", "/../embed.go"} {
		if w := get(t, page(), path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestBinaryWithoutPageSaysWhatToDo(t *testing.T) {
	w := get(t, newHandler(fstest.MapFS{".keep": {}}), "/")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "make client") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestHandlerServesWhatIsEmbedded(t *testing.T) {
	if w := get(t, Handler(), "/"); w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
