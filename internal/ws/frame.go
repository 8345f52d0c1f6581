package ws

import (
	"encoding/binary"
	"io"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// FrameRoom is the number of free bytes that [Frame] needs in front of a payload.
const FrameRoom = 10

const (
	finBit    = 0x80
	rsvBits   = 0x70
	opBits    = 0x0f
	maskBit   = 0x80
	lenBits   = 0x7f
	maxPong   = ws.MaxControlFramePayloadSize
	headerMax = ws.MaxHeaderSize
)

// Frame makes a binary frame of buf, which consists of [FrameRoom] free bytes and the
// payload. The result is a part of buf: a frame is built in place and sent with one
// write.
func Frame(buf []byte) []byte {
	n := len(buf) - FrameRoom
	switch {
	case n <= 125:
		b := buf[FrameRoom-2:]
		b[0], b[1] = finBit|byte(ws.OpBinary), byte(n)
		return b
	case n <= 0xFFFF:
		b := buf[FrameRoom-4:]
		b[0], b[1] = finBit|byte(ws.OpBinary), 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
		return b
	default:
		buf[0], buf[1] = finBit|byte(ws.OpBinary), 127
		binary.BigEndian.PutUint64(buf[2:], uint64(n))
		return buf
	}
}

// AppendPing appends a ping, which is a whole frame. The answer to it moves
// [Conn.LastReceived].
func AppendPing(dst []byte) []byte { return appendControl(dst, ws.OpPing, nil) }

// AppendTaggedPing appends a ping with a tag, so that its answer is known from others:
// see [Conn.Pong].
func AppendTaggedPing(dst []byte, tag uint32) []byte {
	var payload [tagSize]byte
	binary.BigEndian.PutUint32(payload[:], tag)
	return appendControl(dst, ws.OpPing, payload[:])
}

const tagSize = 4

// appendControl appends an unmasked control frame; payload has at most 125
// bytes.
func appendControl(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, finBit|byte(op), byte(len(payload)))
	return append(dst, payload...)
}

// frameParser splits a byte stream into client frames. It checks each byte of a
// header as soon as it has arrived.
type frameParser struct {
	maxMessage int
	src        sliceReader
	header     [headerMax]byte
}

// next reads the frame at the start of b and unmasks its payload in place. The payload
// is a part of b. A size of 0 without a fault means that the frame is incomplete.
func (p *frameParser) next(b []byte) (op ws.OpCode, payload []byte, size int, fault *CloseError) {
	if n := shortBinary(b); n > 0 && n-shortHead <= p.maxMessage {
		payload = b[shortHead:n:n]
		ws.Cipher(payload, [4]byte(b[shortHead-4:]), 0)
		return ws.OpBinary, payload, n, nil
	}
	if fault = checkStart(b); fault != nil || len(b) < 2 {
		return 0, nil, 0, fault
	}
	p.src = b
	h, err := ws.ReadHeaderBuffer(&p.src, p.header[:0])
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // a slice's reader returns the values themselves
		return 0, nil, 0, nil
	}
	if err != nil {
		return 0, nil, 0, protocolError("frame length with its top bit set")
	}
	if h.Length > int64(p.maxMessage) {
		return 0, nil, 0, &CloseError{Code: protocol.CloseTooBig, Reason: "message is over the limit"}
	}
	head := len(b) - len(p.src)
	if head != ws.HeaderSize(h) {
		return 0, nil, 0, protocolError("frame length is not in its shortest form")
	}
	size = head + int(h.Length)
	if len(b) < size {
		return 0, nil, 0, nil
	}
	payload = b[head:size:size]
	ws.Cipher(payload, h.Mask, 0)
	return h.OpCode, payload, size, nil
}

// shortHead is the size of the header of a masked frame of up to 125 bytes.
const shortHead = 6

// shortBinary returns the size of the frame at the start of b if it is whole, binary,
// masked and short, as inputs are. It returns 0 for other frames, which take the slow
// path.
func shortBinary(b []byte) int {
	if len(b) < shortHead || b[0] != finBit|byte(ws.OpBinary) || b[1] < maskBit || b[1] > maskBit|maxPong {
		return 0
	}
	if n := shortHead + int(b[1]&lenBits); n <= len(b) {
		return n
	}
	return 0
}

// checkStart checks the first one or two bytes of a frame.
func checkStart(b []byte) *CloseError {
	if len(b) == 0 {
		return nil
	}
	op := ws.OpCode(b[0] & opBits)
	switch {
	case b[0]&rsvBits != 0:
		return protocolError("frame with RSV bits, but no extension was agreed on")
	case op.IsReserved():
		return protocolError("frame with a reserved opcode")
	case op == ws.OpText:
		return protocolError("text frame; messages are binary")
	case op == ws.OpContinuation || b[0]&finBit == 0:
		return protocolError("fragmented message; send each in one frame")
	case len(b) == 1:
		return nil
	case b[1]&maskBit == 0:
		return protocolError("frame without a mask")
	case op.IsControl() && b[1]&lenBits > maxPong:
		return protocolError("control frame with more than 125 bytes")
	}
	return nil
}

// sliceReader reads a slice. Unlike bytes.Reader, it can be set without an allocation
// and exposes the unread bytes.
type sliceReader []byte

func (r *sliceReader) Read(p []byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *r)
	*r = (*r)[n:]
	return n, nil
}
