package publicport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	proxyHeaderTimeout = 2 * time.Second
	firstAcceptPause   = 5 * time.Millisecond // after a failed accept; doubled up to the next
	longestAcceptPause = time.Second
	refusalTimeout     = time.Second // to send a refusal
	maxRefusals        = 256         // at a time; others are closed without words
)

// listener accepts connections and hands over those that may begin a handshake. It is
// safe for concurrent use.
type listener struct {
	net.Listener
	port   *Port
	ready  chan net.Conn
	ctx    context.Context         //nolint:containedctx // ends when the listener is closed
	cancel context.CancelCauseFunc // with what Accept returns from then on
	work   sync.WaitGroup

	mu      sync.Mutex
	headers map[netip.Addr]int // unfinished, by proxy
}

func newListener(inner net.Listener, p *Port) *listener {
	l := &listener{Listener: inner, port: p, ready: make(chan net.Conn), headers: make(map[netip.Addr]int)}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.work.Go(l.run)
	return l
}

// Accept returns the next connection that may begin its handshake.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

// Close closes the listener and the connections that Accept has not returned.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.cancel(net.ErrClosed)
	l.work.Wait()
	return err
}

func (l *listener) run() {
	pause := time.Duration(0)
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			pause = 0
			l.work.Go(func() { l.admit(c) })
			continue
		}
		var temporary net.Error
		if !errors.As(err, &temporary) || !temporary.Temporary() { //nolint:staticcheck // as net/http does
			l.cancel(err)
			return
		}
		l.port.gate.dropIdle() // descriptors may be what is missing
		pause = min(max(2*pause, firstAcceptPause), longestAcceptPause)
		if sleep(l.ctx, pause) != nil {
			return
		}
	}
}

// admit takes a connection through PROXY header and limits.
func (l *listener) admit(nc net.Conn) {
	c := &conn{Conn: nc, gate: l.port.gate, peer: addressOf(nc)}
	// A listener that is closed does not wait for silent clients.
	stop := context.AfterFunc(l.ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err := l.check(c)
	if !stop() && err == nil {
		err = net.ErrClosed
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err == nil {
		select {
		case l.ready <- c:
			return
		case <-l.ctx.Done():
		}
	}
	l.port.refuse(c, err)
}

// check returns nil if the handshake may begin.
func (l *listener) check(c *conn) (err error) {
	p := l.port
	c.trusted = p.trusted.Contain(c.peer)
	if p.cfg.Proxies.Protocol {
		if err := l.readHeader(c); err != nil {
			return err
		}
	}
	c.exempt = !c.proxied && p.exempt.Contain(c.peer)
	free := c.exempt || c.trusted // of a proxy's clients, limits know each
	c.entry, err = p.gate.enter(c.peer, free, true, func() { _ = c.Conn.Close() }, func() bool { return readable(c.Conn) })
	if err != nil || free {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(silenceTimeout)); err != nil {
		return err
	}
	if err := c.readFirst(); err != nil {
		return errors.Join(errGone, err)
	}
	return p.gate.handshake(l.ctx, c.entry)
}

// readHeader reads the PROXY header. The client that it names is the peer from then on.
func (l *listener) readHeader(c *conn) error {
	if !c.trusted {
		l.port.limited.WithLabelValues("proxy").Inc()
		return errNoHeader
	}
	proxy := c.peer
	if !l.beginHeader(proxy) {
		l.port.limited.WithLabelValues("proxy").Inc()
		return errPending
	}
	defer l.endHeader(proxy)
	if err := c.Conn.SetReadDeadline(time.Now().Add(proxyHeaderTimeout)); err != nil {
		return err
	}
	client, named, err := readProxyHeader(c.Conn)
	if err != nil {
		if !errors.Is(err, io.EOF) { // a health check that only connects
			l.port.limited.WithLabelValues("proxy").Inc()
		}
		return err
	}
	if named {
		c.peer, c.proxied = client, true
		c.trusted = l.port.trusted.Contain(client)
	}
	return nil
}

func (l *listener) beginHeader(proxy netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.headers[proxy] >= maxUnfinishedHeaders {
		return false
	}
	l.headers[proxy]++
	return true
}

func (l *listener) endHeader(proxy netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.headers[proxy]--; l.headers[proxy] == 0 {
		delete(l.headers, proxy)
	}
}

// addressOf is the address of the peer; the zero Addr if it has none.
func addressOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return clean(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}
