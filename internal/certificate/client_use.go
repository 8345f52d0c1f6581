package certificate

import (
	"crypto/x509"
	"slices"
)

// ClientUse reports whether the process's own certificate may be presented to
// peers that verify client certificates. It is true without a certificate.
func (l Loaded) ClientUse() bool {
	return len(l.Certificates) == 0 || l.Certificates[0].Leaf == nil || AllowsClientUse(l.Certificates[0].Leaf)
}

// AllowsClientUse reports whether a peer that verifies client certificates accepts
// the certificate: it lists the extended key usage clientAuth or any, or does not
// restrict its use (RFC 5280, section 4.2.1.12).
func AllowsClientUse(leaf *x509.Certificate) bool {
	return len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}
