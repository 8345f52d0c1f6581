package certificate_test

import (
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"tactus/internal/certificate"
)

func TestAllowsClientUse_byExtendedKeyUsage(t *testing.T) {
	for name, tt := range map[string]struct {
		leaf x509.Certificate
		want bool
	}{
		"no restriction":     {want: true},
		"both":               {leaf: x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, want: true},
		"any":                {leaf: x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}, want: true},
		"server only":        {leaf: x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}},
		"an unknown use":     {leaf: x509.Certificate{UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3}}}},
		"unknown and server": {leaf: x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := certificate.AllowsClientUse(&tt.leaf); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
