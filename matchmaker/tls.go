package matchmaker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"tactus/internal/certificate"
)

// TLSFiles names the PEM files of the internal port's TLS, which is 1.3. When
// they change, new connections use the new ones; as long as these can't be
// read, or don't fit together, the old ones are used and the log says so.
type TLSFiles struct {
	// CA holds the authorities of client certificates. With it TLS is mutual:
	// nobody without a certificate of theirs gets in. Other matchmakers are
	// called with Cert and have to have one of these authorities too; without
	// CA, one that the system trusts.
	CA string
	// Cert and Key are the port's own.
	Cert, Key string
}

// Validate reads the files and returns what is wrong with them.
func (f TLSFiles) Validate() error {
	_, err := f.load(nil)
	return err
}

// load reads the files. No file at all gives nil: plain text.
func (f TLSFiles) load(log *zap.Logger) (*tlsReloader, error) {
	switch {
	case f == TLSFiles{}:
		return nil, nil
	case f.Cert == "" || f.Key == "":
		return nil, errors.New("matchmaker: TLS needs a certificate and its key")
	}
	r := &tlsReloader{files: f, log: log}
	var err error
	if r.seen, err = f.state(); err != nil {
		return nil, fmt.Errorf("matchmaker: TLS: %w", err)
	}
	if r.current, err = f.read(); err != nil {
		return nil, fmt.Errorf("matchmaker: TLS: %w", err)
	}
	return r, nil
}

func (f TLSFiles) paths() []string {
	if f.CA == "" {
		return []string{f.Cert, f.Key}
	}
	return []string{f.Cert, f.Key, f.CA}
}

// fileState tells whether files are still the same.
type fileState [3]struct {
	changed time.Time
	size    int64
}

func (f TLSFiles) state() (fileState, error) {
	var s fileState
	for i, path := range f.paths() {
		info, err := os.Stat(path)
		if err != nil {
			return s, err
		}
		s[i].changed, s[i].size = info.ModTime(), info.Size()
	}
	return s, nil
}

func (f TLSFiles) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if f.CA == "" {
		return c, nil
	}
	authorities, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, err
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !c.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s: no PEM certificate in it", f.CA)
	}
	return c, nil
}

// tlsReloader looks at the files at each handshake. To gRPC it is the
// credentials for calls to other matchmakers.
type tlsReloader struct {
	files TLSFiles
	log   *zap.Logger

	mu      sync.Mutex
	seen    fileState
	current *tls.Config
	warned  string // so that one mistake is logged once, not at each handshake
	// clientUse: replicas are called with the certificate, so that one without
	// client use is not taken.
	clientUse bool
}

// needClientUse refuses a certificate that other matchmakers would refuse, if
// there are any; else it only warns.
func (r *tlsReloader) needClientUse(replicas bool) error {
	err := checkClientUse(r.current)
	if err != nil && replicas {
		return fmt.Errorf("matchmaker: TLS: %s: %w", r.files.Cert, err)
	}
	if err != nil {
		r.log.Warn("certificate of the internal port has no client use; replicas would be refused by each other",
			zap.String("cert", r.files.Cert), zap.Error(err))
	}
	r.clientUse = replicas
	return nil
}

var errNoClientUse = errors.New("the certificate is for servers only (extended key usage without clientAuth): " +
	"other matchmakers, to whom it is shown under mutual TLS, refuse it; issue one for both uses")

// checkClientUse returns an error if mutual TLS is on and the certificate can't
// be shown to another matchmaker.
func checkClientUse(c *tls.Config) error {
	if c.ClientCAs == nil {
		return nil
	}
	leaf := c.Certificates[0].Leaf
	if leaf == nil || certificate.AllowsClientUse(leaf) {
		return nil
	}
	return errNoClientUse
}

func (r *tlsReloader) config() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := r.files.state()
	if err == nil && now == r.seen {
		return r.current
	}
	var next *tls.Config
	if err == nil {
		next, err = r.files.read()
	}
	if err == nil && r.clientUse {
		err = checkClientUse(next)
	}
	if err != nil {
		if r.warned != err.Error() {
			r.warned = err.Error()
			r.log.Warn("changed TLS files can't be used; the old ones are", zap.Error(err))
		}
		return r.current
	}
	r.seen, r.current, r.warned = now, next, ""
	r.log.Info("TLS files read again", zap.String("cert", r.files.Cert))
	return r.current
}

// server is for the internal port.
func (r *tlsReloader) server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.config(), nil },
	}
}

// ClientHandshake is gRPC's.
func (r *tlsReloader) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := r.config()
	peer := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: c.Certificates, RootCAs: c.ClientCAs}
	return credentials.NewTLS(peer).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake is gRPC's.
func (r *tlsReloader) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.server()).ServerHandshake(conn)
}

// Info is gRPC's.
func (r *tlsReloader) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone is gRPC's. The copies share what was read.
func (r *tlsReloader) Clone() credentials.TransportCredentials { return r }

// OverrideServerName is gRPC's.
func (r *tlsReloader) OverrideServerName(string) error {
	return errors.New("a matchmaker's name is that of its address")
}
