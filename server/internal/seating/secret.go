package seating

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"

	"tactus/game"
)

const (
	keySize        = 32
	generationSize = 4
	macSize        = 16
)

// secretKey makes the secrets that the players of a match show to come back to their
// seats. Secrets are derived, so that a false one is recognized without the match.
type secretKey [keySize]byte

// newSecretKey makes a random key.
func newSecretKey() (k secretKey) {
	_, _ = rand.Read(k[:]) // never fails since Go 1.24
	return k
}

// secret is the secret of a connection: its generation, which grows by one with each
// connection of a seat, and a sum over generation and slot.
func (k *secretKey) secret(slot game.Slot, generation uint32) string {
	b := binary.BigEndian.AppendUint32(nil, generation)
	return hex.EncodeToString(k.appendSum(b, slot, generation))
}

func (k *secretKey) appendSum(dst []byte, slot game.Slot, generation uint32) []byte {
	var text [8]byte
	binary.BigEndian.PutUint32(text[:], uint32(slot))
	binary.BigEndian.PutUint32(text[4:], generation)
	h := hmac.New(sha256.New, k[:])
	_, _ = h.Write(text[:])
	return append(dst, h.Sum(nil)[:macSize]...)
}

// check returns the generation of a secret that was made for the slot. Seat.accepts
// reports whether the secret is still good. It is safe for concurrent use.
func (k *secretKey) check(slot game.Slot, shown string) (generation uint32, ok bool) {
	b, err := hex.DecodeString(shown)
	if err != nil || len(b) != generationSize+macSize {
		return 0, false
	}
	generation = binary.BigEndian.Uint32(b)
	sum := k.appendSum(nil, slot, generation)
	return generation, subtle.ConstantTimeCompare(b[generationSize:], sum) == 1
}
