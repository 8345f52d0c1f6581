package matchmaker

import (
	"net"
	"time"

	"google.golang.org/grpc/keepalive"
)

// keepalive is how connections to the internal port are kept, and for how long.
//
// Clients that spread their calls over the replicas look for new ones only when
// a connection ends, so each is told after MaxConnectionAge to open another
// (HTTP/2 GOAWAY). The streams on it are not cut, however long they last: a
// game server has one to every replica and would gain nothing, and a player's
// watch ends with its ticket. grpc-go calls that an infinite grace. It stops
// its own pings on such a connection, though: that the peer is still there is
// then seen by TCP, see [liveListener], and by what game servers tell.
func (m *Matchmaker) keepalive() keepalive.ServerParameters {
	p := keepalive.ServerParameters{Time: pingInterval, Timeout: pingTimeout}
	if m.cfg.MaxConnectionAge > 0 {
		p.MaxConnectionAge = m.cfg.MaxConnectionAge
	}
	return p
}

// liveListener has TCP notice peers that vanished without a word, in about the
// time that pings need: a silent one is probed, and one that does not
// acknowledge what was sent is given up.
type liveListener struct{ net.Listener }

const (
	probeInterval = 5 * time.Second
	probes        = 3
	// giveUp is after how long without an acknowledgement a connection ends.
	giveUp = pingInterval + pingTimeout
)

func (l liveListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		// Where the system has no such options, pings alone have to do.
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: pingInterval, Interval: probeInterval, Count: probes})
		_ = setGiveUp(tcp, giveUp)
	}
	return c, nil
}
