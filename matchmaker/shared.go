package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/requeue"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store"
)

// shared is what a matchmaker has in common with its replicas.
type shared struct {
	store    *store.Store
	members  *store.Members
	leases   *store.Leases
	identity *identity.Verifier
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// openTimeout bounds finding the store and reading from it at start.
const openTimeout = 60 * time.Second

// open connects to the store and starts what works in the background. address
// is where the internal port listens.
func (m *Matchmaker) open(ctx context.Context, address string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	sh := &shared{}
	defer func() {
		if err != nil {
			sh.close()
		}
	}()
	cfg := &m.cfg
	sh.store, err = store.Open(ctx, store.Config{
		URL: cfg.NATS.URL, Dir: cfg.storeDir(), Replicas: cfg.NATS.Replicas, Name: cfg.NATS.Name,
		TLS: cfg.NATS.TLS, Credentials: cfg.NATS.Credentials,
	}, m.log.Named("store"))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if cfg.AdvertiseAddr != "" {
		address = cfg.AdvertiseAddr
	}
	background, stop := context.WithCancel(context.Background())
	sh.cancel = stop
	sh.members = sh.store.Join(background, store.Member{ID: cfg.ID, Address: address, Key: store.PublicKey(m.signer.Public())})
	if sh.leases, err = sh.store.Leases(ctx, sh.members); err != nil {
		return fmt.Errorf("leases: %w", err)
	}
	if err := m.openParts(ctx, background, sh); err != nil {
		return err
	}
	m.queues.Start(sh.store, sh.leases)
	m.shared = sh
	return nil
}

// openParts opens what needs the store. background is the context of what goes
// on when ctx has ended.
func (m *Matchmaker) openParts(ctx, background context.Context, sh *shared) (err error) {
	s := m.service
	if s.claims, err = claim.New(ctx, sh.store); err != nil {
		return err
	}
	if s.parties, err = party.New(ctx, sh.store); err != nil {
		return err
	}
	if s.rooms, err = room.New(ctx, sh.store); err != nil {
		return err
	}
	s.members, s.keeper = sh.members, newKeeper(s)
	if s.requeue, err = requeue.New(ctx, sh.store); err != nil {
		return err
	}
	s.ranking, err = ranking.Open(ctx, sh.store, ranking.Config{Rated: m.catalog.Rated, Leases: sh.leases}, m.log.Named("ranking"))
	if err != nil {
		return fmt.Errorf("ratings: %w", err)
	}
	guests, err := identity.OpenGuestKeys(ctx, sh.store, m.signer.Public(), m.cfg.ID, m.log)
	if err != nil {
		return err
	}
	if sh.identity, err = identity.New(background, m.cfg.Identity, m.signer, guests, m.log); err != nil {
		return err
	}
	s.identity = sh.identity
	run := func(name string, f func(context.Context) error) {
		sh.running.Go(func() {
			if err := f(background); err != nil && !errors.Is(err, context.Canceled) {
				m.log.Error(name+" stopped", zap.Error(err))
			}
		})
	}
	run("signing keys", guests.Run)
	run("claims", func(ctx context.Context) error { s.claims.Run(ctx); return nil })
	run("lost matches", s.requeue.Run)
	run("parties", func(ctx context.Context) error { return followRecords(ctx, s.parties.Records, s.keeper.sawParty) })
	run("rooms", func(ctx context.Context) error { return followRecords(ctx, s.rooms.Records, s.keeper.sawRoom) })
	run("members", func(ctx context.Context) error { s.keeper.run(ctx); return nil })
	run("ratings", s.ranking.Run)
	run("queue statistics", func(ctx context.Context) error { return s.stats.Run(ctx, sh.store) })
	run("replicas", func(ctx context.Context) error { m.attend(ctx, sh); return nil })
	return nil
}

// close ends what open began.
func (sh *shared) close() {
	if sh.members != nil {
		sh.members.Leave()
	}
	if sh.cancel != nil {
		sh.cancel()
	}
	sh.running.Wait()
	if sh.identity != nil {
		sh.identity.Close()
	}
	if sh.store != nil {
		sh.store.Close()
	}
}

// heirs reports whether another replica can take the queues over.
func (sh *shared) heirs() bool {
	return sh != nil && !sh.store.Embedded() && len(sh.members.Live()) > 1
}

// attendInterval is how often to look after what notices may have missed.
const attendInterval = time.Second

// attend follows who the replicas are: game servers are told, and queues whose
// owner is gone get another.
func (m *Matchmaker) attend(ctx context.Context, sh *shared) {
	tick := time.NewTicker(attendInterval)
	defer tick.Stop()
	for {
		addresses := make([]string, 0, 1)
		var keys [][]byte
		for _, member := range sh.members.Live() {
			addresses = append(addresses, member.Address)
			if member.Key != "" { // an earlier release tells none
				keys = append(keys, []byte(member.Key))
			}
		}
		if !sh.store.Embedded() {
			m.fleet.SetReplicas(addresses, keys)
		}
		m.service.router.SetReplicas(addresses)
		m.adopt(ctx, sh)
		select {
		case <-sh.members.Changed():
		case <-sh.leases.Changed():
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// adopt takes over queues whose owner is gone. Of several replicas that try,
// one succeeds.
func (m *Matchmaker) adopt(ctx context.Context, sh *shared) {
	if sh.store.Embedded() || m.state.Load() != stateRunning {
		return
	}
	for _, name := range m.catalog.Names() {
		holder, held := sh.leases.Holder(name)
		if !held || sh.members.IsLive(holder.ID) || m.queues.Find(name) != nil {
			continue
		}
		if _, err := m.queues.Own(ctx, name); err == nil {
			m.log.Info("queue adopted", zap.String("queue", name), zap.String("from", holder.ID))
		}
	}
}
