package match

import (
	"context"
	"io"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/game"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
)

func TestConditions_followSeatsAndConnections(t *testing.T) {
	registry := prometheus.NewRegistry()
	mode := game.Mode{Name: "m", MaxPlayers: 4}
	h := newHarnessFor(t, matchtest.Game{Mode: mode}, Config{Match: game.MatchConfig{Mode: mode}, Metrics: metrics.New(registry)})
	want := func(when string, reserved, connected, dropped, blocked float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if name := f.GetName(); name == "tactus_seats" || name == "tactus_connections" {
				for _, of := range f.GetMetric() {
					got[of.GetLabel()[0].GetValue()] = of.GetGauge().GetValue()
				}
			}
		}
		all := map[string]float64{"reserved": reserved, "connected": connected, "dropped": dropped, "blocked": blocked, "parked": 0}
		if !maps.Equal(got, all) {
			t.Errorf("%s: %v, want %v", when, got, all)
		}
	}
	second := int(1e9 / matchtest.Period)
	a, b := h.join("ann"), h.join("bob")
	if _, err := h.reserve(Request{Player: "cid", Name: "cid", Team: -1, Reservation: "r"}); err != nil {
		t.Fatal(err)
	}
	h.tick(second)
	want("two play, one is awaited", 1, 2, 0, 0)
	a.Conn.Lose(io.EOF)
	b.Conn.Block(true)
	h.tick(second)
	want("one is lost, one blocked", 1, 1, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.run(ctx)
	want("after the end", 0, 0, 0, 0)
}
