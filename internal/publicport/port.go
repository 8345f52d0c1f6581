package publicport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"tactus/internal/httplog"
	"tactus/internal/ws"
)

const (
	headerTimeout  = 5 * time.Second // to handshake, and again to send a request's header
	idleTimeout    = 2 * time.Minute // between two requests of a connection
	maxHeaderBytes = 16 << 10
)

// Port is a public port on one or more listeners. It is safe for concurrent use.
type Port struct{ cfg Config }

// New makes a port. It returns every mistake of the configuration.
func New(cfg Config) (*Port, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Port{cfg: cfg.withDefaults()}, nil
}

// Serve serves h on the listener until ctx ends. It closes the listener.
func (p *Port) Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	s := p.server(h)
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(p.listener(ln)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// server makes the HTTP server. It serves HTTP/1.1 for pages and WebSockets, and HTTP/2
// for gRPC on the same port.
func (p *Port) server(h http.Handler) *http.Server {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: httplog.New(p.cfg.Log, p.cfg.Name), Protocols: new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// listener is the chain from accept to TLS.
func (p *Port) listener(inner net.Listener) net.Listener {
	ln := net.Listener(&listener{Listener: inner})
	if p.cfg.TLS != nil {
		ln = ws.NewTLSListener(ln, p.cfg.TLS)
	}
	return ln
}
