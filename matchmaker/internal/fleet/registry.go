// Package fleet knows the live game servers and their matches, and reserves seats on
// them. A server is live as long as its stream.
//
// A [Service] has one goroutine that receives and one that sends for each stream. They
// and the callers share one [Registry] with one lock. Seats count as taken from the
// moment they are asked for, so that two searches do not get the same seat.
package fleet

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/internal/millis"
	"tactus/internal/steady"
	"tactus/matchmaker/internal/seal"
	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Config configures a [Registry]. All fields but the functions are needed.
type Config struct {
	MatchmakerID string
	TokenKey     []byte        // Ed25519 public key of the join tokens
	LoadInterval time.Duration // at which servers report their load
	LastCall     time.Duration // before a match ends: it gets no new players
	StrikeLasts  time.Duration // how long a server that did not answer is the last choice
	// Protocol is the WebSocket subprotocol of the players here. Servers that name
	// another one are rejected. Empty: all servers are accepted.
	Protocol string
	// Origins are announced to servers: the pages that may connect to those without
	// origins of their own.
	Origins   []string
	HoldSeats time.Duration // how long servers hold a seat; older seats need no release

	// Ended stores the end of a match. When it returns nil, the match's server gets an
	// acknowledgement; after an error the server reports the end again, perhaps to
	// another matchmaker. Ended is called from goroutines of its own, never twice at
	// the same time for one match. It may be called again for a match that is stored.
	Ended func(ctx context.Context, from seal.Reporter, e *fleetv1.MatchEnded) error
	// Lost is called with each match that is over without a result: its rules failed,
	// its server stopped, or its server has been gone for a while. It may be called
	// more than once for a match, and for a match that has ended regularly: another
	// matchmaker may have received its end. It must not block.
	Lost func(matchID string)

	now func() time.Time // the wall clock, in tests
}

// Registry holds the live servers. It is safe for concurrent use.
type Registry struct {
	cfg     Config
	log     *zap.Logger
	changed func()
	results *results
	stopped chan struct{}
	// bindings has its own lock.
	bindings *bindings

	mu       sync.Mutex
	servers  map[string]*server
	matches  map[string]*match
	seats    seatTable
	catalog  catalog
	orphans  orphans
	replicas replicas
	clocks   clocks
	bans     bans
}

// Errors of calls to servers.
var (
	ErrGone    = errors.New("the game server is gone")
	ErrTimeout = errors.New("the game server did not answer in time")
	ErrClock   = errors.New("the clock of the game server is off by minutes")
	ErrBusy    = errors.New("the game server does not read what it is sent")
)

// NewRegistry makes a registry without servers. changed is called without any lock
// held, whenever a search may find a match that was not possible before.
func NewRegistry(cfg Config, changed func(), log *zap.Logger) *Registry {
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Registry{
		cfg:     cfg,
		log:     log,
		changed: changed,
		servers: make(map[string]*server),
		matches: make(map[string]*match),
		seats:   make(seatTable),
		catalog: newCatalog(),
		orphans: make(orphans),
		results: newResults(cfg, log),
		stopped: make(chan struct{}),

		bindings: newBindings(),
	}
}

// Stop ends the streams of all servers and waits for running calls of Ended and
// Lost. It is called once.
func (r *Registry) Stop() {
	close(r.stopped)
	r.results.close()
}

