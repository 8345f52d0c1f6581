package publicport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/internal/httplog"
	"tactus/internal/ratelimit"
	"tactus/internal/steady"
	"tactus/internal/webpolicy"
	"tactus/internal/ws"
)

const (
	headerTimeout  = 5 * time.Second // to handshake, and again to send a request's header
	idleTimeout    = 2 * time.Minute // between two requests of a connection
	maxHeaderBytes = 16 << 10
)

// Port is a public port on one or more listeners. It is safe for concurrent use.
type Port struct {
	cfg     Config
	trusted Networks
	exempt  Networks
	gate    *gate
	limited *prometheus.CounterVec

	refusals  atomic.Int32 // being sent
	forwarded sync.Once    // warns of addresses from a proxy that is not trusted
}

// New makes a port. It returns every mistake of the configuration.
func New(cfg Config) (*Port, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	p := &Port{cfg: cfg, trusted: cfg.Proxies.trusted(), limited: ratelimit.Limited(cfg.Registerer)}
	p.exempt, _ = ParseNetworks(cfg.Limits.Exempt) // Validate has checked them
	p.gate = newGate(cfg.Limits, cfg.Descriptors, steady.Now, p.limited)
	if cfg.Proxies.Hops > 0 {
		cfg.Log.Warn("--forwarded-hops is deprecated and ends with the next release",
			zap.String("use", "--trusted-proxy with the addresses of the proxies"), zap.Int("hops", cfg.Proxies.Hops))
	}
	return p, nil
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
		Handler: webpolicy.StrictTransport(webpolicy.Document(p.handler(h)), p.cfg.HSTS), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: httplog.New(p.cfg.Log, p.cfg.Name), Protocols: new(http.Protocols),
		ConnState: p.connState, ConnContext: withConn,
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// listener is the chain from accept to TLS.
func (p *Port) listener(inner net.Listener) net.Listener {
	ln := net.Listener(newListener(inner, p))
	if p.cfg.TLS != nil {
		ln = ws.NewTLSListener(ln, p.cfg.TLS)
	}
	return ln
}

// connState follows which connections wait for a further request.
func (p *Port) connState(nc net.Conn, state http.ConnState) {
	c := connBelow(nc)
	if c == nil {
		return
	}
	switch state {
	case http.StateIdle:
		p.gate.setIdle(c.entry, true)
	case http.StateActive:
		p.gate.setIdle(c.entry, false)
	case http.StateHijacked:
		c.hijacked.Store(true)
		p.gate.setIdle(c.entry, false)
	default: // a new one has no request yet, a closed one has left
	}
}

// refuse closes a connection that may not begin its handshake. A client of a port
// without TLS reads why.
func (p *Port) refuse(c *conn, err error) {
	defer func() {
		_ = c.Conn.Close()
		if c.entry != nil {
			c.leave()
		}
	}()
	if p.cfg.TLS != nil || !errors.Is(err, errAccepts) && !errors.Is(err, errPending) && !errors.Is(err, errConnections) {
		return
	}
	defer p.refusals.Add(-1)
	if p.refusals.Add(1) > maxRefusals || c.SetDeadline(time.Now().Add(refusalTimeout)) != nil {
		return
	}
	text := err.Error() + "; try again in a moment\n"
	_, err = c.Conn.Write([]byte("HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nAccess-Control-Allow-Origin: *\r\n" +
		"Access-Control-Expose-Headers: Retry-After\r\nRetry-After: " + strconv.Itoa(retrySeconds) + "\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text))
	if err != nil || c.CloseWrite() != nil {
		return
	}
	var rest [512]byte
	for range 64 { // what is unread would reset the connection and overtake the refusal
		if _, err := c.Conn.Read(rest[:]); err != nil {
			return
		}
	}
}

// retrySeconds is the time after which a refused client may try again.
const retrySeconds = 2
