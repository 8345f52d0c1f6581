package ws

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/rawtls"
	"tactus/protocol"
)

const (
	// readSize is a little more than any client sends in a tick.
	readSize = 8 << 10
	// readsPerCall is the most system calls of one [Conn.Read]. Only a client that
	// fills the whole buffer is read more than once.
	readsPerCall = 4
	// MaxReadBytes is the most that one [Conn.Read] reads from a socket.
	MaxReadBytes = readsPerCall * readSize
	// MaxWrite is the most that one [Conn.Write] accepts, in bytes: two of the
	// largest server messages.
	MaxWrite = 2 << 20
)

// errTooLong is a mistake of the caller.
var errTooLong = errors.New("ws: write is longer than MaxWrite")

// Stream sends and receives the bytes of a connection. It never blocks. Not safe for
// concurrent use; owned by its Conn.
type Stream interface {
	// Read returns the bytes that have arrived. Without any it returns 0 and no
	// error. io.EOF means that the client sends no more.
	Read(b []byte) (int, error)
	// Send sends b. It keeps the bytes that the socket does not accept. It is called
	// only if nothing is pending.
	Send(b []byte) error
	// Flush tries to send the kept bytes. It reports whether the socket has accepted
	// some since the last call.
	Flush() (progress bool, err error)
	// Pending reports whether bytes are kept.
	Pending() bool
	// Shutdown sends lastFrame if possible, unless it is nil, and releases the socket.
	Shutdown(lastFrame []byte)
}

// Conn is the WebSocket connection of a client. Its methods never block. On a raw
// descriptor they take no lock, and they allocate nothing while frames are read and
// written whole. Not safe for concurrent use; owned by one goroutine, such as the one
// that runs the match.
//
// A method that returns an error has closed and released the connection; Close may
// still be called. A failed write is not such an error: bytes that the client sent
// before are still read, and the read after them reports the failure. Times are
// nanoseconds of any clock of the caller, greater than 0.
type Conn struct {
	stream       Stream          // all bytes are read and written through it, or through fd
	records      *rawtls.Records // TLS on the descriptor; nil: no TLS, or the stream's own affair
	ended        error           // why it ended; nil: it is open
	carry        *carry          // kept between reads; nil: nothing so far
	maxMessage   int32
	fd           int32 // of a raw stream; noDescriptor: another stream
	unread       bool  // carry.partial arrived with the handshake and may contain whole frames
	proxied      bool  // the socket's peer is a proxy, see [Upgrader.Proxied]
	blockedSince int64 // when the socket last accepted a byte; 0: nothing is known to be pending
	lastReceived int64
	bytesIn      uint64
	bytesOut     uint64
}

// NewConn makes a connection of a stream, after the handshake. It is for streams of
// other packages. A client's message has at most maxMessage bytes.
func NewConn(s Stream, maxMessage int) *Conn {
	return &Conn{stream: s, fd: noDescriptor, maxMessage: int32(min(maxMessage, math.MaxInt32))}
}

const noDescriptor = -1

// writable reports whether frames may be written directly to the descriptor.
func (c *Conn) writable() bool {
	return c.fd >= 0 && c.ended == nil && c.blockedSince == 0 && (c.carry == nil || len(c.carry.pong) == 0)
}

// carry is what a connection keeps between two reads. Silent connections have none.
type carry struct {
	partial       []byte // incomplete frame, see keepBytes
	pong          []byte // answer to the newest ping, not sent yet
	tag           uint32 // of the newest pong, see AppendTaggedPing
	tagAt         int64
	writeErr      error // of a failed write, see writeFailed
	writeFailedAt int64
}

func (c *Conn) ensureCarry() *carry {
	if c.carry == nil {
		c.carry = &carry{}
	}
	return c.carry
}

// keep keeps an incomplete frame for the next read.
func (c *Conn) keep(partial []byte) {
	if c.carry != nil || len(partial) > 0 {
		l := c.ensureCarry()
		l.partial = keepBytes(l.partial, partial)
	}
}

// readAfterFailedWrite is how long a connection is still read after a failed write, in
// nanoseconds. Mostly the first read without data reports the end earlier.
const readAfterFailedWrite = int64(time.Second)

// writeFailed records the error of a failed write.
func (c *Conn) writeFailed(now int64, why error) {
	l := c.ensureCarry()
	l.writeErr, l.writeFailedAt = why, now
	if c.blockedSince == 0 {
		c.blockedSince = now
	}
}

func (c *Conn) writeHasFailed() bool { return c.carry != nil && c.carry.writeErr != nil }

// Read reads at most [MaxReadBytes] and passes whole messages to r in order. It uses
// the memory of b, which calls it for each connection that can't be read in its loop.
// It answers pings and close frames, and closes the connection after a violation of
// the protocol.
func (c *Conn) Read(now int64, b *ReadBatch, r Receiver) {
	before := c.bytesIn
	err := c.ended
	if err == nil {
		err = c.readAlone(now, b, r)
	}
	r.Received(Received{Bytes: int(c.bytesIn - before), LastReceived: c.lastReceived, Blocked: c.Blocked(), Err: err})
}

