package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// Prefixes keep guests and the issuer's users apart.
const (
	guestPrefix = "g-"
	userPrefix  = "u-"
)

// IsGuest reports whether the id is that of a guest.
func IsGuest(player string) bool { return strings.HasPrefix(player, guestPrefix) }

// userID makes a player's id of the issuer's id. Letters and digits of ASCII, '-',
// '_', '.' and '@' stay; other bytes become %XX; a result that is too long is
// replaced by a hash. Different ids of the issuer give different results, because '%'
// and '=' never stand for themselves.
func userID(subject string) string {
	var b strings.Builder
	b.WriteString(userPrefix)
	for _, c := range []byte(subject) {
		if plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() <= maxPlayerID {
		return b.String()
	}
	sum := sha256.Sum256([]byte(subject))
	return userPrefix + "=" + base64.RawURLEncoding.EncodeToString(sum[:])
}

func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '_' || c == '.' || c == '@'
}
