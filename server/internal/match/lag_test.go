package match

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
)

// claimLag has a player send inputs with the largest lag for a second.
func claimLag(h *harness, p *matchtest.Client) {
	for range 20 {
		tick := uint32(h.m.sim.Tick()) + 1
		p.Conn.Send(protocol.AppendInput(nil, protocol.InputHeader{Seq: tick, Tick: tick, Lag: protocol.MaxLag}, []uint32{1}))
		h.tick(1)
	}
}

// TestLag_rulesAndLogGetWhatWasMeasured: a replay judges a shot as the match did.
func TestLag_rulesAndLogGetWhatWasMeasured(t *testing.T) {
	mode := game.Mode{Name: "m", MaxPlayers: 4}
	m := metrics.New(prometheus.NewRegistry())
	h := newHarnessFor(t, matchtest.Game{Mode: mode}, Config{Match: game.MatchConfig{Mode: mode}, Metrics: m})
	near, far := h.join("near"), h.join("far")
	far.Conn.Measure(300*time.Millisecond, 0)
	for p, most := range map[*matchtest.Client]int32{near: 3, far: 6 + 3} { // 300 ms are 6 ticks
		h.log.Lags = nil
		claimLag(h, p)
		for _, lag := range h.log.Lags {
			if lag > most*game.LagUnit || lag < (most-1)*game.LagUnit {
				t.Errorf("%s: a lag of %d sixteenths of a tick, want %d ticks at most", p.Welcome.Player, lag, most)
			}
		}
		if got := h.m.sim.Inputs().Lag(p.Welcome.Slot); len(h.log.Lags) == 0 || got != h.log.Lags[len(h.log.Lags)-1] {
			t.Errorf("%s: the rules have %d, the log %v", p.Welcome.Player, got, h.log.Lags)
		}
	}
	h.m.shared.TrustLag = true
	h.log.Lags = nil
	claimLag(h, near)
	if n := len(h.log.Lags); n == 0 || h.log.Lags[n-1] != protocol.MaxLag {
		t.Errorf("with trust: %v", h.log.Lags)
	}
	var cut dto.Metric
	if err := m.LagClamped.Write(&cut); err != nil {
		t.Fatal(err)
	}
	if n := cut.GetCounter().GetValue(); n != 40 {
		t.Errorf("%v inputs counted, want 40", n)
	}
}
