package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"tactus/internal/certificate"
)

// TLSFiles are PEM files for TLS to the matchmakers.
type TLSFiles struct {
	CA   string // certificates that sign the matchmakers'; empty: the system's
	Cert string // this server's own, for mutual TLS; empty: none is shown
	Key  string // of Cert
}

// Validate reads the files and returns what is wrong with them.
func (f TLSFiles) Validate() error {
	_, err := f.load()
	return err
}

func (f TLSFiles) load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("certificate and key for the matchmakers have to be given together")
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates of the matchmakers' authority: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", f.CA)
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s for the matchmakers: %w", f.Cert, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func (f TLSFiles) credentials(log *zap.Logger) (credentials.TransportCredentials, error) {
	cfg, err := f.load()
	if err != nil {
		return nil, err
	}
	r := &rotating{files: f, log: log, good: cfg}
	r.warnOfUseLocked(cfg)
	return r, nil
}

// rotating reads the files for every new connection, so that certificates can be
// renewed while the server runs. It is safe for concurrent use.
type rotating struct {
	files TLSFiles
	log   *zap.Logger

	mu   sync.Mutex
	good *tls.Config // of the last successful read
	// serverOnly is the last certificate without client use that was logged.
	serverOnly []byte
}

// warnOfUseLocked logs once a certificate that matchmakers with mutual TLS reject.
// It is no error: a matchmaker without --internal-tls-ca does not request one.
func (r *rotating) warnOfUseLocked(cfg *tls.Config) {
	if len(cfg.Certificates) == 0 {
		return
	}
	leaf := cfg.Certificates[0].Leaf
	if leaf == nil || certificate.AllowsClientUse(leaf) || bytes.Equal(leaf.Raw, r.serverOnly) {
		return
	}
	r.serverOnly = leaf.Raw
	r.log.Warn("certificate for the matchmakers lacks client use; mutual TLS refuses it",
		zap.String("cert", r.files.Cert), zap.String("missing", "extended key usage clientAuth"))
}

// current falls back to the last good files: a renewal may be half done.
func (r *rotating) current() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	cfg, err := r.files.load()
	if err != nil {
		r.log.Warn("the files for TLS to the matchmakers can't be read; the old ones are used on", zap.Error(err))
		return r.good
	}
	r.good = cfg
	r.warnOfUseLocked(cfg)
	return cfg
}

// ClientHandshake implements [credentials.TransportCredentials].
func (r *rotating) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.current()).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake fails: these credentials are a client's.
func (r *rotating) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("credentials of a client")
}

// Info implements [credentials.TransportCredentials].
func (r *rotating) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns r: copies may share the files.
func (r *rotating) Clone() credentials.TransportCredentials { return r }

// OverrideServerName fails: the name is that of the address.
func (r *rotating) OverrideServerName(string) error {
	return errors.New("the matchmaker's name is that of its address")
}
