package matchmaker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"tactus/internal/certificate"
)

// TLSFiles names the PEM files for TLS 1.3 on the internal port. New connections use
// changed files. While these can't be read, or do not fit together, connections use
// the old ones.
type TLSFiles struct {
	// CA holds the authorities of client certificates. With it TLS is mutual: clients
	// need a certificate of one of these authorities. Other matchmakers are called
	// with Cert, and their certificates must be of one of these authorities, too;
	// without CA, of one that the system trusts.
	CA string
	// Cert and Key are the port's own certificate and its key.
	Cert, Key string
}

// Validate reads the files and returns what is wrong with them.
func (f TLSFiles) Validate() error {
	if f == (TLSFiles{}) {
		return nil
	}
	if f.Cert == "" || f.Key == "" {
		return errors.New("matchmaker: TLS needs a certificate and its key")
	}
	if _, err := certificate.Files(f).Load(); err != nil {
		return fmt.Errorf("matchmaker: TLS: %w", err)
	}
	return nil
}

// internalTLS is TLS of the internal port, and gRPC's credentials for calls to other
// matchmakers. It is safe for concurrent use.
type internalTLS struct{ *certificate.Reloader }

// ownUse says what a matchmaker's certificate is used for beside its own port.
type ownUse struct {
	replicas bool // there are other matchmakers, which verify it
	roles    Roles
}

// check returns why other matchmakers would reject the certificate, and whether this
// one must not start then.
func (u ownUse) check(l certificate.Loaded) (fatal bool, rejected error) {
	switch {
	case l.Authorities == nil:
	case !l.ClientUse():
		return u.replicas, errNoClientUse
	case u.replicas && u.roles.TokenFile == "":
		return !u.roles.WarnOnly, checkOwnRole(l)
	}
	return false, nil
}

// newInternalTLS loads the files; nil, for plain text, where there are none. A
// certificate that other matchmakers would reject is an error where there are any,
// else a warning.
func newInternalTLS(files TLSFiles, use ownUse, log *zap.Logger) (*internalTLS, error) {
	if err := files.Validate(); err != nil || files == (TLSFiles{}) {
		return nil, err
	}
	reloader, err := certificate.NewReloader(certificate.Files(files), func(l certificate.Loaded) (*tls.Config, error) {
		switch fatal, rejected := use.check(l); {
		case rejected == nil:
		case fatal:
			return nil, fmt.Errorf("%s: %w", files.Cert, rejected)
		default:
			log.Warn("certificate of the internal port would be rejected by replicas", zap.String("cert", files.Cert), zap.Error(rejected))
		}
		return internalConfig(l), nil
	}, func(err error) {
		if err != nil {
			log.Warn("changed TLS files not usable, keeping the old ones", zap.Error(err))
			return
		}
		log.Info("TLS files reloaded", zap.String("cert", files.Cert))
	})
	if err != nil {
		return nil, fmt.Errorf("matchmaker: TLS: %w", err)
	}
	return &internalTLS{reloader}, nil
}

// errNoClientUse is about a certificate that is presented to other matchmakers under
// mutual TLS.
var errNoClientUse = errors.New("the certificate is for servers only (extended key usage without clientAuth): " +
	"other matchmakers reject it; issue one for both uses")

// internalConfig is the port's; with authorities TLS is mutual.
func internalConfig(l certificate.Loaded) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: l.Certificates}
	if l.Authorities != nil {
		c.ClientCAs, c.ClientAuth = l.Authorities, tls.RequireAndVerifyClientCert
	}
	return c
}

// server configures the internal port.
func (t *internalTLS) server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.Config(), nil },
	}
}

// ClientHandshake implements [credentials.TransportCredentials].
func (t *internalTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := t.Config()
	peer := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: c.Certificates, RootCAs: c.ClientCAs}
	return credentials.NewTLS(peer).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake implements [credentials.TransportCredentials].
func (t *internalTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(t.server()).ServerHandshake(conn)
}

// Info implements [credentials.TransportCredentials].
func (t *internalTLS) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns t: copies may share the files.
func (t *internalTLS) Clone() credentials.TransportCredentials { return t }

// OverrideServerName fails: the name is that of the address.
func (t *internalTLS) OverrideServerName(string) error {
	return errors.New("a matchmaker's name is that of its address")
}
