package fleet

import (
	"context"
	"net"
	"net/netip"

	"go.uber.org/zap"
	"google.golang.org/grpc/peer"

	"tactus/internal/origin"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// peerOf is the address of a stream's other end, nil where it is unknown.
func peerOf(ctx context.Context) net.Addr {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr
	}
	return nil
}

// fromThisMachine reports whether the peer of a connection is this machine: by
// loopback, by one of its own addresses, or by a Unix socket.
func fromThisMachine(addr net.Addr) bool {
	if addr == nil {
		return false
	}
	if addr.Network() == "unix" {
		return true
	}
	at, err := netip.ParseAddrPort(addr.String())
	return err == nil && origin.IsOwn(at.Addr())
}

// warnOfGuess logs a registration that sends players to a host which a server on
// another machine has guessed.
func (s *server) warnOfGuess(reg *fleetv1.Register, log *zap.Logger) {
	if reg.GetPublicUrlGuessed() && !s.follows {
		log.Warn("play URL of a game server on another machine is a guess",
			zap.String("server", s.id), zap.String("url", s.url),
			zap.String("hint", "start it with --public-url, the URL of /play as browsers reach it"))
	}
}
