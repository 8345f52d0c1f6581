package ws

import (
	"cmp"
	"errors"
	"math"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

const (
	// readSize is a little more than any client sends in a tick.
	readSize = 8 << 10
	// readsPerCall bounds the reads of one [Conn.Read]; only a client that fills
	// the whole memory is read more than once.
	readsPerCall = 4
	// MaxReadBytes is the most one [Conn.Read] takes from a socket.
	MaxReadBytes = readsPerCall * readSize
	// MaxWrite is the most one Write takes, in bytes: two of the largest
	// server messages.
	MaxWrite = 2 << 20
)

// errTooLong is a mistake of the caller.
var errTooLong = errors.New("ws: write is longer than MaxWrite")

// Stream is what a connection sends and receives through. It never waits. Not
// safe for concurrent use; owned by its Conn.
type Stream interface {
	// Read returns what has arrived, nothing and no error for nothing yet, io.EOF
	// when the peer sends no more.
	Read(b []byte) (int, error)
	// Send takes all of b and keeps what the socket does not. It is called only
	// when nothing is pending.
	Send(b []byte) error
	// Flush tries to send what was kept.
	Flush() error
	// Pending reports whether anything is kept.
	Pending() bool
	// Shutdown sends lastFrame if it can, nil for none, and releases the socket.
	Shutdown(lastFrame []byte)
}

// Conn is one client's WebSocket, driven by the goroutine that runs its match.
// Not safe for concurrent use; owned by that goroutine. Nothing in it waits. On a
// raw descriptor nothing locks, and nothing allocates while frames come and go
// whole.
//
// A method that returns an error has ended and released the connection; Close
// may still be called. A failed write is no such error: what the peer sent before
// it closed is still to be read, so Read reports the failure, behind that. Times
// are nanoseconds of any clock the caller chooses, greater than 0.
type Conn struct {
	stream       Stream // the one place where bytes come and go
	ended        error  // why, once over
	carry        *carry // nil until there are some
	maxMessage   int32
	fd           int32 // of a raw stream, noDescriptor where it is another
	unread       bool  // carry.partial came with the handshake and may hold whole frames
	blockedSince int64 // 0: nothing is pending, as far as is known
	lastReceived int64
	bytesIn      uint64
	bytesOut     uint64
}

// NewConn makes a connection of a stream over which frames come and go, for
// streams that are not of this package. A client's message has at most maxMessage
// bytes.
func NewConn(s Stream, maxMessage int) *Conn {
	return &Conn{stream: s, fd: noDescriptor, maxMessage: int32(min(maxMessage, math.MaxInt32))}
}

const noDescriptor = -1

// writable reports whether frames may be written to the descriptor at once.
func (c *Conn) writable() bool {
	return c.fd >= 0 && c.ended == nil && c.blockedSince == 0 && (c.carry == nil || len(c.carry.pong) == 0)
}

// carry is what is left between two polls; silent connections have none.
type carry struct {
	partial       []byte // start of a frame whose rest has not come; see keepBytes
	pong          []byte // answer to the newest ping, not yet sent
	writeErr      error  // of a write, see writeFailed
	writeFailedAt int64
}

func (c *Conn) ensureCarry() *carry {
	if c.carry == nil {
		c.carry = &carry{}
	}
	return c.carry
}

// keep holds what a poll could not use yet.
func (c *Conn) keep(partial []byte) {
	if c.carry != nil || len(partial) > 0 {
		l := c.ensureCarry()
		l.partial = keepBytes(l.partial, partial)
	}
}

// readAfterFailedWrite is how long a connection that can't be written to is read, in
// nanoseconds; mostly the socket ends it at the first read that finds nothing.
const readAfterFailedWrite = int64(time.Second)

// writeFailed notes that a write failed.
func (c *Conn) writeFailed(now int64, why error) {
	l := c.ensureCarry()
	l.writeErr, l.writeFailedAt = why, now
	if c.blockedSince == 0 {
		c.blockedSince = now
	}
}

func (c *Conn) writeHasFailed() bool { return c.carry != nil && c.carry.writeErr != nil }

// Read reads what has arrived, at most [MaxReadBytes], and hands whole messages to
// r in order. It works in the memory of b, which calls it for connections that
// can't take part in its loop. It answers pings, the client's close, and breaches
// of the protocol.
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
			return c.fail(readErr)
		}
		if !full {
			break
		}
	}
	return c.endRead(now, buf[:held], nil)
}

