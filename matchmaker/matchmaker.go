// Package matchmaker finds matches for players and seats for the matches.
//
// Each game server keeps one gRPC stream to every matchmaker (fleet.v1). Players ask
// over native gRPC, or from browsers over Connect, gRPC-Web and JSON (matchmaker.v1).
// Matchmakers that share a store are replicas of each other (replica.v1).
//
// A [Matchmaker] is made by [New] and lives while [Matchmaker.Run] runs. The packages
// below do its work:
//
//	api           answers players.
//	admission     makes tickets of requests.
//	routing       finds the owner of a queue.
//	queue         makes matches.
//	privatematch  runs the matches of rooms.
//	fleet         knows the game servers.
//	cluster       is this process among its replicas.
package matchmaker

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"tactus/internal/audit"
	"tactus/internal/clockjump"
	"tactus/internal/origin"
	"tactus/internal/ratelimit"
	"tactus/internal/webpolicy"
	"tactus/matchmaker/internal/access"
	"tactus/matchmaker/internal/api"
	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/cluster"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/moderation"
	"tactus/matchmaker/internal/port"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/queuestats"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/seal"
	"tactus/matchmaker/internal/ticket"
	"tactus/protocol/jointoken"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// Matchmaker is made by [New]; [Matchmaker.Run] brings it to life. It is safe for
// concurrent use.
type Matchmaker struct {
	cfg     Config
	log     *zap.Logger
	metrics *metrics.Metrics
	origins *origin.Policy
	signer  *jointoken.Signer
	roles   *access.Policy // of the internal port
	tokens  *access.Tokens // of its callers; nil: none
	seals   *seal.Checker

	fleet    *fleet.Registry
	catalog  *catalog.Catalog
	assigner *assign.Assigner
	queues   *queue.Set
	router   *routing.Router
	stats    *queuestats.Exchange
	limits   *api.Limits
	service  *api.Service
	audit    *audit.Log
	admin    *moderation.Service
	// recordings is nil where nothing is recorded.
	recordings *recording.Set

	cluster *cluster.Cluster // made by Run
	parts   parts            // made by Run
	state   atomic.Int32     // stateNew, stateStarting, stateRunning, stateStopped

	// ready is closed when Run serves.
	ready      chan struct{}
	stopping   chan struct{} // closed when Run stops
	background background.Group
}

// HandlerPath is the path under which [Matchmaker.Handler] must be mounted, without
// stripping it.
const HandlerPath = api.Path

// prompt is how long a match may take to be recorded before its server is asked for
// the seats again: as long as a journal counts as healthy.
const prompt = 250 * time.Millisecond

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
	files, err := newInternalTLS(cfg.InternalTLSFiles, ownUse{replicas: cfg.replicated(), roles: cfg.Roles}, log)
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
	if err := m.openRoles(); err != nil {
		return nil, err
	}
	if m.audit, err = audit.Open(cfg.AuditDir, cfg.AuditKeep, log); err != nil {
		return nil, fmt.Errorf("matchmaker: %w", err)
	}
	m.assemble()
	if err := m.ReloadRules(); err != nil {
		return nil, err
	}
	if cfg.RecordDir != "" {
		counted := recording.NewMetrics()
		if err := cfg.Registerer.Register(counted); err != nil {
			return nil, fmt.Errorf("matchmaker metrics: %w", err)
		}
		var err error
		if m.recordings, err = recording.NewSet(recording.Config{Dir: cfg.RecordDir, Metrics: counted}, log); err != nil {
			return nil, fmt.Errorf("matchmaker: recordings: %w", err)
		}
	}
	if err := m.metrics.Register(cfg.Registerer, m.metricSources()); err != nil {
		return nil, err
	}
	clockjump.Register(cfg.Registerer)
	return m, nil
}

