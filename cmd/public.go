package tactuscmd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// matchmakerPath is the path of the matchmaker's RPCs on the public port.
const matchmakerPath = "/tactus.matchmaker.v1.MatchmakerService/"

// publicServer serves HTTP/1.1, for the page and WebSockets, and unencrypted HTTP/2, for
// gRPC on the same port.
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
