package game

import "math/bits"

// Hash is a running hash over words: two independent 32-bit lanes of the
// MurmurHash3 body (Austin Appleby, public domain), so that a browser can
// compute one lane with Math.imul. It finds divergence, not malice.
type Hash struct {
	a, b uint32
	n    uint32
}

// NewHash returns the empty hash.
func NewHash() Hash { return Hash{a: 0x54414354, b: 0x55533031} }

// Word adds one word.
func (h *Hash) Word(w uint32) {
	h.a, h.b = mixIn(h.a, h.b, w)
	h.n++
}

// Words adds a run of words.
func (h *Hash) Words(ws []uint32) {
	a, b := h.a, h.b // in registers: each word depends on the one before
	for _, w := range ws {
		a, b = mixIn(a, b, w)
	}
	h.a, h.b, h.n = a, b, h.n+uint32(len(ws))
}

func mixIn(a, b, w uint32) (uint32, uint32) {
	a = bits.RotateLeft32(a^bits.RotateLeft32(w*0xcc9e2d51, 15)*0x1b873593, 13)*5 + 0xe6546b64
	b = bits.RotateLeft32(b^bits.RotateLeft32(w*0x85ebca6b, 17)*0xc2b2ae35, 11)*5 + 0x38b34ae5
	return a, b
}

// Sum32 is lane one, what a client compares.
func (h Hash) Sum32() uint32 { return mix(h.a ^ h.n) }

// Sum64 is both lanes, what servers and replays compare.
func (h Hash) Sum64() uint64 { return uint64(mix(h.a^h.n))<<32 | uint64(mix(h.b^h.n)) }

func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}
