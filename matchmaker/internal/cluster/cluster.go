// Package cluster is this replica among the others: it opens the store that they
// share, knows which of them are live, and takes over queues of dead owners.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
)

// watchInterval is how often the members and the leases are read without a notice,
// which may have been lost.
const watchInterval = time.Second

// Config configures a [Cluster]. All fields are needed.
type Config struct {
	Store      store.Config
	Self       store.Member
	Queues     *queue.Set
	QueueNames func() []string // of all queues that exist
	TakesOver  func() bool     // whether this replica takes over queues now
	// Changed receives the live replicas, this one included, after each change and
	// about once a second. It is not called with an embedded store, which has one
	// replica.
	Changed func(live []store.Member)
}

// Cluster is this process as a member of the replicas. It is safe for concurrent
// use.
type Cluster struct {
	cfg     Config
	log     *zap.Logger
	store   *store.Store
	members *store.Members
	leases  *store.Leases

	ctx     context.Context //nolint:containedctx // of everything that Go runs
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Open opens the store and joins the replicas. ctx bounds Open alone. The caller
// closes the cluster.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Cluster, error) {
	c := &Cluster{cfg: cfg, log: log}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	if c.store, err = store.Open(ctx, cfg.Store, log.Named("store")); err != nil {
		c.cancel()
		return nil, fmt.Errorf("store: %w", err)
	}
	c.members = c.store.Join(c.ctx, cfg.Self)
	if c.leases, err = c.store.Leases(ctx, c.members); err != nil {
		c.Close()
		return nil, fmt.Errorf("leases: %w", err)
	}
	return c, nil
}

// Start lets the queues of this process use the store, and begins to watch the
// other replicas.
func (c *Cluster) Start() {
	c.cfg.Queues.Start(c.store, c.leases)
	if !c.store.Embedded() {
		c.Go("replicas", c.watchMembers)
	}
}

// Go runs f until it returns. Its context ends with [Cluster.Close], which waits
// for it. An error is logged with the name.
func (c *Cluster) Go(name string, f func(context.Context) error) {
	c.running.Go(func() {
		if err := f(c.ctx); err != nil && !errors.Is(err, context.Canceled) {
			c.log.Error("background work failed", zap.String("name", name), zap.Error(err))
		}
	})
}

// Context ends with [Cluster.Close].
func (c *Cluster) Context() context.Context { return c.ctx }

// Store is what the replicas share.
func (c *Cluster) Store() *store.Store { return c.store }

// Members are the replicas.
func (c *Cluster) Members() *store.Members { return c.members }

// Leases say which replica owns which queue.
func (c *Cluster) Leases() *store.Leases { return c.leases }

// IsLive reports whether a live replica has this address.
func (c *Cluster) IsLive(address string) bool {
	return slices.ContainsFunc(c.members.Live(), func(m store.Member) bool { return m.Address == address })
}

// HasSuccessors reports whether another replica can take over the queues of this
// one.
func (c *Cluster) HasSuccessors() bool {
	return !c.store.Embedded() && len(c.members.Live()) > 1
}

// Close leaves the replicas, ends what [Cluster.Go] runs, and closes the store.
func (c *Cluster) Close() {
	c.members.Leave()
	c.cancel()
	c.running.Wait()
	c.store.Close()
}

func (c *Cluster) watchMembers(ctx context.Context) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		c.cfg.Changed(c.members.Live())
		c.takeOverQueues(ctx)
		select {
		case <-c.members.Changed():
		case <-c.leases.Changed():
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// takeOverQueues takes over the queues of dead owners. Of several replicas that
// try, one succeeds.
func (c *Cluster) takeOverQueues(ctx context.Context) {
	if !c.cfg.TakesOver() {
		return
	}
	for _, name := range c.cfg.QueueNames() {
		holder, held := c.leases.Holder(name)
		if !held || c.members.IsLive(holder.ID) || c.cfg.Queues.Find(name) != nil {
			continue
		}
		if _, err := c.cfg.Queues.Own(ctx, name); err == nil {
			c.log.Info("queue taken over from dead owner", zap.String("queue", name), zap.String("owner", holder.ID))
		}
	}
}
