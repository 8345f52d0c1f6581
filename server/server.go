// Package server hosts matches: it takes reservations from a matchmaker,
// players from WebSockets, and runs each match as a goroutine of its own.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/httplog"
	"tactus/internal/origin"
	"tactus/internal/steady"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/fleet"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
)

// Server is one game server.
type Server struct {
	cfg       Config
	log       *zap.Logger
	guessed   bool // the public URL was made from the listener's address
	games     map[string]game.Game
	order     []game.Game
	metrics   *metrics.Metrics
	logs      *matchlog.Store
	upgrader  ws.Upgrader
	keys      *keyring
	fences    fences
	fleet     *fleet.Client
	overload  overload.Process
	scheduler *scheduler.Scheduler

	handshakes   atomic.Int64
	helloTimeout time.Duration
	stoodStill   func() time.Duration // how long the process has, so far

	draining  atomic.Bool
	drained   chan struct{} // closed when a drain's deadline has passed
	drainOnce sync.Once
	left      chan struct{} // capacity 1: a match has ended
	over      overMatches

	opening sync.Mutex // one match is opened at a time

	mu       sync.Mutex
	matches  map[string]*match.Driver
	players  map[string]*match.Driver // where each player was seated last
	running  sync.WaitGroup
	matchCtx context.Context //nolint:containedctx // the life of matches, which outlive the request that opens them
	stop     context.CancelFunc
}

// maxHandshakes bounds connections that have not said hello yet.
const maxHandshakes = 2048

// New makes a server. It refuses a bad Config and games whose tables are wrong.
func New(cfg Config, log *zap.Logger, games ...game.Game) (*Server, error) {
	errs := []error{cfg.Validate()}
	cfg.setDefaults()
	if cfg.ID == "" {
		cfg.ID = uuid.NewString()
	}
	s := &Server{
		cfg: cfg, log: log, games: map[string]game.Game{}, order: games,
		keys: newKeyring(), drained: make(chan struct{}), left: make(chan struct{}, 1), scheduler: scheduler.New(scheduler.SystemClock()),
		matches: map[string]*match.Driver{}, players: map[string]*match.Driver{},
		helloTimeout: protocol.HelloTimeout, stoodStill: steady.StoodStill,
	}
	if len(games) == 0 {
		errs = append(errs, errors.New("no games to host"))
	}
	for _, g := range games {
		errs = append(errs, game.Check(g))
		name := g.Info().Name
		if s.games[name] != nil {
			errs = append(errs, fmt.Errorf("game %s: given twice", name))
		}
		s.games[name] = g
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	logs, err := matchlog.NewStore(matchlog.Config{Dir: cfg.ReplayDir, MaxFiles: cfg.ReplayFiles, MaxBytes: cfg.ReplayBytes}, log)
	if err != nil {
		return nil, fmt.Errorf("replays: %w", err)
	}
	s.logs = logs
	s.metrics = metrics.New(cfg.Registerer)
	metrics.CountPlayers(cfg.Registerer, s.people)
	s.upgrader.ForcePortable = cfg.ForcePortable
	if s.upgrader.Origins, err = origin.NewPolicy(cfg.Origins, cfg.LocalOrigins); err != nil {
		return nil, err
	}
	s.fleet = fleet.New(fleet.Config{
		Addrs: cfg.Matchmakers, DialOptions: cfg.DialOptions, TLS: cfg.matchmakerTLS(), Metrics: s.metrics,
	}, host{s}, log)
	s.matchCtx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Run makes a server, listens, and hosts matches until ctx ends or a drain is
// complete.
func Run(ctx context.Context, cfg Config, log *zap.Logger, games ...game.Game) error {
	s, err := New(cfg, log, games...)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("public port: %w", err)
	}
	s.GuessPublicURL(ln.Addr(), "")
	hs := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: httplog.New(log, "public")}
	served := make(chan error, 1)
	go func() { served <- hs.Serve(ln) }()
	log.Info("game server listens", zap.String("addr", ln.Addr().String()), zap.String("url", s.cfg.PublicURL))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			log.Error("public port failed", zap.Error(err))
			cancel()
		}
	}()
	err = s.Host(ctx)
	_ = hs.Close()
	return err
}

// SetPublicURL sets the URL that browsers reach /play at; to be called before
// Host by those who learn it from their listener.
func (s *Server) SetPublicURL(u string) { s.cfg.PublicURL, s.guessed = u, false }

// ID is what join tokens for this server are bound to.
func (s *Server) ID() string { return s.cfg.ID }

// Host keeps the server registered with the matchmaker and runs its matches
// until ctx ends or a drain is complete; then it ends the matches, reports them,
// and returns.
func (s *Server) Host(ctx context.Context) error {
	fleetCtx, stopFleet := context.WithCancel(context.Background())
	defer stopFleet()
	fleetDone := make(chan error, 1)
	go func() { fleetDone <- s.fleet.Run(fleetCtx) }()
	var watching sync.WaitGroup
	watching.Go(func() { s.watchOverload(s.matchCtx) })
	var err error
	select {
	case <-ctx.Done():
	case <-s.drained:
	case err = <-fleetDone:
	}
	s.draining.Store(true)
	s.stop()
	s.opening.Lock()   // whoever opens a match now has started it, or is refused
	s.opening.Unlock() //nolint:staticcheck // waiting is all there is to do
	s.running.Wait()
	watching.Wait()
	s.upgrader.Wait()
	stopFleet()
	if err == nil {
		err = <-fleetDone
	}
	return errors.Join(err, s.logs.Close())
}

// Matches returns the status of every running match, in no order.
func (s *Server) Matches() []match.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]match.Status, 0, len(s.matches))
	for _, m := range s.matches {
		list = append(list, *m.Status())
	}
	return list
}

func (s *Server) match(id string) *match.Driver {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matches[id]
}

// seated notes where a player sits now; a seat that he has elsewhere is freed.
func (s *Server) seated(player string, m *match.Driver) {
	s.mu.Lock()
	old := s.players[player]
	s.players[player] = m
	s.mu.Unlock()
	if old != nil && old != m {
		old.Evict(player)
	}
}

// reportEnd reports how a match ended.
func (s *Server) reportEnd(m *match.Driver, r *match.EndReport) {
	s.fleet.Ended(endedMessage(m.Status(), r, time.Now()))
}

// ended forgets a match, and reports it unless its result was reported before.
func (s *Server) ended(m *match.Driver, r *match.EndReport) {
	s.mu.Lock()
	delete(s.matches, r.ID)
	for p, at := range s.players {
		if at == m {
			delete(s.players, p)
		}
	}
	s.mu.Unlock()
	s.metrics.Matches.Dec()
	s.over.add(m.Status(), r.Reason)
	if r.Reason != match.EndOver {
		s.reportEnd(m, r)
	}
	s.fleet.Notify()
	s.matchLeft()
}
