// Package fleet knows the live game servers and their matches, and asks them
// for seats. A server is live while its stream is.
package fleet

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/internal/millis"
	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Config configures a [Registry]. All fields but the functions are needed.
type Config struct {
	MatchmakerID string
	TokenKey     []byte        // Ed25519 public key of the join tokens
	LoadInterval time.Duration // how often servers tell their load
	LastCall     time.Duration // a match likely to end sooner gets nobody new
	StrikeLasts  time.Duration // a server that did not answer is the last choice for so long
	// Protocol is the WebSocket subprotocol of the players here; servers that
	// tell of another one are refused. Empty: all are taken.
	Protocol  string
	HoldSeats time.Duration // how long servers hold a seat; older ones need no release

	// Ended stores how a match ended. Its server is told so when it returns nil,
	// else it tells again, perhaps another matchmaker. It is called from
	// goroutines of its own, for the same match one after the other, and may be
	// again for a match that is stored.
	Ended func(ctx context.Context, e *fleetv1.MatchEnded) error
	// Lost is told of matches that are over without an end of their own: their
	// rules failed, their server stopped, or it has been gone for a while. It may
	// be told more than once, and also of a match whose end was told to another
	// matchmaker meanwhile; it must not block.
	Lost func(matchID string)

	now func() time.Time // the tests' wall clock
}

// Registry holds the live servers. Its methods may be called from any
// goroutine.
type Registry struct {
	cfg     Config
	log     *zap.Logger
	changed func()

	mu      sync.Mutex
	servers map[string]*server
	matches map[string]*match
	games   map[string]*matchmakerv1.GameInfo // every game seen since the start
	orphans map[string][]orphan               // by server id
	absent  map[string][]*absence             // by server id
	// replicas are told to the servers; tellings counts how often they changed.
	replicas []string
	keys     [][]byte // that they sign join tokens with
	tellings int
	// clockIsOff: most servers' clocks differ alike from the one here.
	clockIsOff bool

	stopped   chan struct{}
	life      context.Context //nolint:containedctx // of what goes on after the stream that began it
	stop      context.CancelFunc
	noMore    bool           // nothing is added to following
	following sync.WaitGroup // calls of Ended and Lost
}

type server struct {
	id         string
	url        string
	follows    bool // the url's host is guessed, and may be that by which a player reached this machine
	region     string
	games      map[string]*matchmakerv1.GameInfo
	maxMatches int
	maxPlayers int
	cpu        float64
	draining   bool
	full       bool
	struck     time.Time
	matches    map[string]*match
	people     int // in all matches, seats asked for included
	calls      map[string]*call
	out        chan *fleetv1.ConnectResponse
	gone       chan struct{}       // closed when the server is no longer live
	superseded bool                // by a newer stream; set before gone is closed
	since      time.Time           // it is connected
	told       int                 // tellings of replicas that it knows
	storing    map[string]struct{} // matches whose end is being stored
	heard      atomic.Uint64       // messages after Register
	clock      clockState
	clockAhead time.Duration // of the clock here, if clockKnown
	clockKnown bool
	features   []string // that hold on its stream
}

type match struct {
	id        string
	server    *server
	game      string
	mode      string
	people    int
	held      int // seats asked for and not answered yet
	seats     int
	open      bool
	private   bool
	queue     string // that made it, empty for none
	backfill  bool   // asks for players of its queue
	teams     []team // as told by the server; one of everybody where there are no teams
	confirmed bool   // the server has told of it
	calls     int    // unanswered
	born      time.Time
	ends      time.Time // zero: unknown
}

// team is one team of a match.
type team struct {
	people int
	held   int // seats asked for and not answered yet
	seats  int
	skill  float64 // mean of its people
}

// orphan is a reservation whose server was gone before it answered.
type orphan struct {
	release *fleetv1.Release
	at      time.Time
}

// Errors of calls to servers.
var (
	ErrGone    = errors.New("the game server is gone")
	ErrTimeout = errors.New("the game server did not answer in time")
	ErrClock   = errors.New("the clock of the game server is off by minutes")
	ErrBusy    = errors.New("the game server does not read what it is sent")
)

