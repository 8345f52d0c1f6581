package ws

import (
	"crypto/tls"
	"net"

	"tactus/internal/rawtls"
)

// NewTLSListener returns a listener whose connections speak TLS 1.3 and can be served at
// ticks once an [Upgrader] has taken them over. It is the outermost one: net/http gets
// its connections. cfg needs a certificate and must not change.
//
// A record holds a frame of up to 16 KB: by default crypto/tls begins with shorter ones.
// The connections of inner are TCP connections or [Detacher]s.
func NewTLSListener(inner net.Listener, cfg *tls.Config) net.Listener {
	cfg = cfg.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS13)
	cfg.DynamicRecordSizingDisabled = true
	return tls.NewListener(transports{inner}, cfg)
}

// transports makes connections that can be detached from TLS.
type transports struct{ net.Listener }

func (l transports) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return rawtls.Transport(c), nil
}
