package publicport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// Client is where a request comes from, as far as proxies are trusted.
type Client struct {
	// Addr is the client's address. It is invalid where the transport has none.
	Addr netip.Addr
	// Exempt means that limits per address do not hold.
	Exempt bool
	// Proxied means that the socket belongs to a proxy.
	Proxied bool
	// Secure means that the client spoke TLS, to this process or to a trusted proxy.
	Secure bool
}

type (
	connKey   struct{}
	clientKey struct{}
)

// ClientOf returns the client of a request that came by a [Port].
func ClientOf(ctx context.Context) (c Client, ok bool) {
	c, ok = ctx.Value(clientKey{}).(Client)
	return c, ok
}

// WithClient returns a context in which [ClientOf] finds c. It is for other transports.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientAt is the client at the address of a socket, for handlers that no [Port] serves.
func ClientAt(address string) Client {
	at, _ := netip.ParseAddrPort(address) // all others have the zero address
	return Client{Addr: clean(at.Addr())}
}

// Settled says that the client of a request has sent its hello: the connection counts as
// pending no more. Without a [Port] it does nothing.
func Settled(ctx context.Context) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return
	}
	for _, e := range c.counted() {
		c.gate.finishHandshake(e)
	}
}

// Seated says that the client of a request has a seat here, or a search: its address is
// known while the connection lasts and for a minute after. Without a [Port] it does
// nothing. It does not block.
func Seated(ctx context.Context) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return
	}
	for _, e := range c.counted() {
		c.gate.seat(e)
	}
}

// IsCounted reports whether a request came by a [Port], which limits pending handshakes.
func IsCounted(ctx context.Context) bool {
	_, ok := ctx.Value(connKey{}).(*conn)
	return ok
}

func withConn(ctx context.Context, nc net.Conn) context.Context {
	if c := connBelow(nc); c != nil {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// handler finds the client of each request. A WebSocket counts as pending until its
// client is seated; for all other requests that ends here.
func (p *Port) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		client, forwarded := p.client(c, r)
		r = r.WithContext(WithClient(r.Context(), client))
		if !isUpgrade(r) {
			p.gate.finishHandshake(c.entry)
			next.ServeHTTP(w, r)
			return
		}
		if forwarded || c.trusted {
			e, err := p.enterClient(r.Context(), c, client)
			if err != nil {
				w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
				http.Error(w, err.Error()+"; try again in a moment", http.StatusTooManyRequests)
				return
			}
			c.addClient(e)
		}
		next.ServeHTTP(w, r)
		if !c.hijacked.Load() {
			for _, e := range c.counted() {
				p.gate.finishHandshake(e)
			}
		}
	})
}

// enterClient counts a client behind a proxy, like a connection of its own.
func (p *Port) enterClient(ctx context.Context, c *conn, client Client) (*entry, error) {
	end := func() { _ = c.Conn.Close() }
	e, err := p.gate.enter(client.Addr, client.Exempt, false, end, func() bool { return true })
	if err != nil {
		return nil, err
	}
	if err := p.gate.handshake(ctx, e); err != nil {
		p.gate.leave(e)
		return nil, err
	}
	return e, nil
}

// client returns the client of a request. Headers of peers that are not trusted are
// removed, so that no other code believes them.
func (p *Port) client(c *conn, r *http.Request) (client Client, forwarded bool) {
	client = Client{Addr: c.peer, Exempt: c.exempt, Proxied: c.proxied, Secure: r.TLS != nil}
	values := r.Header.Values("X-Forwarded-For")
	if !c.trusted {
		if len(values) > 0 {
			client.Exempt = false // a proxy's clients would all be exempt
			p.forwarded.Do(func() {
				p.cfg.Log.Warn("X-Forwarded-For is ignored: its sender is not a trusted proxy",
					zap.Stringer("peer", c.peer), zap.String("port", p.cfg.Name), zap.String("fix", "--trusted-proxy "+c.peer.String()))
			})
		}
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
			r.Header.Del(name)
		}
		return client, false
	}
	if p.cfg.Proxies.Hops > 0 {
		client.Addr = nth(c.peer, values, p.cfg.Proxies.Hops)
	} else {
		client.Addr = p.trusted.walk(c.peer, values)
	}
	forwarded = client.Addr != c.peer
	client.Exempt = client.Exempt && !forwarded && len(values) == 0
	client.Proxied = client.Proxied || forwarded
	switch proto := r.Header.Get("X-Forwarded-Proto"); {
	case strings.EqualFold(proto, "https"), strings.EqualFold(proto, "wss"):
		client.Secure = true
	case proto != "":
		client.Secure = false
	}
	if host := r.Header.Get("X-Forwarded-Host"); host != "" && !strings.ContainsAny(host, ", /") {
		r.Host = host
	}
	return client, forwarded
}

// isUpgrade reports whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}
