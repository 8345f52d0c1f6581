// Package routing finds the owner of a queue, in this process or at another
// replica, and repeats a call while the queue moves.
package routing

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
)

const (
	// ownerPatience bounds the search for a queue's owner. It is longer than it
	// takes to notice that an owner has died, and the store to elect a leader.
	ownerPatience = 20 * time.Second
	// replicaPatience bounds the attempts to call an owner that is alive. It is
	// longer than it takes to notice that one has died.
	replicaPatience = 4 * time.Second
	minBackoff      = 20 * time.Millisecond
	maxBackoff      = 500 * time.Millisecond
)

// Config configures a [Router]. All fields are needed.
type Config struct {
	DialOptions      []grpc.DialOption         // credentials and keepalive of calls to other replicas
	ProgressInterval time.Duration             // between two messages of a watched search
	RulesVersion     func(queue string) string // empty: quick play
	Live             func(address string) bool // whether the store knows a live replica there
	Metrics          *metrics.Metrics
}

// Router calls the owners of queues. It is safe for concurrent use.
type Router struct {
	cfg    Config
	queues *queue.Set
	peers  *peers
}

// New makes a router. The queues are those of this process.
func New(cfg Config, queues *queue.Set, log *zap.Logger) *Router {
	return &Router{cfg: cfg, queues: queues, peers: newPeers(cfg.DialOptions, log)}
}

// Do calls do with the owner of a queue, and again while the queue moves. This
// process becomes the owner of a queue that has none. An error of do that is not
// about the owner is returned as it is; any other error is a failure.
func (r *Router) Do(ctx context.Context, name string, do func(Owner) error) error {
	return r.repeat(ctx, func() (Owner, error) { return r.owner(ctx, name) }, do)
}

func (r *Router) repeat(ctx context.Context, find func() (Owner, error), do func(Owner) error) error {
	a := newAttempts()
	for {
		owner, err := find()
		if err == nil {
			began := time.Now()
			if err = do(owner); !errors.Is(err, errMoved) {
				return err
			}
			if time.Since(began) > maxBackoff { // the owner has worked for a while
				a.restart()
			}
		}
		if failed := r.giveUp(ctx, a, err); failed != nil {
			return failed
		}
		select {
		case <-time.After(a.backoff):
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		a.backoff = min(2*a.backoff, maxBackoff)
	}
}

// SetReplicas closes the connections to all other addresses.
func (r *Router) SetReplicas(addresses []string) { r.peers.keep(addresses) }

// Close closes all connections. Calls of other replicas fail from then on.
func (r *Router) Close() { r.peers.close() }

func (r *Router) owner(ctx context.Context, name string) (Owner, error) {
	q, err := r.queues.Own(ctx, name)
	if err == nil {
		return &localOwner{router: r, queue: q}, nil
	}
	if holder, held := queue.IsHeld(err); held {
		return r.peers.owner(holder.Address)
	}
	return nil, err
}

// attempts are those of one call.
type attempts struct {
	deadline    time.Time
	backoff     time.Duration
	unreachable time.Time // since when the owner can't be called; zero: it can
}

func newAttempts() *attempts {
	a := &attempts{}
	a.restart()
	return a
}

// restart gives the search for the owner its full time again. The owner may be
// unreachable all the same: a call that fails slowly takes as long as one that works.
func (a *attempts) restart() {
	a.deadline, a.backoff = time.Now().Add(ownerPatience), minBackoff
}

// giveUp returns the failure that ends the attempts, nil when another one may
// succeed.
func (r *Router) giveUp(ctx context.Context, a *attempts, err error) error {
	switch owner, unreachable := errors.AsType[*unreachableError](err); {
	case !unreachable:
		a.unreachable = time.Time{}
	case a.unreachable.IsZero():
		a.unreachable = time.Now()
	case time.Since(a.unreachable) > replicaPatience && r.cfg.Live(owner.address):
		return failure.New(failure.ReplicaUnreachable).Because(err)
	}
	switch {
	case errors.Is(err, ticket.ErrUnknown), errors.Is(err, ticket.ErrStopping):
		return ticketError(err)
	case ctx.Err() != nil:
		return failure.Status(ctx.Err()).Err()
	case time.Now().After(a.deadline):
		return failure.New(failure.StoreUnavailable).Because(err)
	}
	return nil
}
