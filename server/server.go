// Package server hosts matches of games.
//
// A [Server] registers with matchmakers over gRPC, reserves seats for them, and
// accepts players over WebSockets with join tokens that they sign. All matches of a
// server share one scheduler, which runs their ticks on as many goroutines as there
// are processors; only a big match has goroutines of its own, its shards.
//
//	matchmakers ── gRPC ──▶ fleet client ──▶ admission ──▶ registry of matches
//	players ── WebSocket ──▶ acceptor ───────────────────────▲
//	scheduler ──▶ ticks of the matches ──▶ match logs
//
// [Run] makes a server, listens and hosts. [New], [Server.Handler] and [Server.Host]
// do the same in parts, for programs with a listener of their own. The rules of
// games are in package game; what clients send and receive is in package protocol.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/certificate"
	"tactus/internal/origin"
	"tactus/internal/publicport"
	"tactus/internal/steady"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/driver"
	"tactus/server/internal/fleet"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
	"tactus/server/internal/watchdog"
)

// Server is one game server. It is safe for concurrent use, except for SetPublicURL
// and GuessPublicURL, which must be called before Handler and Host.
type Server struct {
	cfg       Config
	log       *zap.Logger
	guessed   bool // the public URL was made from the listener's address
	games     []hosted
	metrics   *metrics.Metrics
	logs      *matchlog.Store
	fleet     *fleet.Client
	overload  overload.Process
	scheduler *scheduler.Scheduler
	watchdog  *watchdog.Watchdog
	keys      *keyring
	process   []byte            // drawn at the start: tells it from another process with the same id
	origins   *origin.Announced // by the matchmakers; nil: not asked for

	matches  *registry
	presence *presence

	participants *participants
	bans         *bans
	banning      sync.WaitGroup // removals of banned players
	drain        *drain
	admission    *admission
	acceptor     *acceptor
}

// New makes a server. It returns an error for a bad Config and for games with wrong
// tables.
func New(cfg Config, log *zap.Logger, games ...game.Game) (*Server, error) {
	given := cfg
	cfg = cfg.withDefaults()
	if cfg.ID == "" {
		cfg.ID = uuid.NewString()
	}
	s := &Server{
		cfg: cfg, log: log, keys: newKeyring(), process: make([]byte, 16),
		scheduler: scheduler.New(scheduler.SystemClock()),
	}
	_, _ = rand.Read(s.process) // never fails since Go 1.24
	s.watchdog = watchdog.New(watchdog.Config{Limit: cfg.TurnTimeout, Debugged: cfg.Debugged})
	byName, err := s.hostGames(games)
	if err := errors.Join(given.Validate(), err); err != nil {
		return nil, err
	}
	s.limitPlayers()
	s.metrics = metrics.New(cfg.Registerer)
	logs, err := matchlog.NewStore(matchlog.Config{
		Dir: cfg.ReplayDir, MaxFiles: cfg.MaxReplayFiles, MaxBytes: cfg.MaxReplayBytes, KeepFor: cfg.KeepReplays,
		OnBroken: func(cause string) { s.metrics.BrokenLogs.WithLabelValues(cause).Inc() },
	}, log)
	if err != nil {
		return nil, fmt.Errorf("replays: %w", err)
	}
	s.logs = logs
	s.matches = newRegistry(s.metrics)
	metrics.CountPlayers(cfg.Registerer, func() int { _, players := s.matches.count(); return players })
	s.presence, s.participants, s.bans = newPresence(), newParticipants(), newBans(s.enforce)
	s.drain = newDrain(log, s.matches)
	s.admission = &admission{
		cfg: &s.cfg, games: byName, matches: s.matches, drain: s.drain, process: &s.overload,
		maker: maker{log: log, metrics: s.metrics, watchdog: s.watchdog, newMatch: s.newMatch},
	}
	s.acceptor = &acceptor{
		serverID: cfg.ID, log: log, metrics: s.metrics, matches: s.matches, tokens: s.keys.tokens,
		bans: s.bans, presence: s.presence, participants: s.participants, hideAddresses: cfg.HideAddresses,
		foreign:      origin.NewRefusals(log, "--origin of the game server or its matchmakers"),
		helloTimeout: protocol.HelloTimeout, stoodStill: steady.StoodStill, tokenTime: steady.Wall().Lenient,
	}
	s.acceptor.upgrader.ForcePortable = cfg.ForcePortable
	s.acceptor.upgrader.Proxied = func(r *http.Request) bool {
		client, _ := publicport.ClientOf(r.Context())
		return client.Proxied
	}
	if s.acceptor.upgrader.Origins, err = s.openOrigins(); err != nil {
		return nil, err
	}
	s.fleet = fleet.New(fleet.Config{
		Addrs: cfg.Matchmakers, DialOptions: cfg.DialOptions, TLS: certificate.Files(cfg.MatchmakerTLSFiles), TokenFile: cfg.MatchmakerTokenFile, Metrics: s.metrics,
	}, host{s}, log)
	return s, nil
}

