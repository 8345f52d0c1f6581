// Package matchmaker takes players in and tells them where to play. Game
// servers keep one gRPC stream to it each (fleet.v1); players come by native
// gRPC, or from browsers by Connect, gRPC-Web and JSON (matchmaker.v1).
package matchmaker

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"tactus/internal/origin"
	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/cluster"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/port"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/queuestats"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// Matchmaker is made by [New]; [Matchmaker.Run] brings it to life.
type Matchmaker struct {
	cfg     Config
	log     *zap.Logger
	metrics *metrics.Metrics
	hooks   *hooks
	origins *origin.Policy

	fleet   *fleet.Registry
	catalog *catalog.Catalog
	queues  *queue.Set
	service *service
	signer  *jointoken.Signer
	// recordings is nil where nothing is recorded.
	recordings *recording.Set
	cluster    *cluster.Cluster // made by Run
	state      atomic.Int32     // stateNew, stateStarting, stateRunning, stateStopped

	ready      chan struct{} // closed when Run serves
	stopping   chan struct{} // closed when Run takes leave
	background background.Group
}

const (
	stateNew = iota
	stateStarting
	stateRunning
	stateStopped
)

// prompt is how long a match is recorded at most before its server is asked again
// for the seats: as long as a journal counts as healthy.
const prompt = 250 * time.Millisecond

const stopTimeout = 5 * time.Second // of calls that are still running

// New makes a matchmaker. It returns every mistake of the configuration.
func New(cfg Config, log *zap.Logger) (*Matchmaker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if log == nil {
		log = zap.NewNop()
	}
	if cfg.ID == "" {
		cfg.ID = "mm-" + strings.ToLower(rand.Text()[:8])
	}
	if cfg.Key == nil {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("matchmaker: making a key: %w", err)
		}
		cfg.Key = key
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	files, err := newInternalTLS(cfg.InternalTLSFiles, cfg.NATS.URL != "" && cfg.AdvertiseAddr != "", log)
	if err != nil {
		return nil, err
	}
	if files != nil {
		cfg.internalTLS, cfg.InternalTLS = files, files.server()
	}
	m := &Matchmaker{
		cfg: cfg, log: log, metrics: metrics.New(), ready: make(chan struct{}), stopping: make(chan struct{}), signer: jointoken.NewSigner(cfg.Key),
	}
	if m.origins, err = origin.NewPolicy(cfg.AllowedOrigins, cfg.LocalOrigins); err != nil {
		return nil, err
	}
	m.hooks = &hooks{mm: m}
	m.assemble()
	if err := m.ReloadRules(); err != nil {
		return nil, err
	}
	if cfg.RecordDir != "" {
		counted := recording.NewMetrics()
		if err := cfg.Metrics.Register(counted); err != nil {
			return nil, fmt.Errorf("matchmaker metrics: %w", err)
		}
		var err error
		if m.recordings, err = recording.NewSet(recording.Config{Dir: cfg.RecordDir, Metrics: counted}, log); err != nil {
			return nil, fmt.Errorf("matchmaker: recordings: %w", err)
		}
	}
	if err := m.metrics.Register(cfg.Metrics, m.metricSources()); err != nil {
		return nil, err
	}
	return m, nil
}

// assemble wires the parts: tickets wait in queues, queues look at the fleet
// and let the assigner ask it for seats.
func (m *Matchmaker) assemble() {
	cfg := &m.cfg
	m.fleet = fleet.NewRegistry(fleet.Config{
		MatchmakerID: cfg.ID, TokenKey: m.signer.Public(), LoadInterval: cfg.LoadInterval,
		Protocol: cfg.Protocol, LastCall: cfg.LastCall, StrikeLasts: cfg.StrikeLasts, HoldSeats: cfg.SeatHold,
		Ended: m.matchEnded, Lost: m.matchLost,
	}, func() { m.queues.Wake() }, m.log)
	m.catalog = catalog.New(m.fleet, cfg.Functions)
	assigner := assign.New(assign.Config{
		Timeout: cfg.ReserveTimeout, HoldSeats: cfg.SeatHold, HoldRoom: cfg.RoomHold,
		Answered: m.metrics.ReservationAnswered,
	}, m.fleet, m.signer)
	m.queues = queue.NewSet(queue.Config{
		Window: cfg.BatchWindow, Attempts: cfg.Attempts, Prompt: prompt, KeepEnded: cfg.KeepEnded,
		Lookup: m.catalog.Lookup, Hooks: m.hooks.queue(),
	}, ticket.Limits{
		Unwatched: cfg.UnwatchedTimeout, WatcherGone: cfg.WatcherTimeout, Kept: cfg.KeepEnded, Tickets: cfg.MaxTickets,
	}, m.fleet, assigner, m.log)
	m.service = &service{
		mm: m, fleet: m.fleet, queues: m.queues, assigner: assigner, catalog: m.catalog,
		limits: newLimits(cfg.Rates, m.metrics), router: m.newRouter(),
		stats: queuestats.New(cfg.ID, m.queues.Stats, m.log),
	}
}