func (c *Conn) readAlone(now int64, b *ReadBatch, r Receiver) error {
	buf := b.room(int(c.maxMessage))
	held := 0
	if c.carry != nil {
		held = copy(buf, c.carry.partial)
	}
	for range readsPerCall {
		n, readErr := c.stream.Read(buf[held:])
		full := held+n == len(buf)
		used, err := c.deliver(now, buf[:held+n], n, &b.parser, r)
		if err != nil {
			return err
		}
		held = copy(buf, buf[used:held+n])
		if readErr != nil {
			return c.endRead(now, nil, readErr)
		}
		if !full {
			break
		}
	}
	return c.endRead(now, buf[:held], nil)
}

// deliver passes whole messages at the start of b to r and returns the length of their
// frames. The last n bytes of b are new.
func (c *Conn) deliver(now int64, b []byte, n int, parser *frameParser, r Receiver) (used int, err error) {
	if n > 0 || c.lastReceived == 0 || c.unread {
		c.lastReceived = now
	}
	if n == 0 && !c.unread {
		return 0, nil // the kept frame is still incomplete
	}
	c.unread = false
	c.bytesIn += uint64(n)
	parser.maxMessage = int(c.maxMessage)
	for used < len(b) {
		op, payload, size, fault := parser.next(b[used:])
		if fault != nil {
			return 0, c.refuse(fault)
		}
		if size == 0 {
			return used, nil
		}
		used += size
		switch op {
		case ws.OpBinary:
			err = r.Message(payload)
		case ws.OpPing:
			// RFC 6455, 5.5.3: only the newest of several pings must be answered,
			// which limits the cost of a flood.
			l := c.ensureCarry()
			l.pong = appendControl(l.pong[:0], ws.OpPong, payload)
		case ws.OpClose:
			return 0, c.peerClosed(payload)
		case ws.OpPong:
			c.keepPong(now, payload)
		default: // there are no others
		}
		if c.ended != nil { // the receiver closed
			return 0, c.ended
		}
		if err != nil {
			return 0, c.refuse(err)
		}
	}
	return used, nil
}

// endRead ends a read: it keeps an incomplete frame, fails if the socket did, and
// answers a ping.
func (c *Conn) endRead(now int64, partial []byte, readErr error) error {
	c.keep(partial)
	if err := c.answerTLS(now); err != nil {
		readErr = cmp.Or(readErr, err)
	}
	if readErr != nil {
		return c.fail(readErr)
	}
	if c.writeHasFailed() && now-c.carry.writeFailedAt >= readAfterFailedWrite {
		return c.fail(c.carry.writeErr)
	}
	c.sendPong(now)
	return nil
}

// answerTLS sends what the TLS layer wrote by itself while it was reading. A client that
// asks for more answers than it receives ends the connection.
func (c *Conn) answerTLS(now int64) error {
	if c.records == nil {
		return nil
	}
	b := c.records.Answer()
	if len(b) == 0 {
		return nil
	}
	if err := sendAnswer(c.stream, b); err != nil {
		return err
	}
	if c.stream.Pending() {
		c.blockedSince = cmp.Or(c.blockedSince, now)
	}
	return nil
}

// refuse closes the connection with the code of err.
func (c *Conn) refuse(err error) error {
	if closeErr, ok := errors.AsType[*CloseError](err); ok {
		c.close(err, closeErr.Code, closeErr.Reason)
	} else {
		c.close(err, closeInternal, "")
	}
	return err
}

func (c *Conn) peerClosed(payload []byte) error {
	closed, fault := parseClose(payload)
	if fault != nil {
		return c.refuse(fault)
	}
	c.close(closed, closed.Code, "")
	return closed
}

// Write sends whole frames (see [Frame]), at most [MaxWrite] bytes. It reports false
// if it did not accept them, because part of an earlier frame is unsent or a write has
// failed. It does not keep the slice.
func (c *Conn) Write(now int64, frames []byte) (taken bool, err error) {
	if len(frames) > MaxWrite {
		return false, c.fail(errTooLong)
	}
	if idle, err := c.Flush(now); !idle {
		return false, err
	}
	return c.send(now, frames), nil
}

// Flush tries to send the unsent part of an earlier frame. It reports whether the
// connection is idle: nothing is unsent.
func (c *Conn) Flush(now int64) (idle bool, err error) {
	if c.ended != nil {
		return false, c.ended
	}
	if c.writeHasFailed() {
		return false, nil
	}
	if c.stream.Pending() {
		progress, err := c.stream.Flush()
		if err != nil {
			c.writeFailed(now, err)
			return false, nil
		}
		if c.stream.Pending() {
			if progress || c.blockedSince == 0 {
				c.blockedSince = now
			}
			return false, nil
		}
	}
	c.blockedSince = 0
	c.sendPong(now)
	return !c.Blocked(), nil
}

