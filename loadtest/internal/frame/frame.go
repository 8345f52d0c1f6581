// Package frame reads and writes the WebSocket frames of simulated clients, without
// allocating.
package frame

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// ErrInvalid is returned for bytes that break the WebSocket protocol or ours: a masked,
// fragmented, compressed or oversized frame.
var ErrInvalid = errors.New("loadtest: the server sent a bad frame")

// Frame is one WebSocket frame. Payload is part of the bytes that it was read from.
type Frame struct {
	Op      ws.OpCode
	Payload []byte
}

// Cut returns the first frame of b and the bytes after it, and false when b ends
// before the frame does.
func Cut(b []byte) (f Frame, rest []byte, complete bool, err error) {
	if len(b) < 2 {
		return Frame{}, b, false, nil
	}
	const finBit, rsvBits, maskBit = 0x80, 0x70, 0x80
	op := ws.OpCode(b[0] & 0x0f)
	if b[0]&finBit == 0 || b[0]&rsvBits != 0 || b[1]&maskBit != 0 || op == ws.OpContinuation {
		return Frame{}, b, false, ErrInvalid
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		if head = 4; len(b) < head {
			return Frame{}, b, false, nil
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return Frame{}, b, false, nil
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > protocol.MaxServerMessage || op.IsControl() && size > ws.MaxControlFramePayloadSize {
		return Frame{}, b, false, ErrInvalid
	}
	end := head + int(size)
	if len(b) < end {
		return Frame{}, b, false, nil
	}
	return Frame{Op: op, Payload: b[head:end]}, b[end:], true, nil
}

// Room is what [Begin] leaves free for a client frame's head: two
// bytes, two more of length, and the mask.
const Room = 8

// Begin starts a client's frame at the end of dst. Its caller appends the payload to
// what it returns and then calls [End].
func Begin(dst []byte) []byte {
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
}

// End finishes the frame that began at start in b: it masks the payload and writes
// the head right before it. The frame is b[from:].
func End(b []byte, start int, op ws.OpCode, mask uint32) (from int) {
	const finBit, maskBit, extended = 0x80, 0x80, 126
	payload := b[start+Room:]
	key := binary.LittleEndian.AppendUint32(b[:start+Room-4], mask)[start+Room-4:]
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	if len(payload) < extended {
		from = start + 2
		b[from], b[from+1] = finBit|byte(op), maskBit|byte(len(payload))
		return from
	}
	b[start], b[start+1] = finBit|byte(op), maskBit|extended
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(payload)))
	return start
}
