package matchmaker

import (
	"context"
	"slices"

	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	conditions "tactus/internal/health"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// Probes are the conditions under which the matchmaker is ready, also without
// any game server, and under which a ticket would find a seat.
func (m *Matchmaker) Probes() conditions.Probes {
	ready := []conditions.Check{m.serving, m.storeReachable}
	return conditions.Probes{Ready: ready, Playable: append(slices.Clip(ready), m.seatsToBeHad)}
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

func (m *Matchmaker) seatsToBeHad() conditions.Condition {
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
