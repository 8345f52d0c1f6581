package ws

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

const (
	// maxPendingPings is the most pings of a client that has not sent its hello.
	maxPendingPings = 16
	// closeWriteTimeout is the longest time to write a close frame.
	closeWriteTimeout = time.Second
	// lingerTimeout is how long a closed connection is still read. Closing a socket
	// with unread bytes resets it. The reset can overtake the close frame, and the
	// client would never see the code.
	lingerTimeout = 2 * time.Second
	// maxLingering is the most closed connections that are still read; others are
	// closed without delay.
	maxLingering = 1024
	// sendBuffer is the size requested of the kernel in bytes, which doubles it. It is
	// enough for a keyframe, and little enough that a client which stopped reading
	// blocks soon. On raw descriptors unsentLimit is stricter.
	sendBuffer = 32 << 10
)

// Pending is a connection whose client has not sent its hello. It is read with
// ordinary blocking I/O. Not safe for concurrent use; owned by the goroutine of the
// handshake.
type Pending struct {
	conn     net.Conn
	parser   frameParser
	buf      []byte // read bytes, the unparsed ones from start on
	start    int
	pings    int
	ended    error // why it ended; nil: it is open
	portable bool
	proxied  bool
	work     *closers
}

// ReadMessage waits for one binary message, valid until the next call. It answers
// pings. A [*CloseError] means that the client closed the connection or violated the
// protocol; then the connection is closed already. After any other error, such as a
// passed deadline, the caller must call Close.
func (p *Pending) ReadMessage(deadline time.Time) ([]byte, error) {
	if p.ended != nil {
		return nil, p.ended
	}
	if err := p.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	for {
		op, payload, size, fault := p.parser.next(p.buf[p.start:])
		if fault != nil {
			return nil, p.fail(fault)
		}
		if size == 0 {
			if err := p.fill(); err != nil {
				return nil, err
			}
			continue
		}
		p.start += size
		if op == ws.OpBinary {
			return payload, nil
		}
		if err := p.control(op, payload); err != nil {
			return nil, err
		}
	}
}

// fill reads more bytes. The buffer has room for every frame that the parser accepts.
func (p *Pending) fill() error {
	n := copy(p.buf, p.buf[p.start:])
	p.buf, p.start = p.buf[:n], 0
	m, err := p.conn.Read(p.buf[n:cap(p.buf)])
	p.buf = p.buf[:n+m]
	if m > 0 {
		return nil
	}
	return err
}

func (p *Pending) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		if p.pings++; p.pings > maxPendingPings {
			return p.fail(protocolError("pings instead of a hello"))
		}
		_, err := p.conn.Write(appendControl(nil, ws.OpPong, payload))
		return err
	case ws.OpClose:
		closed, fault := parseClose(payload)
		if fault != nil {
			return p.fail(fault)
		}
		p.end(closed, appendCloseFrame(nil, closed.Code, ""))
		return closed
	default:
		return nil
	}
}

func (p *Pending) fail(fault *CloseError) error {
	p.end(fault, appendCloseFrame(nil, fault.Code, fault.Reason))
	return fault
}

// Close sends a close frame and releases the connection. Further calls, and calls
// after Conn, do nothing.
func (p *Pending) Close(code protocol.CloseCode, reason string) {
	p.end(net.ErrClosed, appendCloseFrame(nil, code, reason))
}

// releaseBuffer releases the buffer, and with it the last message.
func (p *Pending) releaseBuffer() {
	releaseBuffer(p.buf)
	p.buf, p.start = nil, 0
}

func (p *Pending) end(why error, lastFrame []byte) {
	if p.ended != nil {
		return
	}
	p.ended = why
	p.releaseBuffer()
	p.work.Go(func() { lingerAndClose(p.conn, lastFrame, p.work) })
}

// Conn returns the connection for its next owner. Bytes that were read already are
// kept for its first read. The Pending is no longer usable, also after an error.
func (p *Pending) Conn() (*Conn, error) {
	if p.ended != nil {
		return nil, p.ended
	}
	p.ended = net.ErrClosed
	if err := p.conn.SetDeadline(time.Time{}); err != nil {
		_ = p.conn.Close()
		return nil, err
	}
	c, err := p.makeConn()
	if err != nil {
		_ = p.conn.Close()
		return nil, err
	}
	c.proxied = p.proxied
	if early := p.buf[p.start:]; len(early) > 0 {
		c.keep(early)
		c.unread = true
	}
	p.releaseBuffer()
	return c, nil
}

// makeConn makes the connection.
func (p *Pending) makeConn() (*Conn, error) {
	limitSendBuffer(p.conn)
	if tcp, closed := detach(p.conn); tcp != nil && !p.portable && rawStreams {
		secure, _ := p.conn.(*tls.Conn)
		return newRawConn(tcp, secure, p.parser.maxMessage, p.work, closed)
	}
	return NewConn(newPortableStream(p.conn, p.work), p.parser.maxMessage), nil
}

// limitSendBuffer is best effort: if it fails, a slow client receives older states.
func limitSendBuffer(c net.Conn) {
	if tcp, ok := lowest(c).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
}

// lingerAndClose sends the last frame, shuts down the sending side, and reads until
// the client has closed too. It returns within lingerTimeout plus closeWriteTimeout.
func lingerAndClose(c net.Conn, lastFrame []byte, work *closers) {
	defer func() { _ = c.Close() }()
	now := time.Now()
	if c.SetWriteDeadline(now.Add(closeWriteTimeout)) != nil {
		return
	}
	if _, err := c.Write(lastFrame); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if work.lingering.Add(1) <= maxLingering && c.SetReadDeadline(now.Add(lingerTimeout)) == nil {
		discard(c)
	}
	work.lingering.Add(-1)
}

// maxDiscarded is the most that is read from a closed connection, in bytes.
const maxDiscarded = 256 << 10

func discard(r io.Reader) {
	var b [512]byte
	for n := 0; n < maxDiscarded; {
		m, err := r.Read(b[:])
		if err != nil {
			return
		}
		n += m
	}
}
