package port

import (
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
// connection. Vanished peers are then noticed by TCP, whose probes and unacknowledged
// data end a connection after pingTimeout (grpc-go sets TCP_USER_TIMEOUT), and by the
// reports of game servers.
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
