package session

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

// SecretKey makes the secrets that the players of a match show to come back to
// their seats. They are derived, so that a false one is told without the match.
type SecretKey [keySize]byte

// NewSecretKey makes a random key.
func NewSecretKey() (k SecretKey) {
	_, _ = rand.Read(k[:]) // never fails since Go 1.24
	return k
}

// secret is that of a connection: its number, which grows by one with each that a
// seat gets, and a sum over number and slot.
func (k *SecretKey) secret(slot game.Slot, generation uint32) string {
	b := binary.BigEndian.AppendUint32(nil, generation)
	return hex.EncodeToString(k.appendSum(b, slot, generation))
}

func (k *SecretKey) appendSum(dst []byte, slot game.Slot, generation uint32) []byte {
	var text [8]byte
	binary.BigEndian.PutUint32(text[:], uint32(slot))
	binary.BigEndian.PutUint32(text[4:], generation)
	h := hmac.New(sha256.New, k[:])
	_, _ = h.Write(text[:])
	return append(dst, h.Sum(nil)[:macSize]...)
}

// Check returns the generation of a secret that was made for the slot. It may be
// called by anybody. [Seat.Knows] says whether the secret is still good.
func (k *SecretKey) Check(slot game.Slot, shown string) (generation uint32, ok bool) {
	b, err := hex.DecodeString(shown)
	if err != nil || len(b) != generationSize+macSize {
		return 0, false
	}
	generation = binary.BigEndian.Uint32(b)
	sum := k.appendSum(nil, slot, generation)
	return generation, subtle.ConstantTimeCompare(b[generationSize:], sum) == 1
}
