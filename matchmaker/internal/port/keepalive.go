package port

import (
	"net"
	"time"

	"google.golang.org/grpc/keepalive"
)

const (
	pingInterval = 15 * time.Second
	pingTimeout  = 5 * time.Second
	// minPingInterval is what clients must keep. Game servers ping every 15 s.
	minPingInterval = 5 * time.Second
)

// serverKeepalive is how long connections are kept, and how silent ones are noticed.
//
// Clients that spread their calls over the replicas look for new replicas only when a
// connection ends. Each client is therefore asked after maxAge to open another
// connection (HTTP/2 GOAWAY). The streams on the old one are not cut: a game server
// has one to every replica and would gain nothing, and a player's watch ends with its
// ticket. grpc-go calls that an infinite grace. It stops its own pings on such a
// connection. That the peer is still there is then seen by TCP, see [liveListener],
// and by what game servers report.
func serverKeepalive(maxAge time.Duration) keepalive.ServerParameters {
	p := keepalive.ServerParameters{Time: pingInterval, Timeout: pingTimeout}
	if maxAge > 0 {
		p.MaxConnectionAge = maxAge
	}
	return p
}

// ClientKeepalive is that of calls to the port of another replica.
func ClientKeepalive() keepalive.ClientParameters {
	return keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}
}

// liveListener lets TCP notice peers that vanished, in about the time that pings
// need. It probes a silent peer, and ends a connection when sent data is not
// acknowledged.
type liveListener struct{ net.Listener }

const (
	probeInterval = 5 * time.Second
	probes        = 3
	// ackTimeout is after how long without an acknowledgement a connection ends.
	ackTimeout = pingInterval + pingTimeout
)

func (l liveListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		// Systems without these options have pings alone.
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: pingInterval, Interval: probeInterval, Count: probes})
		_ = setAckTimeout(tcp, ackTimeout)
	}
	return c, nil
}
