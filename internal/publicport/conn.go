package publicport

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// conn is a connection that its port counts until it is closed. The layers above, TLS
// and WebSocket, find it by their NetConn methods. It is safe for concurrent use, but
// for Read.
type conn struct {
	net.Conn
	gate    *gate
	entry   *entry
	peer    netip.Addr // of the socket, or the client that a PROXY header names
	proxied bool       // a PROXY header named the peer
	exempt  bool
	trusted bool // the peer is a proxy that may name the client

	first    [1]byte // read ahead
	ahead    bool
	hijacked atomic.Bool

	mu      sync.Mutex
	release bool     // the count has ended
	clients []*entry // behind the proxy: of WebSockets
}

// Read reads what has arrived, beginning with the byte that was read ahead.
func (c *conn) Read(b []byte) (int, error) {
	if c.ahead && len(b) > 0 {
		c.ahead = false
		b[0] = c.first[0]
		return 1, nil
	}
	return c.Conn.Read(b)
}

// readFirst waits for the first byte.
func (c *conn) readFirst() error {
	for {
		n, err := c.Conn.Read(c.first[:])
		if n > 0 {
			c.ahead = true
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// RemoteAddr is the client's address, as far as a PROXY header names it.
func (c *conn) RemoteAddr() net.Addr {
	if !c.proxied {
		return c.Conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.peer, 0))
}

// Close closes the connection and ends its count.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// CloseWrite shuts down the sending side.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn returns the connection below. Closing that one does not end the count.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Detach implements [ws.Detacher].
func (c *conn) Detach() (*net.TCPConn, func()) {
	tcp, _ := c.Conn.(*net.TCPConn)
	return tcp, c.leave
}

// leave ends the count of the connection and of clients behind it, once.
func (c *conn) leave() {
	c.mu.Lock()
	c.release = true
	clients := c.clients
	c.clients = nil
	c.mu.Unlock()
	for _, e := range clients {
		c.gate.leave(e)
	}
	c.gate.leave(c.entry)
}

// addClient counts a client behind the proxy until the connection is closed.
func (c *conn) addClient(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.release {
		c.gate.leave(e)
		return
	}
	c.clients = append(c.clients, e)
}

// counted returns the entry of the connection and those of clients behind it.
func (c *conn) counted() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*entry{c.entry}, c.clients...)
}

// connBelow returns the counted connection below all layers, nil without one.
func connBelow(c net.Conn) *conn {
	for {
		if counted, ok := c.(*conn); ok {
			return counted
		}
		layer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = layer.NetConn()
	}
}