// SetReplicas sends all servers the addresses of the matchmakers' native gRPC, this
// one's included, and the public keys that they sign join tokens with. Without
// addresses this matchmaker is the only one.
func (r *Registry) SetReplicas(addresses []string, keys [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.replicas.set(addresses, keys) {
		return
	}
	for _, s := range r.servers {
		r.replicas.sendTo(s)
	}
}

// enter makes a server live, and replaces an earlier stream of the same process and
// that of silent. peer is the address of the stream's other end. It returns nil while
// another process has the id.
func (r *Registry) enter(reg *fleetv1.Register, peer net.Addr, silent *server) *server {
	s := newServer(reg, peer)
	r.mu.Lock()
	if old := r.servers[s.id]; old != nil {
		if old != silent && !bytes.Equal(old.process, s.process) {
			r.mu.Unlock()
			return nil
		}
		old.superseded = true
		r.detachLocked(old)
	}
	r.servers[s.id] = s
	r.catalog.rebuild(r.servers, time.Now())
	for _, status := range reg.GetMatches() {
		r.applyLocked(s, status)
	}
	r.results.present(reg)
	s.out <- r.registeredLocked(s) // the channel is empty
	s.replicasVersion = r.replicas.version
	r.orphans.releaseBy(s, r.cfg.HoldSeats)
	for _, c := range reg.GetSeats() {
		r.seats.change(s, c)
	}
	r.mu.Unlock()
	r.changed()
	return s
}

func newServer(reg *fleetv1.Register, peer net.Addr) *server {
	s := &server{
		connection: connection{
			peer:        peer,
			features:    feature.Common(reg.GetFeatures()),
			out:         make(chan *fleetv1.ConnectResponse, outbound),
			gone:        make(chan struct{}),
			since:       time.Now(),
			moderations: moderations{answers: make(map[string]chan<- *fleetv1.Moderated)},
		},
		id:         reg.GetServerId(),
		process:    reg.GetProcess(),
		url:        reg.GetPublicUrl(),
		follows:    reg.GetPublicUrlGuessed() && fromThisMachine(peer),
		region:     reg.GetRegion(),
		games:      make(map[string]*matchmakerv1.GameInfo, len(reg.GetGames())),
		maxMatches: int(reg.GetMaxMatches()),
		maxPlayers: int(reg.GetMaxPlayers()),
		draining:   reg.GetDraining(),
		matches:    make(map[string]*match, len(reg.GetMatches())),
		seats:      make(map[seatKey]*seat, len(reg.GetSeats())),
		calls:      make(map[string]*call),
	}
	for _, g := range reg.GetGames() {
		s.games[g.GetName()] = g
	}
	s.lastReceived.Store(steady.Now())
	return s
}

func (r *Registry) registeredLocked(s *server) *fleetv1.ConnectResponse {
	var list *fleetv1.BanList
	if r.bans.list != nil && s.moderated() {
		list, s.bansVersion = r.bans.whole(), r.bans.version
	}
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Registered{Registered: &fleetv1.Registered{
		MatchmakerId:   r.cfg.MatchmakerID,
		TokenKey:       r.cfg.TokenKey,
		LoadIntervalMs: millis.Of(r.cfg.LoadInterval),
		Replicas:       r.replicas.message(),
		UnixMs:         r.cfg.now().UnixMilli(),
		Features:       s.features,
		Bans:           list,
		Origins:        r.cfg.Origins,
	}}}
}

// disconnect makes a server no longer live, unless a newer stream has replaced it.
func (r *Registry) disconnect(s *server) {
	r.mu.Lock()
	if r.servers[s.id] == s {
		r.detachLocked(s)
	}
	r.mu.Unlock()
	r.changed()
}

func (r *Registry) detachLocked(s *server) {
	delete(r.servers, s.id)
	r.catalog.rebuild(r.servers, time.Now())
	r.seats.forget(s)
	r.orphans.expire(r.cfg.HoldSeats)
	for _, c := range s.calls {
		if len(c.reservations) > 0 || c.match.private {
			r.orphans.add(s.id, &fleetv1.Release{MatchId: c.match.id, Reservations: c.reservations})
		}
		c.failLocked(ErrGone)
	}
	if s.clockKnown {
		r.clocks.review(r.servers, r.log)
	}
	missed := make(map[string]struct{})
	for id, m := range s.matches {
		if m.confirmed {
			missed[id] = struct{}{}
		}
		delete(r.matches, id)
	}
	r.results.miss(s.id, missed)
	close(s.gone)
}

