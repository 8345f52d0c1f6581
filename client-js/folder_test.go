package clientjs

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// put writes files of a page, by their paths in it.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(t *testing.T, live bool, files map[string]string) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, map[string]string{"index.html": "<!doctype html>mine"})
	put(t, dir, files)
	f, err := OpenFolder(dir, live)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func TestFolderServesItsFiles(t *testing.T) {
	files := map[string]string{
		"assets/a.wasm": "\x00asm", "levels/index.html": "levels", ".well-known/assetlinks.json": "[]",
		"sound.ogg": "ogg", "My Page.html": "spaces",
	}
	for _, live := range []bool{false, true} {
		f, _ := folder(t, live, files)
		for path, want := range map[string]string{
			"/": "<!doctype html>mine", "/index.html": "<!doctype html>mine", "/assets/a.wasm": "\x00asm", "/levels/": "levels",
			"/.well-known/assetlinks.json": "[]", "/sound.ogg": "ogg", "/My%20Page.html": "spaces",
		} {
			w := get(t, f, path)
			if w.Code != http.StatusOK || w.Body.String() != want {
				t.Errorf("%s: %d %q", path, w.Code, w.Body)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: browsers may guess its type", path)
			}
		}
		if got := get(t, f, "/assets/a.wasm").Header(); got.Get("Content-Type") != "application/wasm" || got.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("rules: %v", got)
		}
		if w := get(t, f, "/levels?x=1"); w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != "./levels/?x=1" {
			t.Errorf("folder without a slash: %d %s", w.Code, w.Header().Get("Location"))
		}
		if w := get(t, f, "/sound.ogg", "Range", "bytes=1-1"); w.Code != http.StatusPartialContent || w.Body.String() != "g" {
			t.Errorf("a part of a sound: %d %q", w.Code, w.Body)
		}
	}
}

func TestFolderKeepsToItself(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, live := range []bool{false, true} {
		f, dir := folder(t, live, map[string]string{
			".env": "SECRET=1", ".git/config": "[core]", "a/.hidden/x.js": "x", "assets/a.js": "a", ".well-known/.secret": "x",
		})
		links := map[string]string{"link.txt": secret, "up": "..", "inside.js": "assets/a.js"}
		for name, to := range links {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Skip("no links here: ", err)
			}
		}
		for _, path := range []string{
			"/.env", "/.git/config", "/.git/", "/.git", "/a/.hidden/x.js", "/.well-known/.secret", "/assets/", "/assets", "/link.txt", "/up/",
			"/up/secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/..%5c..%5cx", "/a.js%00.html", "//.env", "/nothing.js",
		} {
			if w := get(t, f, path); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d %q, want 404", path, w.Code, w.Body)
			}
		}
		if w := get(t, f, "/inside.js"); w.Code != http.StatusOK {
			t.Errorf("a link within the folder: %d", w.Code)
		}
	}
}

func TestFolderIsCompressedAndCachedLikeTheEmbeddedPage(t *testing.T) {
	long := strings.Repeat("export const a = 1;\n", 100)
	f, dir := folder(t, false, map[string]string{
		"main.js": long, "main.3f2a91bc.js": long, "day-20240101.js": long, "level-deadbeef.js": long,
		"packed.js": long, "small.js": "1",
	})
	put(t, dir, map[string]string{"packed.js.br": "brotli variant"}) // after the file: an older one is stale
	w := get(t, f, "/main.js", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", w.Header())
	}
	plain, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || string(text) != long {
		t.Errorf("unpacked: %d bytes, %v", len(text), err)
	}
	if again := get(t, f, "/main.js", "Accept-Encoding", "gzip", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("unchanged: %d", again.Code)
	}
	if w := get(t, f, "/packed.js", "Accept-Encoding", "br, gzip"); w.Body.String() != "brotli variant" {
		t.Errorf("variant: %q", w.Header())
	}
	if w := get(t, f, "/small.js", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("one byte was compressed")
	}
	for path, want := range map[string]string{
		"/main.js": revalidate, "/main.3f2a91bc.js": immutable, "/day-20240101.js": revalidate, "/level-deadbeef.js": revalidate, "/": revalidate,
	} {
		if got := get(t, f, path).Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// A new version is served without a restart, and an old twin is not.
	if err := os.WriteFile(filepath.Join(dir, "packed.js"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "packed.js"), later, later); err != nil {
		t.Fatal(err)
	}
	if w := get(t, f, "/packed.js", "Accept-Encoding", "br"); w.Body.String() != "new" {
		t.Errorf("after a change: %q", w.Body)
	}
}

func TestFolderOfOneWhoWorksOnItIsNeverKept(t *testing.T) {
	f, _ := folder(t, true, map[string]string{"main.3f2a91bc.js": "1"})
	for _, path := range []string{"/", "/main.3f2a91bc.js"} {
		if got := get(t, f, path).Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestFolderNeedsAPage(t *testing.T) {
	if _, err := OpenFolder(t.TempDir(), false); err == nil || !strings.Contains(err.Error(), "index.html") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := OpenFolder(filepath.Join(t.TempDir(), "none"), false); err == nil {
		t.Error("no folder was taken for one")
	}
}

func TestSDKAndRulesAreForPagesOfAllOrigins(t *testing.T) {
	h := page()
	for path, want := range map[string]string{"/arena.wasm": "*", "/arena.0123456789ab.wasm": "*", "/": "", "/icon.svg": ""} {
		header := get(t, h, path).Header()
		if header.Get("Access-Control-Allow-Origin") != want || (header.Get("Cross-Origin-Resource-Policy") == "cross-origin") != (want == "*") {
			t.Errorf("%s: %v", path, header)
		}
	}
	for _, path := range SDK() {
		if w := get(t, Handler(), path); w.Code == http.StatusOK && w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
}
