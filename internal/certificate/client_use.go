// Package certificate answers questions about X.509 certificates that game
// servers and matchmakers both ask. It stands on the standard library.
package certificate

import (
	"crypto/x509"
	"slices"
)

// AllowsClientUse reports whether a peer that verifies client certificates
// accepts the certificate: it lists the extended key usage clientAuth or any, or
// restricts its use not at all (RFC 5280, section 4.2.1.12).
func AllowsClientUse(leaf *x509.Certificate) bool {
	return len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}
