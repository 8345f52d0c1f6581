// Package wstest makes WebSocket connections for tests of other packages: in
// memory ([Pair]), where bytes have arrived when the call returns and nothing runs
// in the background, and on loopback ([Listener]), over the sockets of the system.
package wstest

import (
	"encoding/binary"
	"io"
	"time"

	gobwas "github.com/gobwas/ws"

	"tactus/internal/ws"
	"tactus/protocol"
)

// Peer is the client's end of a connection in memory. Not safe for concurrent use;
// owned by the test, which calls it while nothing uses the connection.
type Peer struct {
	toServer []byte // frames, not yet read
	toClient []byte // frames, see Received
	lost     error
	blocked  bool
	closed   bool
	code     protocol.CloseCode
	onWrite  func()

	roundTrip, deviation time.Duration
	measures             bool
}

// Pair returns a connection in memory and its client's end. A client's message has
// at most [protocol.MaxClientMessage] bytes.
func Pair() (*ws.Conn, *Peer) {
	p := &Peer{}
	return ws.NewConn(stream{p}, protocol.MaxClientMessage), p
}

// Send sends one binary message.
func (p *Peer) Send(message []byte) {
	p.toServer = appendFrame(p.toServer, gobwas.OpBinary, message)
}

// Pong sends what a client answers to a heartbeat.
func (p *Peer) Pong() { p.toServer = appendFrame(p.toServer, gobwas.OpPong, nil) }

// PongTo sends the answer to a ping with a payload.
func (p *Peer) PongTo(payload []byte) { p.toServer = appendFrame(p.toServer, gobwas.OpPong, payload) }

// Measure sets what the kernel measures of the connection; see [ws.Conn.RoundTrip].
func (p *Peer) Measure(roundTrip, deviation time.Duration) {
	p.roundTrip, p.deviation, p.measures = roundTrip, deviation, true
}

// Close sends a close frame; code 1005 makes it an empty one.
func (p *Peer) Close(code protocol.CloseCode) {
	var payload []byte
	if code != 1005 {
		payload = binary.BigEndian.AppendUint16(nil, uint16(code))
	}
	p.toServer = appendFrame(p.toServer, gobwas.OpClose, payload)
}

// Lose ends the connection. The read that gets the last of what was sent reports
// why, [io.EOF] for the end of the stream.
func (p *Peer) Lose(why error) { p.lost = why }

// Block sets whether the client has stopped reading, so that the connection takes
// no more frames.
func (p *Peer) Block(on bool) { p.blocked = on }

// OnWrite has f called whenever the connection takes frames, nil for none.
func (p *Peer) OnWrite(f func()) { p.onWrite = f }

// Received returns the frames that came since the last call, without a close
// frame. The slice is the caller's.
func (p *Peer) Received() []byte {
	b := p.toClient
	p.toClient = nil
	return b
}

// Discard drops the frames that came since the last call, and returns how many
// bytes they had. Their memory is used again.
func (p *Peer) Discard() (bytes int) {
	bytes = len(p.toClient)
	p.toClient = p.toClient[:0]
	return bytes
}

// Closed reports whether the server has released the connection. The code is that
// of its close frame, 0 if it sent none.
func (p *Peer) Closed() (code protocol.CloseCode, closed bool) { return p.code, p.closed }

// mask is what client frames are masked with.
var mask = [4]byte{0x11, 0x22, 0x33, 0x44}

// appendFrame appends a masked frame.
func appendFrame(dst []byte, op gobwas.OpCode, payload []byte) []byte {
	const fin, masked = 0x80, 0x80
	dst = append(dst, fin|byte(op))
	switch n := len(payload); {
	case n <= 125:
		dst = append(dst, masked|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	gobwas.Cipher(dst[start:], mask, 0)
	return dst
}

// stream is the server's end.
type stream struct{ p *Peer }

func (s stream) Read(b []byte) (int, error) {
	p := s.p
	n := copy(b, p.toServer)
	p.toServer = p.toServer[:copy(p.toServer, p.toServer[n:])]
	if len(p.toServer) > 0 {
		return n, nil
	}
	return n, p.lost
}

func (s stream) Send(b []byte) error {
	if s.p.closed {
		return io.ErrClosedPipe
	}
	s.p.toClient = append(s.p.toClient, b...)
	if s.p.onWrite != nil {
		s.p.onWrite()
	}
	return nil
}

func (s stream) Flush() (bool, error) { return false, nil }
func (s stream) RoundTrip() (roundTrip, deviation time.Duration, ok bool) {
	return s.p.roundTrip, s.p.deviation, s.p.measures
}

func (s stream) Pending() bool { return s.p.blocked }

func (s stream) Abort(lastFrame []byte) { s.close(lastFrame) }
func (s stream) Released() bool         { return s.p.closed }

func (s stream) Shutdown(lastFrame []byte) {
	if !s.p.closed {
		s.close(lastFrame)
	}
}

func (s stream) close(lastFrame []byte) {
	s.p.closed = true
	if len(lastFrame) >= 4 {
		s.p.code = protocol.CloseCode(binary.BigEndian.Uint16(lastFrame[2:]))
	}
}