// NewRegistry makes a registry without servers. changed is called, without any
// lock held, whenever a search might find something that was not there before.
func NewRegistry(cfg Config, changed func(), log *zap.Logger) *Registry {
	life, stop := context.WithCancel(context.Background())
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Registry{
		cfg:     cfg,
		log:     log,
		changed: changed,
		servers: make(map[string]*server),
		matches: make(map[string]*match),
		games:   make(map[string]*matchmakerv1.GameInfo),
		orphans: make(map[string][]orphan),
		absent:  make(map[string][]*absence),
		stopped: make(chan struct{}),
		life:    life,
		stop:    stop,
	}
}

// Stop ends the streams of all servers and waits for running calls of Ended and
// Lost. It is called once.
func (r *Registry) Stop() {
	close(r.stopped)
	r.stop()
	r.mu.Lock()
	r.noMore = true
	for _, list := range r.absent {
		for _, a := range list {
			a.timer.Stop()
		}
	}
	r.mu.Unlock()
	r.following.Wait()
}

// SetReplicas tells all servers which matchmakers there are, by the addresses
// of their native gRPC, this one included, and the public keys that they sign
// join tokens with. None means this one alone.
func (r *Registry) SetReplicas(addresses []string, keys [][]byte) {
	sorted := slices.Sorted(slices.Values(addresses))
	keys = slices.CompactFunc(slices.SortedFunc(slices.Values(keys), bytes.Compare), bytes.Equal)
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(sorted, r.replicas) && slices.EqualFunc(keys, r.keys, bytes.Equal) {
		return
	}
	r.replicas, r.keys = sorted, keys
	r.tellings++
	for _, s := range r.servers {
		r.tellReplicas(s)
	}
}

// tellReplicas needs the lock. A server that does not read is told with its next
// load.
func (r *Registry) tellReplicas(s *server) {
	if s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Replicas{Replicas: r.replicaList()}}) {
		s.told = r.tellings
	}
}

func (r *Registry) replicaList() *fleetv1.Replicas {
	return &fleetv1.Replicas{Addresses: slices.Clone(r.replicas), TokenKeys: slices.Clone(r.keys)}
}

// add makes the server live; a server of the same id gives way to it. peer is
// where its stream comes from.
func (r *Registry) add(reg *fleetv1.Register, peer net.Addr) *server {
	s := &server{
		id:         reg.GetServerId(),
		url:        reg.GetPublicUrl(),
		follows:    reg.GetPublicUrlGuessed() && fromThisMachine(peer),
		region:     reg.GetRegion(),
		games:      make(map[string]*matchmakerv1.GameInfo, len(reg.GetGames())),
		maxMatches: int(reg.GetMaxMatches()),
		maxPlayers: int(reg.GetMaxPlayers()),
		draining:   reg.GetDraining(),
		matches:    make(map[string]*match, len(reg.GetMatches())),
		calls:      make(map[string]*call),
		out:        make(chan *fleetv1.ConnectResponse, outbound),
		gone:       make(chan struct{}),
		since:      time.Now(),
		storing:    make(map[string]struct{}),
		features:   feature.Common(reg.GetFeatures()),
	}
	r.mu.Lock()
	if old := r.servers[s.id]; old != nil {
		old.superseded = true
		r.detach(old)
	}
	r.servers[s.id] = s
	for _, g := range reg.GetGames() {
		s.games[g.GetName()] = g
		r.games[g.GetName()] = g
	}
	for _, status := range reg.GetMatches() {
		r.apply(s, status)
	}
	r.present(reg)
	s.out <- r.registered(s) // the channel is empty
	s.told = r.tellings
	for _, o := range r.orphans[s.id] {
		if time.Since(o.at) < r.cfg.HoldSeats {
			s.send(releaseMessage(o.release))
		}
	}
	delete(r.orphans, s.id)
	r.mu.Unlock()
	r.changed()
	return s
}

// registered needs the lock.
func (r *Registry) registered(s *server) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Registered{Registered: &fleetv1.Registered{
		MatchmakerId:   r.cfg.MatchmakerID,
		TokenKey:       r.cfg.TokenKey,
		LoadIntervalMs: millis.Of(r.cfg.LoadInterval),
		Replicas:       r.replicaList(),
		UnixMs:         r.cfg.now().UnixMilli(),
		Features:       s.features,
	}}}
}