// load applies a server's load report.
func (r *Registry) load(s *server, l *fleetv1.Load) {
	r.mu.Lock()
	s.cpu = min(max(l.GetCpu(), 0), 1)
	s.draining = s.draining || l.GetDraining()
	news := s.full || len(l.GetChanged()) > 0
	s.full = false
	if r.servers[s.id] == s {
		r.replicas.sendTo(s)
		r.bans.sendTo(s)
		for _, status := range l.GetChanged() {
			r.applyLocked(s, status)
		}
		for _, c := range l.GetSeats() {
			r.seats.change(s, c)
		}
		r.seats.retry(s)
		if l.ClockOffsetMs != nil { // the other way round: how far this clock is ahead
			if s.setClock(-milliseconds(l.GetClockOffsetMs())) {
				news = r.clocks.review(r.servers, r.log) || news
			}
		}
	}
	r.mu.Unlock()
	if stamp := l.GetUnixMs(); stamp != 0 {
		s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_LoadAck{
			LoadAck: &fleetv1.LoadAck{LoadUnixMs: stamp, UnixMs: r.cfg.now().UnixMilli()},
		}})
	}
	if news {
		r.changed()
	}
}

// applyLocked applies a match's status.
func (r *Registry) applyLocked(s *server, status *fleetv1.MatchStatus) {
	id := status.GetMatchId()
	if id == "" || len(id) > maxID {
		return
	}
	m := r.matches[id]
	if status.GetSeats() == 0 { // it is over
		if m != nil && m.server == s {
			r.dropLocked(m)
		}
		return
	}
	if m == nil {
		if len(s.matches) >= maxMatchesPerServer {
			return
		}
		m = &match{id: id, server: s}
		r.matches[id] = m
		s.matches[id] = m
	}
	if m.server != s {
		r.log.Warn("match reported by two servers; the first keeps it",
			zap.String("match", id), zap.String("first", m.server.id), zap.String("second", s.id))
		return
	}
	now := time.Now()
	s.players += int(status.GetPeople()) - m.players
	m.players = int(status.GetPeople())
	m.seats = int(status.GetSeats())
	m.game, m.mode = status.GetGame(), status.GetMode()
	m.open, m.private, m.finished = status.GetOpen(), status.GetPrivate(), status.GetFinished()
	m.rated = status.GetRated()
	m.queue, m.backfill = status.GetQueue(), status.GetBackfill()
	m.setTeams(status.GetTeams())
	m.confirmed = true
	m.began = now.Add(-time.Duration(status.GetAgeS()) * time.Second)
	m.ends = time.Time{}
	if left := status.GetRemainingS(); left > 0 {
		m.ends = now.Add(time.Duration(left) * time.Second)
	}
}

// dropLocked forgets a match.
func (r *Registry) dropLocked(m *match) {
	if !m.known() {
		return
	}
	m.server.players -= m.players + m.held
	m.players, m.held = 0, 0
	delete(m.server.matches, m.id)
	delete(r.matches, m.id)
}

// matchEnded forgets a match and has its end stored.
func (r *Registry) matchEnded(s *server, e *fleetv1.MatchEnded) {
	r.mu.Lock()
	m := r.matches[e.GetMatchId()]
	switch {
	case m == nil:
	case m.server == s:
		r.dropLocked(m)
	case m.confirmed:
		r.mu.Unlock()
		r.log.Warn("end of another server's match reported", zap.String("match", m.id),
			zap.String("server", s.id), zap.String("hosted_by", m.server.id))
		return
	}
	r.mu.Unlock()
	r.results.store(s, e)
	r.changed()
}

// Drain asks a server to take no new matches and players, and to stop when its
// matches have ended, or after the deadline. It reports whether the server is live.
func (r *Registry) Drain(serverID string, deadline time.Duration, reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[serverID]
	if s == nil {
		return false
	}
	s.draining = true
	return s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Drain{Drain: &fleetv1.Drain{
		DeadlineMs: millis.Of(deadline),
		Reason:     reason,
	}}})
}

func releaseMessage(release *fleetv1.Release) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Release{Release: release}}
}
