package matchmaker_test

import (
	"testing"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"tactus/internal/health"
	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// holds evaluates conditions and returns which fails first.
func holds(checks []health.Check) (ok bool, failing string) {
	for _, c := range health.Evaluate(checks).Conditions {
		if !c.OK {
			return false, c.Name
		}
	}
	return true, ""
}

func TestProbes_playableNeedsAServer(t *testing.T) {
	w := start(t, nil)
	<-w.mm.Ready()
	if ok, failing := holds(w.mm.Probes().Ready); !ok {
		t.Errorf("without a server it is not ready: %s", failing)
	}
	if ok, failing := holds(w.mm.Probes().Playable); ok || failing != "servers" {
		t.Errorf("without a server somebody can play (%s fails)", failing)
	}
	server := w.server("s1", nil)
	if ok, failing := holds(w.mm.Probes().Playable); !ok {
		t.Errorf("with a server nobody can play: %s", failing)
	}
	server.load(&fleetv1.Load{Draining: true})
	w.until("the server drains", func() bool { ok, _ := holds(w.mm.Probes().Playable); return !ok })
	if ok, failing := holds(w.mm.Probes().Ready); !ok {
		t.Errorf("with a server that drains it is not ready: %s", failing)
	}
	w.stop()
	if ok, failing := holds(w.mm.Probes().Ready); ok || failing != "serving" {
		t.Errorf("stopped it is ready (%s fails)", failing)
	}
}

func TestProbes_notReadyBeforeRun(t *testing.T) {
	mm, err := matchmaker.New(matchmaker.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := holds(mm.Probes().Ready); ok {
		t.Error("it is ready before Run")
	}
}

// The gRPC health service says the same as the probes, also when the store goes
// and comes back.
func TestProbes_healthFollowsTheStore(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	w := sharing(t, "a", nats.URL(), duel)
	watch, err := healthv1.NewHealthClient(w.conn).Watch(w.context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(want healthv1.HealthCheckResponse_ServingStatus, ready bool) {
		t.Helper()
		for {
			res, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if res.GetStatus() == want {
				break
			}
		}
		w.until("the probe says so too", func() bool { ok, _ := holds(w.mm.Probes().Ready); return ok == ready })
	}
	next(healthv1.HealthCheckResponse_SERVING, true)
	nats.Kill(0)
	next(healthv1.HealthCheckResponse_NOT_SERVING, false)
	nats.Restart(0)
	next(healthv1.HealthCheckResponse_SERVING, true)
	_ = watch.CloseSend()
	_ = w.conn.Close() // a health watch has no end of its own, and a graceful stop waits for it
}
