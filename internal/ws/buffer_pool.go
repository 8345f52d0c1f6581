package ws

import (
	"sync"

	"tactus/protocol"
)

// smallBuffer is the size for most incomplete frames, which are the start of an
// input.
const smallBuffer = 128

// The pools hold buffers for incomplete frames. A connection without one holds no
// buffer.
var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// largeBuffer is the size for the longest frame of the default limit, and for most
// snapshots.
const largeBuffer = headerMax + protocol.MaxClientMessage

// keepBytes copies b into a buffer that replaces old, the result of an earlier call
// or nil. It returns nil for an empty b. b must not overlap old.
func keepBytes(old, b []byte) []byte {
	if len(b) > 0 && len(b) <= cap(old) {
		return append(old[:0], b...)
	}
	releaseBuffer(old)
	switch {
	case len(b) == 0:
		return nil
	case len(b) <= smallBuffer:
		return append(smallBuffers.Get().(*[smallBuffer]byte)[:0], b...)
	case len(b) <= largeBuffer:
		return append(largeBuffers.Get().(*[largeBuffer]byte)[:0], b...)
	default:
		return append([]byte(nil), b...)
	}
}

func releaseBuffer(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}
