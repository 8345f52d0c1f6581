package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"tactus/internal/clockjump"
	conditions "tactus/internal/health"
	"tactus/matchmaker/internal/api"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/port"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

const (
	stateNew = iota
	stateStarting
	stateRunning
	stateStopped
)

const stopTimeout = 5 * time.Second // of calls that are still running

// Run serves the internal port until ctx ends. Then health reports NOT_SERVING,
// searches continue at another replica or end with the reason shutdown, and streams
// end. It is called once.
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
			return nil // stopped before it had begun
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
		append(api.NewInterceptors(m.log, m.cfg.RequestTimeout).Options(), m.roles.Options()...)...)
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

// checkRunning returns the failure of a call that comes too early or too late.
func (m *Matchmaker) checkRunning() error {
	switch m.state.Load() {
	case stateRunning:
		return nil
	case stateStopped:
		return failure.New(failure.Stopping)
	}
	return failure.New(failure.Starting)
}

// stop ends everything that calls wait for.
func (m *Matchmaker) stop() {
	m.state.Store(stateStopped)
	close(m.stopping)
	m.queues.Stop(m.cluster != nil && m.cluster.HasSuccessors())
	m.fleet.Stop()
	m.router.Close()
	m.background.Close()
	if err := m.audit.Close(); err != nil {
		m.log.Error("audit log is not complete", zap.Error(err))
	}
	if m.recordings != nil {
		if err := m.recordings.Close(); err != nil {
			m.log.Error("recordings are not complete", zap.Error(err))
		}
	}
}

// Probes are the conditions under which the matchmaker is ready, also without
// any game server, and under which a ticket would find a seat.
func (m *Matchmaker) Probes() conditions.Probes {
	ready := []conditions.Check{m.serving, m.storeReachable}
	return conditions.Probes{
		Ready: ready, Playable: append(slices.Clip(ready), m.seatsAvailable), Warn: []conditions.Check{clockjump.Check},
	}
}

func (m *Matchmaker) serving() conditions.Condition {
	c := conditions.Condition{Name: "serving", Reason: "starting"}
	switch m.state.Load() {
	case stateRunning:
		c.OK, c.Reason = true, "takes searches"
	case stateStopped:
		c.Reason = "stopping"
	}
	return c
}

func (m *Matchmaker) storeReachable() conditions.Condition {
	c := conditions.Condition{Name: "store", Reason: "not opened yet"}
	// cluster is set before the matchmaker runs.
	if m.state.Load() != stateRunning {
		return c
	}
	c.OK, c.Reason = m.cluster.Store().Connected(), "connected"
	if !c.OK {
		c.Reason = "no connection to NATS"
	}
	return c
}

func (m *Matchmaker) seatsAvailable() conditions.Condition {
	c := conditions.Condition{Name: "servers"}
	c.OK, c.Reason = m.fleet.TakesPlayers()
	return c
}

// followReadiness lets the gRPC health service report what /readyz does, until ctx
// ends or the store is closed.
func (m *Matchmaker) followReadiness(ctx context.Context, server *health.Server) {
	changed, release := m.cluster.Store().ConnectionChanged()
	defer release()
	for {
		m.reportReadiness(server)
		select {
		case _, open := <-changed:
			if !open {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (m *Matchmaker) reportReadiness(server *health.Server) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if conditions.Evaluate(m.Probes().Ready).OK {
		status = healthv1.HealthCheckResponse_SERVING
	}
	for _, name := range []string{
		"", matchmakerv1.MatchmakerService_ServiceDesc.ServiceName, fleetv1.FleetService_ServiceDesc.ServiceName,
		replicav1.ReplicaService_ServiceDesc.ServiceName,
	} {
		server.SetServingStatus(name, status)
	}
}
