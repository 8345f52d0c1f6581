package fleet

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/metrics"
)

// clockRig is a clock whose time the test sets.
type clockRig struct {
	clock
	at time.Time
}

func newClockRig() *clockRig {
	r := &clockRig{at: time.UnixMilli(1_800_000_000_000)}
	r.now = func() time.Time { return r.at }
	return r
}

// trip is a round trip that takes so long, to a clock that is so far ahead.
func (r *clockRig) trip(took, ahead time.Duration) {
	stamp := r.stamp()
	r.at = r.at.Add(took / 2)
	theirs := r.at.Add(ahead).UnixMilli()
	r.at = r.at.Add(took - took/2)
	r.answered(stamp, theirs)
}

func TestClock_needsThreeQuickRoundTrips(t *testing.T) {
	const ms = time.Millisecond
	type trip struct{ took, ahead time.Duration }
	for name, c := range map[string]struct {
		trips []trip
		want  time.Duration
		known bool
	}{
		"two":                     {[]trip{{ms, time.Hour}, {ms, time.Hour}}, 0, false},
		"three":                   {[]trip{{ms, time.Hour}, {499 * ms, time.Hour}, {100 * ms, time.Hour}}, time.Hour, true},
		"slow ones do not count":  {[]trip{{ms, time.Hour}, {ms, time.Hour}, {500 * ms, time.Hour}, {10 * time.Second, time.Hour}}, 0, false},
		"one may be wrong":        {[]trip{{ms, 0}, {ms, time.Hour}, {ms, time.Hour}}, 0, true},
		"the last three count":    {[]trip{{ms, 0}, {ms, -time.Hour}, {ms, -time.Hour}, {ms, -time.Hour - time.Second}}, -time.Hour, true},
		"nothing told (too old)":  {[]trip{}, 0, false},
		"the least of three":      {[]trip{{ms, 3 * time.Second}, {ms, 5 * time.Second}, {ms, 4 * time.Second}}, 3 * time.Second, true},
		"set right after a while": {[]trip{{ms, time.Hour}, {ms, time.Hour}, {ms, time.Hour}, {ms, 0}}, 0, true},
	} {
		r := newClockRig()
		for _, trip := range c.trips {
			r.trip(trip.took, trip.ahead)
		}
		got, known := r.offset()
		if known != c.known || (got-c.want).Abs() > 2*ms {
			t.Errorf("%s: %s %v, want %s %v", name, got, known, c.want, c.known)
		}
	}
}

func TestClock_ignoresUselessAnswers(t *testing.T) {
	r := newClockRig()
	stamp := r.stamp()
	r.answered(stamp+1, stamp) // of another message
	r.answered(stamp, 0)       // of a matchmaker that sends no time
	r.answered(stamp, stamp)   // once more
	first := r.stamp()
	r.at = r.at.Add(20 * time.Millisecond)
	r.stamp() // sent before the first was answered
	r.answered(first, first)
	if len(r.last) != 1 {
		t.Errorf("measured %v", r.last)
	}
	r.stamp() // never answered
	r.at = r.at.Add(maxRoundTrip)
	r.answered(r.stamp(), r.at.UnixMilli())
	if len(r.last) != 2 {
		t.Errorf("measured %v", r.last)
	}
}

// A matchmaker whose clock is off by minutes is logged once, and shown.
func TestClient_reportsMatchmakerClock(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	n := newNetwork()
	m := n.matchmaker(t, addrA, "mm-1")
	cfg := n.config(addrA)
	registry := prometheus.NewRegistry()
	cfg.Metrics = metrics.New(registry)
	c, stop := startClient(t, cfg, newHost(), zap.New(core))
	l := m.accept(t)
	for range 6 {
		load := next(t, l, "a load", (*fleetv1.ConnectRequest).GetLoad)
		if load.GetUnixMs() == 0 {
			t.Fatal("a load without its time")
		}
		if load.ClockOffsetMs != nil && *load.ClockOffsetMs < 359_000 {
			t.Fatalf("told %d ms", *load.ClockOffsetMs)
		}
		l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_LoadAck{LoadAck: &fleetv1.LoadAck{
			LoadUnixMs: load.GetUnixMs(), UnixMs: load.GetUnixMs() + 360_000,
		}}})
		l.ask("r")
		l.result(t) // the acknowledgement was read before
		c.Notify()
	}
	if got := shown(t, registry); len(got) != 1 || got[0] < 359 || got[0] > 361 {
		t.Errorf("shown as %v s", got)
	}
	if logs.FilterMessage("clock of the matchmaker differs from this server's").Len() != 1 {
		t.Errorf("logs %v", logs.All())
	}
	stop()
	if got := shown(t, registry); len(got) != 0 {
		t.Errorf("%v s are shown after the end", got)
	}
}

// shown are the clocks' offsets in the metrics.
func shown(t *testing.T, from prometheus.Gatherer) (seconds []float64) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "tactus_clock_offset_seconds" {
			for _, m := range f.GetMetric() {
				seconds = append(seconds, m.GetGauge().GetValue())
			}
		}
	}
	return seconds
}
