package routing

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"tactus/matchmaker/internal/ticket"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// peers holds a connection to each other replica that was called. It is safe for
// concurrent use.
type peers struct {
	options []grpc.DialOption
	log     *zap.Logger

	mu          sync.Mutex
	closed      bool
	conns       map[string]*grpc.ClientConn
	unreachable map[string]bool // addresses that were logged as unreachable
}

func newPeers(options []grpc.DialOption, log *zap.Logger) *peers {
	return &peers{
		conns: make(map[string]*grpc.ClientConn), unreachable: make(map[string]bool), log: log,
		options: append(slices.Clip(options), grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		})),
	}
}

// owner is the replica at an address.
func (p *peers) owner(address string) (Owner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ticket.ErrStopping
	}
	conn := p.conns[address]
	if conn == nil {
		var err error
		if conn, err = grpc.NewClient("passthrough:///"+address, p.options...); err != nil {
			return nil, err
		}
		p.conns[address] = conn
	}
	return &remoteOwner{client: replicav1.NewReplicaServiceClient(conn), address: address, peers: p}, nil
}

// keep closes the connections to all other addresses.
func (p *peers) keep(addresses []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepLocked(addresses)
}

func (p *peers) keepLocked(addresses []string) {
	for address, conn := range p.conns {
		if !slices.Contains(addresses, address) {
			_ = conn.Close()
			delete(p.conns, address)
			delete(p.unreachable, address)
		}
	}
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.keepLocked(nil)
}

// called logs when a replica becomes unreachable, and when it is reachable again.
// cause is nil after a call that reached it.
func (p *peers) called(address string, cause error) {
	p.mu.Lock()
	before := p.unreachable[address]
	if cause == nil {
		delete(p.unreachable, address)
	} else {
		p.unreachable[address] = true
	}
	p.mu.Unlock()
	switch {
	case cause != nil && !before:
		p.log.Warn("matchmaker unreachable", zap.String("address", address), zap.Error(cause))
	case cause == nil && before:
		p.log.Info("matchmaker reachable again", zap.String("address", address))
	}
}

// unreachableError means that a replica could not be called. Like [errMoved] it
// makes the router try again: the replica may have died.
type unreachableError struct {
	address string
	cause   error
}

func (u *unreachableError) Error() string {
	return fmt.Sprintf("the matchmaker at %s can't be reached: %v", u.address, u.cause)
}

func (u *unreachableError) Is(target error) bool { return target == errMoved }
