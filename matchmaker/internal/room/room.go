// Package room makes and reads the codes of private rooms. A private match's id
// carries its code, so that a matchmaker that restarts knows the rooms again
// as soon as the servers tell their matches, and finds the match of a code
// without a table.
package room

import (
	"crypto/rand"
	"strings"
)

const (
	// alphabet has no 0, 1, I, L, O or U: nothing that reads like another.
	alphabet   = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 6
	prefix     = "room-"
)

// NewCode draws a code: 30^6, about 2^29 possibilities.
func NewCode() string {
	code := make([]byte, 0, codeLength)
	var buf [16]byte
	for len(code) < codeLength {
		_, _ = rand.Read(buf[:]) // never fails, see crypto/rand
		for _, b := range buf {
			// 240 is the largest multiple of 30 in a byte; above it the
			// remainder would favour the first letters.
			if b < 240 && len(code) < codeLength {
				code = append(code, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(code)
}

// Parse reads a code as people type it: in any case, with spaces and dashes.
func Parse(typed string) (code string, ok bool) {
	if len(typed) > 32 {
		return "", false
	}
	out := make([]byte, 0, codeLength)
	for _, c := range []byte(strings.ToUpper(typed)) {
		switch {
		case c == ' ' || c == '-':
			continue
		case strings.IndexByte(alphabet, c) < 0 || len(out) == codeLength:
			return "", false
		}
		out = append(out, c)
	}
	return string(out), len(out) == codeLength
}

// IsMatch reports whether a match is a private room's.
func IsMatch(id string) bool { return strings.HasPrefix(id, prefix) }

// MatchID is the id of the private match with the code.
func MatchID(code string) string { return prefix + strings.ToLower(code) }
