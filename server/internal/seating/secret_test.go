package seating

import (
	"strings"
	"testing"
)

func TestSecretKey_checksWithoutSeat(t *testing.T) {
	key, other := newSecretKey(), newSecretKey()
	good := key.secret(3, 7)
	if g, ok := key.check(3, good); !ok || g != 7 {
		t.Fatalf("a good one: generation %d, %v", g, ok)
	}
	for what, shown := range map[string]string{
		"nothing":            "",
		"no hexadecimal":     strings.Repeat("x", len(good)),
		"cut short":          good[:len(good)-2],
		"longer":             good + "00",
		"another generation": "00000008" + good[8:],
		"another key's":      other.secret(3, 7),
		"another seat's":     key.secret(4, 7),
	} {
		if _, ok := key.check(3, shown); ok {
			t.Errorf("%s passes", what)
		}
	}
}
