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
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Matchmaker is made by [New]; [Matchmaker.Run] brings it to life.
type Matchmaker struct {
	cfg     Config
	log     *zap.Logger
	metrics *metrics

	fleet    *fleet.Registry
	tickets  *ticket.Memory
	queues   *queue.Set
	assigner *assign.Assigner
	service  *service
	state    atomic.Int32 // stateNew, stateRunning, stateStopped
}

const (
	stateNew = iota
	stateRunning
	stateStopped
)

const (
	// Game servers ping every 15 s; faster than this is abuse.
	leastPingInterval = 5 * time.Second
	pingInterval      = 15 * time.Second
	pingTimeout       = 5 * time.Second
	handshakeTimeout  = 10 * time.Second
	stopTimeout       = 5 * time.Second
	maxMessageBytes   = 4 << 20 // a server with all its matches
)

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
	m := &Matchmaker{cfg: cfg, log: log, metrics: newMetrics()}
	m.assemble(jointoken.NewSigner(cfg.Key))
	if err := m.metrics.register(cfg.Metrics, m.fleet.Totals); err != nil {
		return nil, err
	}
	return m, nil
}

// assemble wires the parts: tickets wait in queues, queues look at the fleet
// and let the assigner ask it for seats.
func (m *Matchmaker) assemble(signer *jointoken.Signer) {
	cfg := &m.cfg
	m.tickets = ticket.NewMemory(ticket.Limits{
		Expiry: cfg.TicketExpiry, Unwatched: cfg.UnwatchedTimeout, WatcherGone: cfg.WatcherTimeout,
		Kept: cfg.KeepEnded, Tickets: cfg.MaxTickets,
	}, func(t *ticket.Ticket, s ticket.Status) {
		m.metrics.ticketEnded(t, s)
		m.queues.Ended(t, s)
	})
	m.fleet = fleet.NewRegistry(fleet.Config{
		MatchmakerID: cfg.ID, TokenKey: signer.Public(), LoadInterval: cfg.LoadInterval,
		LastCall: cfg.LastCall, StrikeLasts: cfg.StrikeLasts, HoldSeats: cfg.SeatHold,
	}, func() { m.queues.Wake() }, m.log)
	m.assigner = assign.New(assign.Config{
		Timeout: cfg.ReserveTimeout, HoldSeats: cfg.SeatHold, HoldRoom: cfg.RoomHold,
		TokenLife: cfg.TokenLife, Answered: m.metrics.reserveAnswered,
	}, m.fleet, m.tickets, signer)
	m.queues = queue.NewSet(queue.Config{Window: cfg.BatchWindow, Attempts: cfg.Attempts},
		m.fleet, m.tickets, m.assigner, m.log)
	m.service = newService(m, signer)
}

// RegisterGRPC registers the matchmaker and fleet services with a gRPC server
// of the caller's own. [Matchmaker.Run] has one already.
func (m *Matchmaker) RegisterGRPC(s *grpc.Server) {
	matchmakerv1.RegisterMatchmakerServiceServer(s, m.service)
	fleetv1.RegisterFleetServiceServer(s, fleet.NewService(m.fleet))
}

// Drain asks a game server to take nothing new and to end when its matches
// have, at the latest after the deadline. It reports whether the server is
// live.
func (m *Matchmaker) Drain(serverID string, deadline time.Duration, reason string) bool {
	return m.fleet.Drain(serverID, deadline, reason)
}

// Run serves the internal port until ctx ends, then takes leave: health says
// NOT_SERVING, searches end with the reason shutdown, streams end. It is called
// once.
func (m *Matchmaker) Run(ctx context.Context) error {
	if !m.state.CompareAndSwap(stateNew, stateRunning) {
		return errors.New("matchmaker: Run was called before")
	}
	listener := m.cfg.InternalListener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", m.cfg.InternalAddr); err != nil {
			m.stop()
			return fmt.Errorf("matchmaker: internal port: %w", err)
		}
	}
	server := m.newServer()
	healthServer := health.NewServer()
	healthv1.RegisterHealthServer(server, healthServer)
	for _, name := range []string{
		matchmakerv1.MatchmakerService_ServiceDesc.ServiceName, fleetv1.FleetService_ServiceDesc.ServiceName,
	} {
		healthServer.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
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

func (m *Matchmaker) stop() {
	m.state.Store(stateStopped)
	m.tickets.Stop()
	m.queues.Stop()
	m.fleet.Stop()
}

func (m *Matchmaker) newServer() *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPingInterval, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.ChainUnaryInterceptor(m.recoverUnary, m.limitUnary),
		grpc.ChainStreamInterceptor(m.recoverStream),
	}
	if m.cfg.InternalTLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(m.cfg.InternalTLS)))
	}
	server := grpc.NewServer(options...)
	m.RegisterGRPC(server)
	reflection.Register(server)
	return server
}
