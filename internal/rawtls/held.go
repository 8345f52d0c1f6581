package rawtls

import "sync"

// smallSize is enough for the first part of most inputs.
const smallSize = 256

// small holds buffers for bytes that are kept between reads. A connection without such
// bytes holds no buffer.
var small = sync.Pool{New: func() any { return new([smallSize]byte) }}

// hold appends b to the bytes that are kept. b must not overlap them.
func hold(held, b []byte) []byte {
	if held == nil && len(b) <= smallSize {
		return append(small.Get().(*[smallSize]byte)[:0], b...)
	}
	if len(held)+len(b) <= cap(held) {
		return append(held, b...)
	}
	defer release(held)
	return append(append(make([]byte, 0, 2*len(held)+len(b)), held...), b...)
}

// discard removes the first n kept bytes.
func discard(held []byte, n int) []byte {
	if n < len(held) {
		return held[:copy(held, held[n:])]
	}
	release(held)
	return nil
}

func release(held []byte) {
	if cap(held) == smallSize {
		small.Put((*[smallSize]byte)(held[:smallSize]))
	}
}