// hostGames checks the games and finds them by their names. The error has all mistakes.
func (s *Server) hostGames(games []game.Game) (map[string]hosted, error) {
	byName := make(map[string]hosted, len(games))
	if len(games) == 0 {
		return nil, errors.New("no games to host")
	}
	var errs []error
	for _, g := range games {
		errs = append(errs, game.Check(g))
		one := hosted{g, g.Info()}
		if _, twice := byName[one.info.Name]; twice {
			errs = append(errs, fmt.Errorf("game %s: given twice", one.info.Name))
		}
		byName[one.info.Name] = one
		s.games = append(s.games, one)
	}
	return byName, errors.Join(errs...)
}

// limitPlayers lowers the number of players to what the limit of open files allows, so
// that matchmakers send no others.
func (s *Server) limitPlayers() {
	most := publicport.Players()
	if most >= s.cfg.MaxPlayers {
		return
	}
	s.log.Warn("open files limit the number of players", zap.Int("players", most), zap.Int("max_players", s.cfg.MaxPlayers),
		zap.String("fix", fmt.Sprintf("ulimit -n %d, or LimitNOFILE in the unit", publicport.FilesFor(s.cfg.MaxPlayers))))
	s.cfg.MaxPlayers = most
}

// openOrigins returns what decides which pages may connect.
func (s *Server) openOrigins() (ws.Origins, error) {
	if s.cfg.MatchmakerOrigins {
		s.origins = origin.NewAnnounced(s.cfg.LocalOrigins)
		return s.origins, nil
	}
	return origin.NewPolicy(s.cfg.AllowedOrigins, s.cfg.LocalOrigins)
}

// Run makes a server, listens, and hosts matches until ctx ends or a drain is
// complete.
func Run(ctx context.Context, cfg Config, log *zap.Logger, games ...game.Game) error {
	s, err := New(cfg, log, games...)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.cfg.PublicAddr)
	if err != nil {
		return fmt.Errorf("public port: %w", err)
	}
	s.GuessPublicURL(ln.Addr(), "")
	port, err := publicport.New(publicport.Config{TLS: s.cfg.PublicTLS, Limits: s.cfg.Limits, Proxies: s.cfg.Proxies, Registerer: s.cfg.Registerer, Log: log})
	if err != nil {
		return err
	}
	log.Info("game server listening", zap.String("addr", ln.Addr().String()), zap.String("url", s.cfg.PublicURL))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := port.Serve(ctx, ln, s.Handler()); err != nil {
			log.Error("public port failed", zap.Error(err))
			cancel()
		}
	})
	err = s.Host(ctx)
	cancel()
	serving.Wait()
	return err
}

// SetPublicURL sets the URL at which browsers reach /play. It must be called before
// Handler and Host.
func (s *Server) SetPublicURL(u string) { s.cfg.PublicURL, s.guessed = u, false }

// ID returns the id that join tokens for this server are bound to.
func (s *Server) ID() string { return s.cfg.ID }

// Host keeps the server registered with the matchmakers and runs its matches until
// ctx ends or a drain is complete. Then it ends the matches, reports their results,
// and returns.
func (s *Server) Host(ctx context.Context) error {
	fleetCtx, stopFleet := context.WithCancel(context.Background())
	defer stopFleet()
	fleetDone := make(chan error, 1)
	go func() { fleetDone <- s.fleet.Run(fleetCtx) }()
	var watching sync.WaitGroup
	watching.Go(func() { s.watchOverload(s.matches.ctx) })
	watchdogDone := make(chan struct{}) // behind the last match: a turn may hang then, too
	go s.watchdog.Run(watchdogDone)
	defer close(watchdogDone)
	var err error
	select {
	case <-ctx.Done():
	case <-s.drain.done:
	case err = <-fleetDone:
	}
	s.drain.active.Store(true)
	s.matches.stop()
	s.admission.wait()
	s.matches.running.Wait()
	watching.Wait()
	s.banning.Wait()
	s.acceptor.upgrader.Wait()
	stopFleet()
	if err == nil {
		err = <-fleetDone
	}
	return errors.Join(err, s.logs.Close())
}

// Matches returns the status of every running match, in no order.
func (s *Server) Matches() []match.Status {
	running := s.matches.statuses()
	list := make([]match.Status, 0, len(running))
	for _, st := range running {
		list = append(list, *st)
	}
	return list
}

// reportEnd reports the result of a match.
func (s *Server) reportEnd(m *driver.Driver, r *match.EndReport) {
	s.fleet.Ended(endedMessage(m.Status(), r, time.Now()))
}

// ended removes a match, and reports its result unless that was reported before.
func (s *Server) ended(m *driver.Driver, r *match.EndReport) {
	s.matches.remove(m, r.Reason)
	s.participants.ended(m.ID())
	if r.Reason != match.EndOver {
		s.reportEnd(m, r)
	}
	s.fleet.Notify()
	s.matches.signalEnd()
}
