package matchmaker

import (
	"context"
	"fmt"
	"time"

	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/cluster"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/requeue"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store"
)

// openTimeout bounds finding the store and reading from it at start.
const openTimeout = 60 * time.Second

// open joins the replicas and starts the work that needs the store. address is
// where the internal port listens.
func (m *Matchmaker) open(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	cfg := &m.cfg
	if cfg.AdvertiseAddr != "" {
		address = cfg.AdvertiseAddr
	}
	c, err := cluster.Open(ctx, cluster.Config{
		Store:  cfg.storeConfig(),
		Self:   store.Member{ID: cfg.ID, Address: address, Key: store.PublicKey(m.signer.Public())},
		Queues: m.queues, QueueNames: m.catalog.Names,
		TakesOver: func() bool { return m.state.Load() == stateRunning },
		Changed:   m.replicasChanged,
	}, m.log)
	if err != nil {
		return err
	}
	if err := m.openParts(ctx, c); err != nil {
		m.close(c)
		return err
	}
	c.Start()
	m.cluster = c
	return nil
}

// openParts opens what needs the store.
func (m *Matchmaker) openParts(ctx context.Context, c *cluster.Cluster) (err error) {
	s := m.service
	if s.claims, err = claim.New(ctx, c.Store()); err != nil {
		return err
	}
	if s.parties, err = party.New(ctx, c.Store()); err != nil {
		return err
	}
	if s.rooms, err = room.New(ctx, c.Store()); err != nil {
		return err
	}
	s.watchers = membership.NewWatchers(membership.WatchersConfig{
		Processes: c.Members(), Patience: m.cfg.UnwatchedTimeout, Leave: s.leaveMember, Background: &m.background, Stopping: m.stopping,
	})
	s.keeper = newKeeper(s)
	if s.requeue, err = requeue.New(ctx, c.Store()); err != nil {
		return err
	}
	s.ranking, err = ranking.Open(ctx, c.Store(), ranking.Config{Rated: m.catalog.Rated, Leases: c.Leases()}, m.log.Named("ranking"))
	if err != nil {
		return fmt.Errorf("ratings: %w", err)
	}
	guests, err := identity.OpenGuestKeys(ctx, c.Store(), m.signer.Public(), m.cfg.ID, m.log)
	if err != nil {
		return err
	}
	if s.identity, err = identity.New(c.Context(), m.cfg.Identity, m.signer, guests, m.log); err != nil {
		return err
	}
	c.Go("signing keys", guests.Run)
	c.Go("claims", func(ctx context.Context) error { s.claims.Run(ctx); return nil })
	c.Go("lost matches", s.requeue.Run)
	c.Go("parties", func(ctx context.Context) error { return followRecords(ctx, s.parties.Records, s.keeper.sawParty) })
	c.Go("rooms", func(ctx context.Context) error { return followRecords(ctx, s.rooms.Records, s.keeper.sawRoom) })
	c.Go("members", func(ctx context.Context) error { s.keeper.run(ctx); return nil })
	c.Go("ratings", s.ranking.Run)
	c.Go("queue statistics", func(ctx context.Context) error { return s.stats.Run(ctx, c.Store()) })
	return nil
}

// close ends what open began.
func (m *Matchmaker) close(c *cluster.Cluster) {
	c.Close()
	if m.service.identity != nil {
		m.service.identity.Close()
	}
}

// replicasChanged sends the live replicas to the game servers, and closes the
// connections to others.
func (m *Matchmaker) replicasChanged(live []store.Member) {
	addresses := make([]string, 0, len(live))
	var keys [][]byte
	for _, member := range live {
		addresses = append(addresses, member.Address)
		if member.Key != "" { // earlier releases send none
			keys = append(keys, []byte(member.Key))
		}
	}
	m.fleet.SetReplicas(addresses, keys)
	m.service.router.SetReplicas(addresses)
}