// assemble wires the parts: tickets wait in queues, queues look at the fleet
// and let the assigner ask it for seats.
func (m *Matchmaker) assemble() {
	cfg := &m.cfg
	m.fleet = fleet.NewRegistry(fleet.Config{
		MatchmakerID: cfg.ID, TokenKey: m.signer.Public(), LoadInterval: cfg.LoadInterval,
		Protocol: cfg.Protocol, Origins: cfg.AllowedOrigins, LastCall: cfg.LastCall, StrikeLasts: cfg.StrikeLasts, HoldSeats: cfg.SeatHold,
		Ended: m.matchEnded, Lost: m.matchLost,
	}, func() { m.queues.Wake() }, m.log)
	m.seals = &seal.Checker{Keys: seal.New(m.log), Trusted: cfg.TrustResults, Dropped: m.metrics.PlayersUnsealed, Log: m.log}
	m.catalog = catalog.New(m.fleet, cfg.Functions)
	m.assigner = assign.New(assign.Config{
		Seal:    m.seals.Keys.Make,
		Timeout: cfg.ReserveTimeout, HoldSeats: cfg.SeatHold, HoldRoom: cfg.RoomHold,
		Answered: m.metrics.ReservationAnswered,
		PublicID: func(player string) string { return m.parts.pseudonyms.Public(player) },
	}, m.fleet, m.signer)
	m.queues = queue.NewSet(queue.Config{
		Window: cfg.BatchWindow, Attempts: cfg.MaxAttempts, Prompt: prompt, KeepEnded: cfg.KeepEnded,
		Lookup: m.catalog.Lookup, Hooks: m.queueHooks(),
	}, ticket.Limits{
		Unwatched: cfg.UnwatchedTimeout, WatcherGone: cfg.WatcherTimeout, Kept: cfg.KeepEnded, Tickets: cfg.MaxTickets,
	}, m.fleet, m.assigner, m.log)
	m.router = m.newRouter()
	m.stats = queuestats.New(cfg.ID, m.queues.Stats, m.log)
	m.limits = api.NewLimits(api.Rates(cfg.Rates), ratelimit.Limited(cfg.Registerer))
	m.admin = moderation.New(moderation.Config{Ready: m.checkRunning, Fleet: m.fleet, Audit: m.audit})
	m.service = api.New(api.Config{
		Ready: m.checkRunning, Protocol: cfg.Protocol, SamePortServer: cfg.SamePortServer, MaxRooms: cfg.MaxRooms, Limits: m.limits,
		RequestTimeout: cfg.RequestTimeout, MaxRequestBytes: cfg.MaxRequestBytes, WatchTimeout: cfg.TicketExpiry + cfg.RequestTimeout,
		Origins: m.origins,
		Fleet:   m.fleet, Catalog: m.catalog, Router: m.router, Stats: m.stats, Metrics: m.metrics, Log: m.log,
	})
}

// AdminPath is the path under which [Matchmaker.AdminHandler] must be mounted, without
// stripping it.
const AdminPath = moderation.Path

// AdminHandler serves admin.v1 by Connect, binary and JSON, under [AdminPath]. It
// authenticates no caller: it is for a port of operators.
func (m *Matchmaker) AdminHandler() http.Handler { return moderation.NewHandler(m.admin, m.log) }

// NewServerAdmin serves the part of admin.v1 that concerns one game server, under
// [AdminPath], for the server's own admin port.
func NewServerAdmin(s moderation.Server, record *audit.Log, log *zap.Logger) http.Handler {
	return moderation.NewServerHandler(s, record, log)
}

// Audit is the log of what operators do.
func (m *Matchmaker) Audit() *audit.Log { return m.audit }

func (m *Matchmaker) newRouter() *routing.Router {
	return routing.New(routing.Config{
		DialOptions:      append(m.peerOptions(), grpc.WithKeepaliveParams(port.ClientKeepalive())),
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

// RegisterGRPC registers the matchmaker, fleet, replica and admin services with a gRPC
// server of the caller's own, which must authenticate its clients: it has no roles.
// [Matchmaker.Run] has a server already.
func (m *Matchmaker) RegisterGRPC(s *grpc.Server) {
	matchmakerv1.RegisterMatchmakerServiceServer(s, m.service)
	fleetv1.RegisterFleetServiceServer(s, fleet.NewService(m.fleet))
	replicav1.RegisterReplicaServiceServer(s, routing.NewReplicaService(m.router))
	adminv1.RegisterAdminServiceServer(s, m.admin)
}

// Handler serves matchmaker.v1 by Connect (binary and JSON), gRPC-Web and gRPC, under
// [HandlerPath].
func (m *Matchmaker) Handler() http.Handler { return webpolicy.Data(m.service.Handler()) }

// Drain asks a game server to accept no new matches and players, and to end when its
// matches have ended or the deadline has passed. It reports whether the server is
// live.
func (m *Matchmaker) Drain(serverID string, deadline time.Duration, reason string) bool {
	return m.fleet.Drain(serverID, deadline, reason)
}

// Ready is closed once [Matchmaker.Run] serves.
func (m *Matchmaker) Ready() <-chan struct{} { return m.ready }
