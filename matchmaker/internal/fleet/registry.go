// Package fleet knows the live game servers and their matches, and asks them
// for seats. A server is live while its stream is.
package fleet

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Config configures a [Registry]. All fields are needed.
type Config struct {
	MatchmakerID string
	TokenKey     []byte        // Ed25519 public key of the join tokens
	LoadInterval time.Duration // how often servers tell their load
	LastCall     time.Duration // a match likely to end sooner gets nobody new
	StrikeLasts  time.Duration // a server that did not answer is the last choice for so long
	HoldSeats    time.Duration // how long servers hold a seat; older ones need no release
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
	stopped chan struct{}
}

type server struct {
	id         string
	url        string
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
	gone       chan struct{} // closed when the server is no longer live
	superseded bool          // by a newer stream; set before gone is closed
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
	confirmed bool // the server has told of it
	calls     int  // unanswered
	born      time.Time
	ends      time.Time // zero: unknown
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
	ErrBusy    = errors.New("the game server does not read what it is sent")
)

// outbound bounds what waits to be sent to one server.
const outbound = 1024

// NewRegistry makes a registry without servers. changed is called, without any
// lock held, whenever a search might find something that was not there before.
func NewRegistry(cfg Config, changed func(), log *zap.Logger) *Registry {
	return &Registry{
		cfg:     cfg,
		log:     log,
		changed: changed,
		servers: make(map[string]*server),
		matches: make(map[string]*match),
		games:   make(map[string]*matchmakerv1.GameInfo),
		orphans: make(map[string][]orphan),
		stopped: make(chan struct{}),
	}
}

// Stop ends the streams of all servers. It is called once.
func (r *Registry) Stop() { close(r.stopped) }

// add makes the server live; a server of the same id gives way to it.
func (r *Registry) add(reg *fleetv1.Register) *server {
	s := &server{
		id:         reg.GetServerId(),
		url:        reg.GetPublicUrl(),
		region:     reg.GetRegion(),
		games:      make(map[string]*matchmakerv1.GameInfo, len(reg.GetGames())),
		maxMatches: int(reg.GetMaxMatches()),
		maxPlayers: int(reg.GetMaxPlayers()),
		draining:   reg.GetDraining(),
		matches:    make(map[string]*match, len(reg.GetMatches())),
		calls:      make(map[string]*call),
		out:        make(chan *fleetv1.ConnectResponse, outbound),
		gone:       make(chan struct{}),
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
	s.out <- registered(&r.cfg) // the channel is empty
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

func registered(cfg *Config) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Registered{Registered: &fleetv1.Registered{
		MatchmakerId:   cfg.MatchmakerID,
		TokenKey:       cfg.TokenKey,
		LoadIntervalMs: uint32(cfg.LoadInterval.Milliseconds()),
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
		for _, status := range l.GetChanged() {
			r.apply(s, status)
		}
	}
	r.mu.Unlock()
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
	m.confirmed = true
	m.born = now.Add(-time.Duration(status.GetAgeS()) * time.Second)
	m.ends = time.Time{}
	if left := status.GetRemainingS(); left > 0 {
		m.ends = now.Add(time.Duration(left) * time.Second)
	}
}

func (r *Registry) matchEnded(s *server, id string) {
	r.mu.Lock()
	if m := r.matches[id]; m != nil && m.server == s {
		r.drop(m)
	}
	r.mu.Unlock()
	r.changed()
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
		DeadlineMs: uint32(min(deadline.Milliseconds(), 1<<32-1)),
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
