package ws

import (
	"sync"

	"tactus/protocol"
)

// smallBuffer holds most of what is left over between two polls: the start of
// an input.
const smallBuffer = 128

// Buffers of connections that wait for the rest of something. Whoever waits
// for nothing holds none.
var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// largeBuffer holds the longest frame of the default limit, and most snapshots.
const largeBuffer = headerMax + protocol.MaxClientMessage

// keepBytes returns a buffer with a copy of b in place of the one a former call
// returned (nil at first), and nil for an empty b. b may not overlap old.
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
