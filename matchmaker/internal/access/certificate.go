package access

import (
	"crypto/x509"
	"slices"
	"strings"
)

const uriScheme = "tactus"

// Certified returns the caller that a certificate names: by its URIs
// tactus://ROLE and tactus://server/ID (subject alternative names, RFC 5280, section
// 4.2.1.6), else by those of its organizational units that are roles. A certificate
// that names no role is a game server's. One with an unknown tactus:// URI has none,
// so that a mistake is noticed.
func Certified(leaf *x509.Certificate) Caller {
	var c Caller
	named := false
	for _, uri := range leaf.URIs {
		if uri.Scheme != uriScheme {
			continue
		}
		named = true
		text := uri.Host
		if id := strings.TrimPrefix(uri.Path, "/"); id != "" {
			text += "/" + id
		}
		if role, err := parse(text); err == nil {
			c = c.with(role)
		}
	}
	if named {
		return c
	}
	for _, unit := range leaf.Subject.OrganizationalUnit {
		if i := slices.Index(names, strings.ToLower(unit)); i >= 0 {
			c.Roles |= 1 << i
		}
	}
	if c.Roles == 0 {
		c.Roles = GameServer
	}
	return c
}