// remove takes the server out if it has not given way to a newer one already.
func (r *Registry) remove(s *server) {
	r.mu.Lock()
	if r.servers[s.id] == s {
		r.detach(s)
	}
	r.mu.Unlock()
	r.changed()
}

// detach needs the lock.
func (r *Registry) detach(s *server) {
	delete(r.servers, s.id)
	r.forgetOrphans()
	for _, c := range s.calls {
		if len(c.reservations) > 0 || c.match.private {
			release := &fleetv1.Release{MatchId: c.match.id, Reservations: c.reservations}
			r.orphans[s.id] = append(r.orphans[s.id], orphan{release: release, at: time.Now()})
		}
		r.settle(c, nil, ErrGone)
	}
	if s.clockKnown {
		r.reviewClocks()
	}
	r.miss(s)
	for id := range s.matches {
		delete(r.matches, id)
	}
	close(s.gone)
}

// forgetOrphans needs the lock.
func (r *Registry) forgetOrphans() {
	for id, list := range r.orphans {
		if time.Since(list[len(list)-1].at) >= r.cfg.HoldSeats {
			delete(r.orphans, id)
		}
	}
}

// load takes in what a server told.
func (r *Registry) load(s *server, l *fleetv1.Load) {
	r.mu.Lock()
	s.cpu = min(max(l.GetCpu(), 0), 1)
	s.draining = s.draining || l.GetDraining()
	news := s.full || len(l.GetChanged()) > 0
	s.full = false
	if r.servers[s.id] == s {
		if s.told != r.tellings {
			r.tellReplicas(s)
		}
		for _, status := range l.GetChanged() {
			r.apply(s, status)
		}
		if l.ClockOffsetMs != nil { // the other way round: how far this clock is ahead
			news = r.measured(s, -milliseconds(l.GetClockOffsetMs())) || news
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

// apply takes in a match's status; it needs the lock.
func (r *Registry) apply(s *server, status *fleetv1.MatchStatus) {
	id := status.GetMatchId()
	if id == "" || len(id) > maxID {
		return
	}
	m := r.matches[id]
	if status.GetSeats() == 0 { // it is over
		if m != nil && m.server == s {
			r.drop(m)
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
		r.log.Warn("two servers tell of the same match; the first keeps it",
			zap.String("match", id), zap.String("first", m.server.id), zap.String("second", s.id))
		return
	}
	now := time.Now()
	s.people += int(status.GetPeople()) - m.people
	m.people = int(status.GetPeople())
	m.seats = int(status.GetSeats())
	m.game, m.mode = status.GetGame(), status.GetMode()
	m.open, m.private = status.GetOpen(), status.GetPrivate()
	m.queue, m.backfill = status.GetQueue(), status.GetBackfill()
	m.setTeams(status.GetTeams())
	m.confirmed = true
	m.born = now.Add(-time.Duration(status.GetAgeS()) * time.Second)
	m.ends = time.Time{}
	if left := status.GetRemainingS(); left > 0 {
		m.ends = now.Add(time.Duration(left) * time.Second)
	}
}

// setTeams takes in what the server told of the teams; seats that are asked for
// stay so.
func (m *match) setTeams(told []*fleetv1.TeamStatus) {
	teams := make([]team, min(len(told), maxTeams))
	for i := range teams {
		teams[i] = team{people: int(told[i].GetPeople()), seats: int(told[i].GetSeats()), skill: told[i].GetSkill()}
		if i < len(m.teams) {
			teams[i].held = m.teams[i].held
		}
	}
	m.teams = teams
}

// drop forgets a match; it needs the lock.
func (r *Registry) drop(m *match) {
	if !m.known() {
		return
	}
	m.server.people -= m.people + m.held
	m.people, m.held = 0, 0
	delete(m.server.matches, m.id)
	delete(r.matches, m.id)
}

// known reports whether the match is still in the picture.
func (m *match) known() bool { return m.server.matches[m.id] == m }

// Drain asks a server to take nothing new and to end when its matches have, at
// the latest after the deadline. It reports whether the server is live.
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

// send reports whether the message was queued; it never blocks.
func (s *server) send(m *fleetv1.ConnectResponse) bool {
	select {
	case s.out <- m:
		return true
	default:
		return false
	}
}

func releaseMessage(release *fleetv1.Release) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Release{Release: release}}
}