func (m *Matchmaker) newRouter() *routing.Router {
	return routing.New(routing.Config{
		DialOptions: []grpc.DialOption{
			m.cfg.peerCredentials(), grpc.WithKeepaliveParams(port.ClientKeepalive()),
		},
		ProgressInterval: m.cfg.ProgressInterval, RulesVersion: m.catalog.Version, Metrics: m.metrics,
		Live: func(address string) bool { return m.cluster.IsLive(address) },
	}, m.queues, m.log)
}

// metricSources are what gauges read of the fleet and the queues.
func (m *Matchmaker) metricSources() metrics.Sources {
	return metrics.Sources{
		Servers: func() int { return m.fleet.Totals().Servers },
		Matches: func() int { return m.fleet.Totals().Matches },
		Players: func() int { return m.fleet.Totals().People },
		Searching: func() map[string]int {
			players := make(map[string]int)
			for _, q := range m.queues.Stats("") {
				players[q.Name] = q.Players
			}
			return players
		},
		ClockOffsets: m.fleet.ClockOffsets,
	}
}

// ReloadRules reads the rules' files again. When there is any mistake in them,
// the error names all of them and the queues stay as they are.
func (m *Matchmaker) ReloadRules() error {
	if len(m.cfg.RulesFiles) == 0 {
		return nil
	}
	list, err := rules.Load(m.cfg.RulesFiles...)
	if err != nil {
		return fmt.Errorf("matchmaker: rules: %w", err)
	}
	if err := m.catalog.Replace(list); err != nil {
		return fmt.Errorf("matchmaker: rules: %w", err)
	}
	m.queues.Wake()
	m.log.Info("queue rules read", zap.Int("queues", len(list)))
	return nil
}

// RegisterGRPC registers the matchmaker, fleet and replica services with a gRPC
// server of the caller's own. [Matchmaker.Run] has one already.
func (m *Matchmaker) RegisterGRPC(s *grpc.Server) {
	matchmakerv1.RegisterMatchmakerServiceServer(s, m.service)
	fleetv1.RegisterFleetServiceServer(s, fleet.NewService(m.fleet))
	replicav1.RegisterReplicaServiceServer(s, routing.NewReplicaService(m.service.router))
}

// Drain asks a game server to take nothing new and to end when its matches
// have, at the latest after the deadline. It reports whether the server is
// live.
func (m *Matchmaker) Drain(serverID string, deadline time.Duration, reason string) bool {
	return m.fleet.Drain(serverID, deadline, reason)
}

// Ready is closed once [Matchmaker.Run] serves.
func (m *Matchmaker) Ready() <-chan struct{} { return m.ready }

// Run serves the internal port until ctx ends, then takes leave: health says
// NOT_SERVING, searches go on at another replica or else end with the reason
// shutdown, streams end. It is called once.
func (m *Matchmaker) Run(ctx context.Context) (err error) {
	if !m.state.CompareAndSwap(stateNew, stateStarting) {
		return errors.New("matchmaker: Run was called before")
	}
	listener := m.cfg.InternalListener
	if listener == nil {
		if listener, err = net.Listen("tcp", m.cfg.InternalAddr); err != nil {
			m.stop()
			return fmt.Errorf("matchmaker: internal port: %w", err)
		}
	}
	if err := m.open(ctx, listener.Addr().String()); err != nil {
		_ = listener.Close()
		m.stop()
		if ctx.Err() != nil {
			return nil // told to end before it had begun
		}
		return fmt.Errorf("matchmaker: %w", err)
	}
	defer m.close(m.cluster)
	m.state.Store(stateRunning)
	close(m.ready)
	return m.serve(ctx, listener)
}

func (m *Matchmaker) serve(ctx context.Context, listener net.Listener) error {
	server := port.NewServer(port.Config{TLS: m.cfg.InternalTLS, MaxConnectionAge: m.cfg.MaxConnectionAge}, m.RegisterGRPC, m.log,
		grpc.ChainUnaryInterceptor(m.recoverUnary, m.limitUnary), grpc.ChainStreamInterceptor(m.recoverStream))
	healthServer := health.NewServer()
	healthv1.RegisterHealthServer(server, healthServer)
	m.reportReadiness(healthServer) // before the first call: a service without a status is unknown
	following, unfollow := context.WithCancel(ctx)
	defer unfollow()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		m.followReadiness(following, healthServer)
	}()
	defer func() { unfollow(); <-followed }()
	m.log.Info("matchmaker serves gRPC", zap.String("addr", listener.Addr().String()), zap.String("id", m.cfg.ID))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
	case err := <-served:
		m.stop()
		server.Stop()
		return fmt.Errorf("matchmaker: internal port: %w", err)
	}
	healthServer.Shutdown()
	m.stop()
	force := time.AfterFunc(stopTimeout, server.Stop)
	defer force.Stop()
	server.GracefulStop()
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("matchmaker: internal port: %w", err)
	}
	return nil
}

// stop ends everything that calls wait for.
func (m *Matchmaker) stop() {
	m.state.Store(stateStopped)
	close(m.stopping)
	m.queues.Stop(m.cluster != nil && m.cluster.HasSuccessors())
	m.fleet.Stop()
	m.service.router.Close()
	m.background.Close()
	if m.recordings != nil {
		if err := m.recordings.Close(); err != nil {
			m.log.Error("recordings are not complete", zap.Error(err))
		}
	}
}
