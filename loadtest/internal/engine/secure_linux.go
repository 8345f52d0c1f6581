package engine

import (
	"crypto/tls"
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"tactus/internal/rawtls"
	"tactus/loadtest/internal/sockets"
)

// Serves reports whether the engine of [New] can serve a connection: it is TCP, or TLS
// 1.3 over [rawtls.Transport] on TCP. For others there is [NewPortable].
func Serves(conn net.Conn) bool {
	tcp, _ := tcpOf(conn)
	return tcp != nil
}

// tcpOf returns the TCP connection, and that of TLS over it; nil: it is plain.
func tcpOf(conn net.Conn) (tcp *net.TCPConn, secure *tls.Conn) {
	if secure, _ = conn.(*tls.Conn); secure != nil {
		conn = rawtls.Below(secure)
	}
	tcp, _ = conn.(*net.TCPConn)
	return tcp, secure
}

// detach takes the descriptor of a connection, and its records if it is TLS. What TLS has
// read ahead is appended to early.
func (c *rawConn) detach(conn net.Conn) error {
	tcp, secure := tcpOf(conn)
	if tcp == nil {
		return errors.Join(errors.New("engine: neither TCP nor TLS 1.3 on it"), conn.Close())
	}
	fd, err := sockets.Detach(tcp)
	if err != nil || secure == nil {
		c.fd = fd
		return err
	}
	if c.records, err = rawtls.Detach(secure); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	c.fd = fd
	for part := make([]byte, 4<<10); c.records.Buffered(); {
		n, err := c.records.Read(part)
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		c.early = append(c.early, part[:n]...)
	}
	return nil
}

// seal returns the bytes that are sent for a frame, valid until the next call.
func (c *rawConn) seal(frame []byte) ([]byte, error) {
	if c.records == nil {
		return frame, nil
	}
	p := c.engine
	var err error
	p.sealed, err = c.records.Seal(p.sealed[:0], frame)
	return p.sealed, err
}

// keeps reports whether a frame that the socket did not take is kept: it is encrypted,
// and later records follow it.
func (c *rawConn) keeps(err error) bool {
	return c.records != nil && errors.Is(err, unix.EAGAIN)
}

// open decrypts what was received. The error is that of TLS; the data come before it.
func (c *rawConn) open(got *sockets.Received) error {
	if c.records == nil {
		return nil
	}
	if c.records.Resting() {
		n, err := c.records.Open(got.Data)
		got.Data = got.Data[:n]
		return err
	}
	p := c.engine
	c.records.Feed(got.Data)
	if p.opened == nil {
		p.opened = make([]byte, 2*receiveSize) // all of a read, and a record before it
	}
	n, err := c.records.Read(p.opened)
	got.Data = p.opened[:n]
	return err
}