// deliver hands whole messages at the start of b to r, of which the last n bytes
// are new, and returns their length.
func (c *Conn) deliver(now int64, b []byte, n int, parser *frameParser, r Receiver) (used int, err error) {
	if n > 0 || c.lastReceived == 0 || c.unread {
		c.lastReceived = now
	}
	if n == 0 && !c.unread {
		return 0, nil // what is kept is still incomplete
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
			// RFC 6455, 5.5.3: of several pings the newest may be answered
			// alone, which bounds what a flood of them costs.
			l := c.ensureCarry()
			l.pong = appendControl(l.pong[:0], ws.OpPong, payload)
		case ws.OpClose:
			return 0, c.peerClosed(payload)
		default: // a pong has arrived, which is all it is for
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
	if readErr != nil {
		return c.fail(readErr)
	}
	if c.writeHasFailed() && now-c.carry.writeFailedAt >= readAfterFailedWrite {
		return c.fail(c.carry.writeErr)
	}
	c.sendPong(now)
	return nil
}

// refuse ends the connection with the number that err carries.
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

// Write sends whole frames (see [Frame]), at most [MaxWrite] bytes. It reports
// false when an earlier frame is still on its way, or a write has failed, and this
// one was not taken. The bytes are the caller's again when it returns.
func (c *Conn) Write(now int64, frames []byte) (taken bool, err error) {
	if len(frames) > MaxWrite {
		return false, c.fail(errTooLong)
	}
	if idle, err := c.Flush(now); !idle {
		return false, err
	}
	return c.send(now, frames), nil
}

// Flush tries again to send the rest of the last frame; idle is true when nothing
// is left.
func (c *Conn) Flush(now int64) (idle bool, err error) {
	if c.ended != nil {
		return false, c.ended
	}
	if c.writeHasFailed() {
		return false, nil
	}
	if c.stream.Pending() {
		if err := c.stream.Flush(); err != nil {
			c.writeFailed(now, err)
			return false, nil
		}
		if c.stream.Pending() {
			c.blockedSince = cmp.Or(c.blockedSince, now)
			return false, nil
		}
	}
	c.blockedSince = 0
	c.sendPong(now)
	return !c.Blocked(), nil
}

// sendPong answers the newest ping, unless a frame's rest is in its way; then
// the Flush that clears the way does.
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

// wrote notes that the stream took n bytes.
func (c *Conn) wrote(now int64, n int) {
	c.bytesOut += uint64(n)
	if c.stream.Pending() {
		c.blockedSince = now
	}
}

// Blocked reports whether Write would have to refuse.
func (c *Conn) Blocked() bool { return c.ended == nil && (c.writeHasFailed() || c.stream.Pending()) }

// BlockedSince is the time of the Write whose rest is still unsent or that failed,
// 0 for none.
func (c *Conn) BlockedSince() int64 {
	if !c.Blocked() {
		return 0
	}
	return c.blockedSince
}

// Close sends a close frame, unless the rest of another frame is in its way, and
// releases the connection. Only the first call counts.
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

// fail releases a connection on which nothing more can be said.
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

// LastReceived is the time of the last Read that got bytes; the first Read counts
// as one.
func (c *Conn) LastReceived() int64 { return c.lastReceived }

// BytesIn counts the bytes received, frame headers included.
func (c *Conn) BytesIn() uint64 { return c.bytesIn }

// BytesOut counts the bytes taken for sending, frame headers included.
func (c *Conn) BytesOut() uint64 { return c.bytesOut }
