package ws

import (
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

const (
	// maxPendingPings bounds the pings of a client that has not said hello.
	maxPendingPings = 16
	// closeWriteTimeout bounds the writing of a close frame.
	closeWriteTimeout = time.Second
	// lingerTimeout is how long a closed connection is still read: closing a
	// socket with unread bytes resets it, and the reset can overtake the close
	// frame, so that the client would never see the number.
	lingerTimeout = 2 * time.Second
	// maxLingering bounds the connections that are read after their end;
	// beyond it they are closed at once.
	maxLingering = 1024
	// sendBuffer is asked of the kernel, in bytes, which doubles it: enough
	// for a keyframe, and little enough that a client which stopped reading
	// blocks soon. On raw descriptors unsentLimit is stricter.
	sendBuffer = 32 << 10
)

// Pending is a connection whose client has not said hello. The goroutine that
// shakes hands owns it and reads it with ordinary blocking I/O.
type Pending struct {
	conn     net.Conn
	parser   frameParser
	buf      []byte // what was read, from start
	start    int
	pings    int
	ended    error // why, once over
	portable bool
	work     *closers
}

// ReadMessage waits for one binary message, valid until the next call. It
// answers pings. A [*CloseError] says that the client closed or broke the
// protocol; the answer has been sent then and the connection is over. After
// any other error, a passed deadline among them, the caller calls Close.
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

// fill reads more bytes; a frame that parser lets pass fits the buffer.
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

// Close sends a close frame and releases the connection. It may be called more
// than once, and after Conn, when it does nothing.
func (p *Pending) Close(code protocol.CloseCode, reason string) {
	p.end(net.ErrClosed, appendCloseFrame(nil, code, reason))
}

// forget gives the buffer back; what ReadMessage returned is gone with it.
func (p *Pending) forget() {
	releaseBuffer(p.buf)
	p.buf, p.start = nil, 0
}

func (p *Pending) end(why error, lastFrame []byte) {
	if p.ended != nil {
		return
	}
	p.ended = why
	p.forget()
	p.work.Go(func() { lingerAndClose(p.conn, lastFrame, p.work) })
}

// Conn hands the connection over to the goroutine that runs its match. Bytes
// already read are kept for the first Poll. The Pending is of no use any more,
// whatever Conn returns.
func (p *Pending) Conn() (*Conn, error) {
	if p.ended != nil {
		return nil, p.ended
	}
	p.ended = net.ErrClosed
	if err := p.conn.SetDeadline(time.Time{}); err != nil {
		_ = p.conn.Close()
		return nil, err
	}
	c, err := p.driven()
	if err != nil {
		_ = p.conn.Close()
		return nil, err
	}
	if early := p.buf[p.start:]; len(early) > 0 {
		c.keep(early)
		c.unread = true
	}
	p.forget()
	return c, nil
}

// driven is the connection for the goroutine of a match.
func (p *Pending) driven() (*Conn, error) {
	limitSendBuffer(p.conn)
	if tcp, ok := p.conn.(*net.TCPConn); ok && !p.portable && rawStreams {
		return newRawConn(tcp, p.parser.maxMessage, p.work)
	}
	return NewConn(newPortableStream(p.conn, p.work), p.parser.maxMessage), nil
}

// limitSendBuffer is best effort: where it fails a slow client merely has
// older states on their way to it.
func limitSendBuffer(c net.Conn) {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = wrapped.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
}

// lingerAndClose sends the last frame, says that nothing more comes, and reads
// until the peer has closed too. It ends within lingerTimeout plus
// closeWriteTimeout, whatever the peer does.
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

// maxDiscarded bounds what is read from a closed connection, in bytes.
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
