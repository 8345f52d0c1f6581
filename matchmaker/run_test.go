package matchmaker_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func TestRun_servesHealthAndReflection(t *testing.T) {
	w := start(t, nil)
	health := healthv1.NewHealthClient(w.conn)
	for _, service := range []string{"", "tactus.matchmaker.v1.MatchmakerService", "tactus.fleet.v1.FleetService"} {
		res, err := health.Check(w.context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v %v", service, res, err)
		}
	}
	stream, err := reflectionv1.NewServerReflectionClient(w.conn).ServerReflectionInfo(w.context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	res, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range res.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	for _, want := range []string{"tactus.matchmaker.v1.MatchmakerService", "tactus.fleet.v1.FleetService"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in %v", want, names)
		}
	}
	_ = stream.CloseSend()
}

func TestRun_endsSearchesWhenItStops(t *testing.T) {
	w := waiting(t, nil)
	watch := w.quickPlay().watch()
	ctx, leave := context.WithCancel(w.context())
	defer leave()
	health, err := healthv1.NewHealthClient(w.conn).Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := health.Recv(); err != nil || first.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("health %v %v", first, err)
	}
	server := w.server("s2", func(_ *gameServer, reg *fleetv1.Register) { reg.Draining = true })
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_SHUTDOWN || last.GetMessage() == "" {
		t.Errorf("watcher heard %v", last)
	}
	if now, err := health.Recv(); err != nil || now.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health %v %v", now, err)
	}
	err = <-server.done
	server.done <- err
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("the server's stream ended by %v", err)
	}
	leave() // a health watch has no end of its own, and a graceful stop waits for it
	<-stopped
}

func TestRun_rejectsCallsAfterIt(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	server := w.public()
	w.stop()
	if res := post(t, server, "CreateTicket", "application/json", []byte("{}")); res.StatusCode != 503 {
		t.Errorf("status %d", res.StatusCode)
	}
	if err := w.mm.Run(w.context()); err == nil {
		t.Error("Run can be called twice")
	}
}

func TestRun_failsWhenThePortIsInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	mm, err := matchmaker.New(matchmaker.Config{InternalAddr: taken.Addr().String()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := mm.Run(context.Background()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

func TestConfig_validateReturnsEveryMistake(t *testing.T) {
	if err := (matchmaker.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	_, err := matchmaker.New(matchmaker.Config{
		ID: strings.Repeat("x", 65), Key: []byte("short"), InternalAddr: "nowhere", AllowedOrigins: []string{"*", "https://ok.test", "https://play.example.com/game"},
		TicketExpiry: -1, RoomHold: time.Hour, SeatHold: time.Hour, MaxAttempts: -1, MaxRequestBytes: 10,
	}, nil)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{"ID", "Key", "InternalAddr", "play.example.com/game", "TicketExpiry", "SeatHold", "RoomHold", "Attempts", "MaxRequestBytes"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q is not named in: %v", field, err)
		}
	}
	if strings.Contains(err.Error(), "ok.test") {
		t.Errorf("a good origin is named: %v", err)
	}
}

func TestMetrics_countTickets(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := start(t, func(c *matchmaker.Config) { c.Registerer = registry })
	w.server("s1", nil)
	w.quickPlay().assigned()
	w.join("ABCDEF").endsBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	if _, err := matchmaker.New(matchmaker.Config{Registerer: registry}, nil); err == nil {
		t.Error("two matchmakers in one registry")
	}
	want := map[string]float64{
		"tactus_matchmaker_tickets_created_total arena/ffa":           2,
		"tactus_matchmaker_tickets_ended_total arena/ffa matched":     1,
		"tactus_matchmaker_tickets_ended_total arena/ffa unmatchable": 1,
		"tactus_matchmaker_players_searching arena/ffa":               0,
		"tactus_matchmaker_wait_seconds arena/ffa":                    1,
		"tactus_matchmaker_reserve_seconds ok":                        1,
		"tactus_matchmaker_servers":                                   1,
		"tactus_matchmaker_matches":                                   1,
		"tactus_matchmaker_people":                                    1,
	}
	// An end is counted after its watchers have seen it.
	w.until(fmt.Sprint("metrics of ", want), func() bool {
		got := gathered(t, registry)
		for name, value := range want {
			if v, ok := got[name]; !ok || v != value {
				return false
			}
		}
		return true
	})
}

// gathered returns the metrics by name and labels.
func gathered(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}
