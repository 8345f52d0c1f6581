package matchmaker

import (
	"context"
	"fmt"
	"time"

	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/api"
	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/cluster"
	"tactus/matchmaker/internal/cooldown"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/moderation"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/privatematch"
	"tactus/matchmaker/internal/pseudonym"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/requeue"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/upkeep"
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

// parts are what works on the store.
type parts struct {
	claims     *claim.Claims
	guests     *identity.GuestKeys
	identity   *identity.Verifier
	parties    *party.Parties
	rooms      *room.Rooms
	ranking    *ranking.Ranking
	bans       *moderation.Bans
	reports    *moderation.Reports
	cooldown   *cooldown.Cooldowns
	priority   *requeue.Priority
	watchers   *membership.Watchers
	searches   *admission.Searches
	host       *privatematch.Host
	sweeper    *upkeep.Sweeper
	pseudonyms *pseudonym.Pseudonyms
}

// openParts opens what needs the store, and gives it to the service.
func (m *Matchmaker) openParts(ctx context.Context, c *cluster.Cluster) error {
	if err := m.openRecords(ctx, c); err != nil {
		return err
	}
	m.connectParts(c)
	p := &m.parts
	c.Go("signing keys", p.guests.Run)
	c.Go("cooldowns", p.cooldown.Run)
	c.Go("result key", m.seals.Keys.Run)
	c.Go("claims", func(ctx context.Context) error { p.claims.Run(ctx); return nil })
	c.Go("lost matches", p.priority.Run)
	c.Go("parties", p.sweeper.FollowParties)
	c.Go("rooms", p.sweeper.FollowRooms)
	c.Go("members", p.sweeper.Run)
	c.Go("ratings", p.ranking.Run)
	c.Go("bans", p.bans.Run)
	c.Go("queue statistics", func(ctx context.Context) error { return m.stats.Run(ctx, c.Store()) })
	return nil
}

// openRecords opens what the store keeps.
func (m *Matchmaker) openRecords(ctx context.Context, c *cluster.Cluster) (err error) {
	p := &m.parts
	if err = m.seals.Keys.Open(ctx, c.Store()); err != nil {
		return err
	}
	if p.cooldown, err = cooldown.Open(ctx, c.Store()); err != nil {
		return err
	}
	if p.claims, err = claim.New(ctx, c.Store()); err != nil {
		return err
	}
	if p.parties, err = party.New(ctx, c.Store()); err != nil {
		return err
	}
	if p.rooms, err = room.New(ctx, c.Store()); err != nil {
		return err
	}
	if p.priority, err = requeue.New(ctx, c.Store()); err != nil {
		return err
	}
	if p.pseudonyms, err = pseudonym.Open(ctx, c.Store()); err != nil {
		return err
	}
	p.ranking, err = ranking.Open(ctx, c.Store(), ranking.Config{
		Rated: m.catalog.Rated, Leases: c.Leases(), Players: p.pseudonyms,
	}, m.log.Named("ranking"))
	if err != nil {
		return fmt.Errorf("ratings: %w", err)
	}
	if p.bans, err = moderation.OpenBans(ctx, c.Store(), m.fleet.ChangeBans, m.log.Named("bans")); err != nil {
		return err
	}
	if p.reports, err = moderation.OpenReports(ctx, c.Store()); err != nil {
		return err
	}
	if p.guests, err = identity.OpenGuestKeys(ctx, c.Store(), m.signer.Public(), m.cfg.ID, m.log); err != nil {
		return err
	}
	p.identity, err = identity.New(c.Context(), m.cfg.Identity, m.signer, p.guests, m.log)
	return err
}

// connectParts makes what works on the records.
func (m *Matchmaker) connectParts(c *cluster.Cluster) {
	cfg, p := &m.cfg, &m.parts
	p.searches = admission.NewSearches(admission.SearchesConfig{
		Ready: m.checkRunning, Queues: m.queues, Catalog: m.catalog, Router: m.router, Claims: p.claims,
	})
	p.watchers = membership.NewWatchers(membership.WatchersConfig{
		Processes: c.Members(), Patience: cfg.UnwatchedTimeout, Leave: m.service.RemoveMember, Background: &m.background, Stopping: m.stopping,
	})
	p.host = privatematch.New(privatematch.Config{
		TicketExpiry: cfg.TicketExpiry, Rooms: p.rooms, Parties: p.parties, Watchers: p.watchers, Searches: p.searches,
		Catalog: m.catalog, Fleet: m.fleet, Assigner: m.assigner, Ranking: p.ranking, Background: &m.background, Log: m.log,
	})
	p.sweeper = upkeep.New(upkeep.Config{
		Patience: cfg.UnwatchedTimeout, Parties: p.parties, Rooms: p.rooms, Host: p.host, Watchers: p.watchers,
		Fleet: m.fleet, Background: &m.background,
	})
	admitter := admission.New(admission.Config{
		Expiry: cfg.TicketExpiry, Searches: p.searches, Identity: p.identity, Parties: p.parties, Catalog: m.catalog,
		Fleet: m.fleet, Ranking: p.ranking, Priority: p.priority, Limits: m.limits, Rooms: p.host, Bans: p.bans,
		Cooldown: p.cooldown.Remaining,
	})
	m.admin.Open(moderation.Parts{Bans: p.bans, Reports: p.reports, Ranking: p.ranking, Searches: p.searches, Pseudonyms: p.pseudonyms})
	m.service.Open(api.Parts{
		Identity: p.identity, Admitter: admitter, Searches: p.searches, Ranking: p.ranking, Pseudonyms: p.pseudonyms,
		Parties: p.parties, Rooms: p.rooms, Host: p.host, Watchers: p.watchers, RoomCount: p.sweeper.RoomCount, RoomCounter: p.sweeper,
		Bans: p.bans, Reports: m.admin,
	})
}

// close ends what open began.
func (m *Matchmaker) close(c *cluster.Cluster) {
	c.Close()
	if m.parts.identity != nil {
		m.parts.identity.Close()
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
	m.router.SetReplicas(addresses)
}
