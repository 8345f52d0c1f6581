package fleet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/steady"
	"tactus/protocol/rpc/feature"
	"tactus/protocol/rpc/refusal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// admit makes a server live. Another process with the same id keeps it while its
// stream is alive, and the newcomer gets FAILED_PRECONDITION: the newer one must not
// end the matches of the older. The same process replaces its own stream at once.
func (r *Registry) admit(ctx context.Context, reg *fleetv1.Register) (*server, error) {
	var silent *server
	for {
		if s := r.enter(reg, peerOf(ctx), silent); s != nil {
			return s, nil
		}
		r.mu.Lock()
		other := r.servers[reg.GetServerId()]
		r.mu.Unlock()
		if other == nil || bytes.Equal(other.process, reg.GetProcess()) {
			continue // it has changed meanwhile
		}
		alive, err := r.alive(ctx, other)
		if err != nil {
			return nil, err
		}
		if alive {
			return nil, other.inUse()
		}
		silent = other
	}
}

// alive asks a server whether it is still there. It returns false for a stream that
// has ended.
func (r *Registry) alive(ctx context.Context, s *server) (bool, error) {
	least, before := pingTimeout, s.received.Load()
	if slices.Contains(s.features, feature.Ping) {
		s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Ping{Ping: &fleetv1.Ping{}}})
	} else {
		least = max(least, min(2*r.cfg.LoadInterval, registerTimeout-time.Second))
	}
	wait := max(least, idSilence-steady.Since(s.lastReceived.Load()))
	passed, stop := steady.After(wait)
	defer stop()
	look := time.NewTicker(pingTimeout / 20)
	defer look.Stop()
	for {
		if s.received.Load() != before {
			return true, nil
		}
		select {
		case <-look.C:
		case <-s.gone:
			return false, nil
		case <-passed:
			return s.received.Load() != before, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-r.stopped:
			return false, errStopping
		}
	}
}

// inUse is the refusal of another process with the server's id.
func (s *server) inUse() error {
	address, age := "an unknown address", time.Since(s.since).Truncate(time.Second)
	if s.peer != nil {
		address = s.peer.String()
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host // the port is that of its stream, which says nothing
	}
	refused := status.Newf(codes.FailedPrecondition,
		"server id %s is in use by another process at %s with public URL %s, registered for %s; give each game server an --id of its own",
		s.id, address, s.url, age)
	if detailed, err := refused.WithDetails(&errdetails.ErrorInfo{
		Reason: refusal.ServerIDInUse, Domain: refusal.Domain,
		Metadata: map[string]string{"server": s.id, "address": address, "url": s.url, "age": fmt.Sprint(age)},
	}); err == nil {
		refused = detailed
	}
	return refused.Err()
}
