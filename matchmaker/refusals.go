package matchmaker

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
	// refusalsKept bounds the refusals that are remembered, so that each is
	// logged once in refusalAgain.
	refusalsKept = 256
	refusalAgain = time.Hour
)

// watchedTLS logs which clients the internal port refuses, and why: the client
// sees an alert at the best.
type watchedTLS struct {
	credentials.TransportCredentials
	refusals *refusals
}

// ServerHandshake is gRPC's.
func (w *watchedTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := w.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		w.refusals.note(conn.RemoteAddr().String(), err)
	}
	return secure, info, err
}

// Clone is gRPC's.
func (w *watchedTLS) Clone() credentials.TransportCredentials {
	return &watchedTLS{TransportCredentials: w.TransportCredentials.Clone(), refusals: w.refusals}
}

// refusals logs each kind of refusal of a host once in a while.
type refusals struct {
	log *zap.Logger

	mu     sync.Mutex
	logged map[string]time.Time // by host and reason
}

func newRefusals(log *zap.Logger) *refusals {
	return &refusals{log: log, logged: make(map[string]time.Time)}
}

func (r *refusals) note(remote string, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) { // a probe of the port
		r.log.Debug("TLS client went away", zap.String("remote", remote), zap.Error(err))
		return
	}
	host, _, split := net.SplitHostPort(remote)
	if split != nil {
		host = remote
	}
	key := host + " " + err.Error()
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.logged[key]) < refusalAgain {
		return
	}
	if len(r.logged) >= refusalsKept {
		clear(r.logged)
	}
	r.logged[key] = time.Now()
	r.log.Warn("TLS client refused", zap.String("remote", remote), zap.Error(err), zap.String("hint", refusalHint(err.Error())))
}

func refusalHint(text string) string {
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
