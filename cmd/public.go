package tactuscmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	clientjs "tactus/client-js"
)

// matchmakerPath is where the matchmaker's RPCs are on the public port.
const matchmakerPath = "/tactus.matchmaker.v1.MatchmakerService/"

// sdkFiles are served from the binary even where a developer's own page is.
var sdkFiles = [...]string{"/tactus.js", "/tactus.mjs", "/tactus.d.ts"}

// pageHandler serves the arena page, or the folder given, beside the SDK.
func pageHandler(dir string) (http.Handler, error) {
	page := guarded(clientjs.Handler())
	if dir == "" {
		return page, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		return nil, fmt.Errorf("--page %s: no index.html there", dir)
	}
	mux := http.NewServeMux()
	for _, path := range sdkFiles {
		mux.Handle(path, page)
	}
	mux.Handle("/", noStore(http.FileServer(http.Dir(dir))))
	return mux, nil
}

// pagePolicy lets the arena page load what is its own, compile its rules, and
// talk to game servers on whatever host the matchmaker names.
const pagePolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded says what the page may do. The referrer is withheld, since a room's
// code is in its URL.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// noStore keeps browsers from caching what its developer is working on.
func noStore(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// publicServer takes HTTP/1.1, for the page and WebSockets, and unencrypted
// HTTP/2, for gRPC on the same port.
func publicServer(h http.Handler) *http.Server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// serve serves until ctx ends.
func serve(ctx context.Context, s *http.Server, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