// sendPong answers the newest ping, unless part of a frame is unsent; then the Flush
// that sends the part also answers the ping.
func (c *Conn) sendPong(now int64) {
	if c.carry == nil || len(c.carry.pong) == 0 || c.Blocked() {
		return
	}
	pong := c.carry.pong
	c.carry.pong = pong[:0]
	c.send(now, pong)
}

func (c *Conn) send(now int64, b []byte) (taken bool) {
	if err := c.stream.Send(b); err != nil {
		c.writeFailed(now, err)
		return false
	}
	c.wrote(now, len(b))
	return true
}

// Blocked reports whether Write would accept nothing.
func (c *Conn) Blocked() bool { return c.ended == nil && (c.writeHasFailed() || c.stream.Pending()) }

// BlockedSince is when the socket last accepted a byte while part of a frame is unsent,
// or when a write failed. It is 0 for a connection that is not blocked.
func (c *Conn) BlockedSince() int64 {
	if !c.Blocked() {
		return 0
	}
	return c.blockedSince
}

// Close sends a close frame, unless part of another frame is unsent, and releases the
// connection. Further calls do nothing.
func (c *Conn) Close(code protocol.CloseCode, reason string) {
	c.close(net.ErrClosed, code, reason)
}

func (c *Conn) close(why error, code protocol.CloseCode, reason string) {
	if c.ended != nil {
		return
	}
	var room [2 + maxPong]byte
	c.release(why, appendCloseFrame(room[:0], code, reason))
}

// fail releases a connection without a close frame.
func (c *Conn) fail(why error) error {
	c.release(why, nil)
	return c.ended
}

func (c *Conn) release(why error, lastFrame []byte) {
	if c.ended != nil {
		return
	}
	c.ended = why
	c.stream.Shutdown(lastFrame)
	c.keep(nil)
	c.carry = nil
}

// RoundTrip is how long the client's kernel takes to acknowledge bytes (tcpi_rtt of
// TCP_INFO, smoothed), and the mean deviation of that time. A script of the client can
// hold neither back. ok is false where the system does not measure it, or where the
// socket's peer is a proxy; see [Upgrader.Proxied].
func (c *Conn) RoundTrip() (rtt, deviation time.Duration, ok bool) {
	if m, measures := c.stream.(roundTripper); measures && !c.proxied && c.ended == nil {
		return m.RoundTrip()
	}
	return 0, 0, false
}

// roundTripper is a [Stream] whose socket measures round trips.
type roundTripper interface {
	RoundTrip() (rtt, deviation time.Duration, ok bool)
}

// Pong returns the tag of the last pong that answers [AppendTaggedPing], 0 if there was
// none, and when it was read.
func (c *Conn) Pong() (tag uint32, at int64) {
	if c.carry == nil {
		return 0, 0
	}
	return c.carry.tag, c.carry.tagAt
}

func (c *Conn) keepPong(now int64, payload []byte) {
	if len(payload) == tagSize {
		l := c.ensureCarry()
		l.tag, l.tagAt = binary.BigEndian.Uint32(payload), now
	}
}

// Aborter is a Stream that can be cut off by another goroutine than its owner.
type Aborter interface {
	// Abort sends lastFrame if possible, and ends the connection in both directions. It
	// keeps the descriptor, which belongs to the owner until Shutdown. It is safe for
	// concurrent use.
	Abort(lastFrame []byte)
	// Released reports whether Shutdown was called. It is safe for concurrent use.
	Released() bool
}

// Abort cuts the connection off from outside, while its owner can't close it: for a
// match that hangs. The owner still calls Close, if it ever can. Abort is safe for
// concurrent use, and does nothing for a Stream that is no [Aborter].
func (c *Conn) Abort(code protocol.CloseCode, reason string) {
	if s, ok := c.stream.(Aborter); ok {
		var room [2 + maxPong]byte
		s.Abort(appendCloseFrame(room[:0], code, reason))
	}
}

// Released reports whether the connection has ended and its descriptor is closed or
// about to be. It is safe for concurrent use.
func (c *Conn) Released() bool {
	s, ok := c.stream.(Aborter)
	return ok && s.Released()
}

// LastReceived is the time of the last read with data, or of the first read.
func (c *Conn) LastReceived() int64 { return c.lastReceived }

// BytesIn counts the bytes received, frame headers included, records of TLS not.
func (c *Conn) BytesIn() uint64 { return c.bytesIn }

// BytesOut counts the bytes accepted for sending, frame headers included, records of TLS
// not.
func (c *Conn) BytesOut() uint64 { return c.bytesOut }
