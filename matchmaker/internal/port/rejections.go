package port

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"
)

const (
	// maxRejections bounds the rejections that are remembered, so that each is
	// logged once in logInterval.
	maxRejections = 256
	logInterval   = time.Hour
)

// loggedTLS logs which clients the port rejects, and why: the client sees an alert at
// best.
type loggedTLS struct {
	credentials.TransportCredentials
	rejections *rejections
}

// ServerHandshake implements gRPC's credentials.
func (l *loggedTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := l.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		l.rejections.record(conn.RemoteAddr().String(), err)
	}
	return secure, info, err
}

// Clone implements gRPC's credentials.
func (l *loggedTLS) Clone() credentials.TransportCredentials {
	return &loggedTLS{TransportCredentials: l.TransportCredentials.Clone(), rejections: l.rejections}
}

// rejections logs each kind of rejection of a host once an hour. It is safe for
// concurrent use.
type rejections struct {
	log *zap.Logger

	mu     sync.Mutex
	logged map[string]time.Time // by host and reason
}

func newRejections(log *zap.Logger) *rejections {
	return &rejections{log: log, logged: make(map[string]time.Time)}
}

func (r *rejections) record(remote string, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) { // a probe of the port
		r.log.Debug("TLS client closed the connection", zap.String("remote", remote), zap.Error(err))
		return
	}
	host, _, split := net.SplitHostPort(remote)
	if split != nil {
		host = remote
	}
	key := host + " " + err.Error()
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.logged[key]) < logInterval {
		return
	}
	if len(r.logged) >= maxRejections {
		clear(r.logged)
	}
	r.logged[key] = time.Now()
	r.log.Warn("TLS client rejected", zap.String("remote", remote), zap.Error(err), zap.String("hint", hintFor(err.Error())))
}

func hintFor(text string) string {
	switch {
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "the client speaks plain text; a game server speaks TLS with --matchmaker-ca"
	case strings.Contains(text, "didn't provide a certificate"):
		return "the client shows no certificate; a game server shows one with --matchmaker-cert and --matchmaker-key"
	case strings.Contains(text, "incompatible key usage"):
		return "the client's certificate is for servers only; it needs the extended key usage clientAuth"
	case strings.Contains(text, "unknown authority"):
		return "the client's certificate is signed by none of --internal-tls-ca"
	case strings.Contains(text, "expired"):
		return "the client's certificate has expired, or a clock is wrong"
	case strings.Contains(text, "remote error"):
		return "the client does not accept the certificate of this port"
	}
	return ""
}
