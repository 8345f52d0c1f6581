package loadtest

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// errFrame is returned for bytes that break the WebSocket protocol or ours: a
// masked, fragmented, compressed or oversized frame.
var errFrame = errors.New("loadtest: the server sent a bad frame")

// frame is one WebSocket frame; payload is part of the bytes it was read from.
type frame struct {
	op      ws.OpCode
	payload []byte
}

// cutFrame takes the first frame off b. It returns the bytes left, and false
// when b ends before the frame does.
func cutFrame(b []byte) (f frame, rest []byte, complete bool, err error) {
	if len(b) < 2 {
		return frame{}, b, false, nil
	}
	const finBit, rsvBits, maskBit = 0x80, 0x70, 0x80
	op := ws.OpCode(b[0] & 0x0f)
	if b[0]&finBit == 0 || b[0]&rsvBits != 0 || b[1]&maskBit != 0 || op == ws.OpContinuation {
		return frame{}, b, false, errFrame
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		if head = 4; len(b) < head {
			return frame{}, b, false, nil
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return frame{}, b, false, nil
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > protocol.MaxServerMessage || op.IsControl() && size > ws.MaxControlFramePayloadSize {
		return frame{}, b, false, errFrame
	}
	end := head + int(size)
	if len(b) < end {
		return frame{}, b, false, nil
	}
	return frame{op: op, payload: b[head:end]}, b[end:], true, nil
}

// frameRoom is what [beginFrame] leaves free for a client frame's head: two
// bytes, two more of length, and the mask.
const frameRoom = 8

// beginFrame starts a client frame at the end of dst; the payload is to be
// appended to what it returns, and [endFrame] called with the same dst.
func beginFrame(dst []byte) []byte {
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
}

// endFrame finishes the frame that began at start in b: it masks the payload
// and writes the head right before it. The frame is b[from:].
func endFrame(b []byte, start int, op ws.OpCode, mask uint32) (from int) {
	const finBit, maskBit, extended = 0x80, 0x80, 126
	payload := b[start+frameRoom:]
	key := binary.LittleEndian.AppendUint32(b[:start+frameRoom-4], mask)[start+frameRoom-4:]
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
