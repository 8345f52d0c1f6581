package publicport

import (
	"errors"
	"net"
	"sync"
)

// listener accepts the connections that a port counts.
type listener struct{ net.Listener }

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is a connection that its port counts until it is closed. The layers above, TLS
// and WebSocket, find it by their NetConn methods. It is safe for concurrent use.
type conn struct {
	net.Conn
	release sync.Once
	closed  func() // nil: nothing is counted
}

// Close closes the connection and ends its count.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.ended()
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
	return tcp, c.ended
}

// ended ends the count, once.
func (c *conn) ended() {
	c.release.Do(func() {
		if c.closed != nil {
			c.closed()
		}
	})
}
