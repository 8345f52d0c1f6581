package tactuscmd

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientjs "tactus/client-js"
	"tactus/protocol"
)

func served(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func ownPage(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["index.html"] = "mine"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPage_sdkIsBesideOwnPage(t *testing.T) {
	f := pageFlags{dir: ownPage(t, map[string]string{"lobby.js": "my lobby", "tactus.js": "stale copy"})}
	h, err := f.handler()
	if err != nil {
		t.Fatal(err)
	}
	embedded := clientjs.Handler()
	for _, path := range clientjs.SDK() {
		want := served(t, embedded, path).Body.String()
		if path == "/lobby.js" {
			want = "my lobby"
		}
		if got := served(t, h, path).Body.String(); got != want {
			t.Errorf("%s is another file", path)
		}
	}
	if w := served(t, h, "/"); w.Body.String() != "mine" || w.Header().Get("Content-Security-Policy") != "" {
		t.Errorf("the page: %q %v", w.Body, w.Header())
	}
}

func TestPage_frameAncestors(t *testing.T) {
	for _, c := range []struct {
		sites []string
		want  string // empty: refused
	}{
		{nil, "frame-ancestors 'none'"},
		{[]string{"https://*.itch.io", "'self'", "HTTPS://Portal.example/"}, "frame-ancestors https://*.itch.io 'self' https://portal.example"},
		{[]string{"self"}, "frame-ancestors 'self'"},
		{[]string{"*"}, "frame-ancestors *"},
		{[]string{"https://x; script-src *"}, ""},
		{[]string{"https://*.com"}, ""},
		{[]string{"null"}, ""},
	} {
		f := pageFlags{ancestors: c.sites}
		h, err := f.handler()
		if (err != nil) != (c.want == "") {
			t.Errorf("%q: %v", c.sites, err)
		}
		if err == nil && !strings.HasSuffix(served(t, h, "/").Header().Get("Content-Security-Policy"), "; "+c.want) {
			t.Errorf("%q: %s", c.sites, served(t, h, "/").Header().Get("Content-Security-Policy"))
		}
	}
	f := pageFlags{dir: ownPage(t, map[string]string{}), ancestors: []string{"self"}}
	h, err := f.handler()
	if err != nil {
		t.Fatal(err)
	}
	if got := served(t, h, "/").Header().Get("Content-Security-Policy"); got != "frame-ancestors 'self'" {
		t.Errorf("one's own page: %q", got)
	}
}

func TestDev_answersHaveSecurityHeaders(t *testing.T) {
	p := startDev(t, nil)
	const data = "default-src 'none'; frame-ancestors 'none'"
	for path, policy := range map[string]string{
		"/": "frame-ancestors 'none'", "/tactus.js": "frame-ancestors 'none'", "/no such file": "",
		"/livez": "", protocol.Path: data, matchmakerPath + "ListGames": data,
	} {
		r, _ := get(t, http.DefaultClient, p.public.url(strings.ReplaceAll(path, " ", "%20")))
		if got := r.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
		if got := r.Header.Get("Content-Security-Policy"); !strings.Contains(got, policy) {
			t.Errorf("%s: policy %q, want %q", path, got, policy)
		}
	}
}

func TestMount_basePathMayBeRemovedByProxy(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
	for _, base := range []string{"/game", "game/", "/game/"} {
		clean, err := cleanBase(base)
		if err != nil {
			t.Fatal(err)
		}
		h := mount(clean, echo)
		for path, want := range map[string]string{
			"/game/": "/", "/game/arena.js": "/arena.js", "/arena.js": "/arena.js", "/": "/", "/gamers": "/gamers", "/game/play": "/play",
		} {
			if got := served(t, h, path).Body.String(); got != want {
				t.Errorf("base %s, %s: served as %s, want %s", base, path, got, want)
			}
		}
		for path, want := range map[string]string{"/game": "/game/", "/game?room=ABC234": "/game/?room=ABC234"} {
			if w := served(t, h, path); w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != want {
				t.Errorf("base %s, %s without its slash: %d %s", base, path, w.Code, w.Header().Get("Location"))
			}
		}
	}
	for _, base := range []string{"https://host/game", "/a/../b", "/a b", "/a?x", "/{x}", "/a//b"} {
		if _, err := cleanBase(base); err == nil {
			t.Errorf("--base-path %q was taken", base)
		}
	}
}
