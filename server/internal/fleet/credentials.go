package fleet

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

// clientTLS configures TLS to the matchmakers: CA signs their certificates, nil
// stands for the authorities that the system trusts. The server's own certificate
// is for mutual TLS.
func clientTLS(l certificate.Loaded) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: l.Authorities, Certificates: l.Certificates}
}

// reloading are gRPC's credentials of a client that read their files for every new
// connection. They are safe for concurrent use.
type reloading struct{ *certificate.Reloader }

func newCredentials(files certificate.Files, log *zap.Logger) (credentials.TransportCredentials, error) {
	reloader, err := certificate.NewReloader(files, func(l certificate.Loaded) (*tls.Config, error) {
		warnOfUse(l, files, log)
		return clientTLS(l), nil
	}, func(err error) {
		if err != nil {
			log.Warn("changed TLS files not usable, keeping the old ones", zap.Error(err))
			return
		}
		log.Info("TLS files reloaded", zap.String("cert", files.Cert), zap.String("ca", files.CA))
	})
	if err != nil {
		return nil, fmt.Errorf("TLS to the matchmakers: %w", err)
	}
	return reloading{reloader}, nil
}

// warnOfUse logs a certificate that matchmakers with mutual TLS reject. It is no
// error: a matchmaker without --internal-tls-ca does not request one.
func warnOfUse(l certificate.Loaded, files certificate.Files, log *zap.Logger) {
	if l.ClientUse() {
		return
	}
	log.Warn("certificate lacks client use, mutual TLS rejects it",
		zap.String("cert", files.Cert), zap.String("missing", "extended key usage clientAuth"))
}

// ClientHandshake implements [credentials.TransportCredentials].
func (r reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.Config()).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake fails: these credentials are a client's.
func (r reloading) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("credentials of a client")
}

// Info implements [credentials.TransportCredentials].
func (r reloading) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns r: copies may share the files.
func (r reloading) Clone() credentials.TransportCredentials { return r }

// OverrideServerName fails: the name is that of the address.
func (r reloading) OverrideServerName(string) error {
	return errors.New("the matchmaker's name is that of its address")
}
