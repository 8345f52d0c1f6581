package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"tactus/internal/certificate"
)

// tlsOptions are the options for TLS by files that each connection reads again. While
// changed files can't be used, connections use the old ones.
func tlsOptions(files certificate.Files, log *zap.Logger) ([]nats.Option, error) {
	if files == (certificate.Files{}) {
		return nil, nil
	}
	reloader, err := certificate.NewReloader(files, func(l certificate.Loaded) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: l.Authorities, Certificates: l.Certificates}, nil
	}, func(err error) {
		if err != nil {
			log.Warn("changed TLS files not usable, keeping the old ones", zap.Error(err))
			return
		}
		log.Info("TLS files reloaded", zap.String("ca", files.CA), zap.String("cert", files.Cert))
	})
	if err != nil {
		return nil, fmt.Errorf("TLS to NATS: %w", err)
	}
	var own nats.TLSCertHandler
	if files.Cert != "" {
		own = func() (tls.Certificate, error) { return reloader.Config().Certificates[0], nil }
	}
	var authorities nats.RootCAsHandler
	if files.CA != "" {
		authorities = func() (*x509.CertPool, error) { return reloader.Config().RootCAs, nil }
	}
	return []nats.Option{nats.ClientTLSConfig(own, authorities)}, nil
}

// isTLSFailure reports whether a connection failed for a certificate: another attempt
// with the same files fails, too.
func isTLSFailure(err error) bool {
	var invalid *tls.CertificateVerificationError
	return errors.As(err, &invalid) || strings.Contains(err.Error(), "remote error: tls:") ||
		errors.Is(err, nats.ErrSecureConnRequired) || errors.Is(err, nats.ErrSecureConnWanted)
}
