// Package metrics holds what a game server counts. Handles are resolved once,
// so that counting in a tick is an atomic addition and allocates nothing.
package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/steady"
	"tactus/protocol"
	"tactus/server/internal/overload"
)

// Metrics are the counters of one game server.
type Metrics struct {
	Matches prometheus.Gauge
	Sockets prometheus.Gauge

	Ticks        prometheus.Counter
	TickSeconds  prometheus.Histogram
	Dilated      prometheus.Counter // ticks by which clocks were put back
	Snapshots    prometheus.Counter
	Skipped      prometheus.Counter // snapshots not taken by a slow client
	BytesIn      prometheus.Counter
	BytesOut     prometheus.Counter
	InputsTaken  prometheus.Counter
	InputsLate   prometheus.Counter
	InputsEarly  prometheus.Counter
	InputsBad    prometheus.Counter
	Resyncs      prometheus.Counter
	Panics       prometheus.Counter
	EventsLost   prometheus.Counter
	Reservations prometheus.Counter
	Refused      *prometheus.CounterVec // handshakes refused, by reason

	Matchmakers    prometheus.Gauge     // that have the server registered
	ClockOffset    *prometheus.GaugeVec // of matchmakers' clocks, by id
	ResultsWaiting prometheus.Gauge     // ended matches that no matchmaker has acknowledged
	ResultsDropped prometheus.Counter   // of them, given up

	// By rung of the overload ladder: matches that stand on it, and how often
	// matches and the process came to stand on it by climbing.
	RungMatches   [overload.Rungs]prometheus.Gauge
	MatchClimbs   [overload.Rungs]prometheus.Counter
	ProcessClimbs [overload.Rungs]prometheus.Counter
	ProcessRung   prometheus.Gauge

	Lost   prometheus.Counter // connections that ended without a close
	closed map[protocol.CloseCode]prometheus.Counter
	other  prometheus.Counter
}

// New makes the counters and registers them.
func New(reg prometheus.Registerer) *Metrics {
	m := &Metrics{closed: map[protocol.CloseCode]prometheus.Counter{}}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tactus", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tactus", Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "tactus", Name: "stood_still_seconds_total", Help: "Time in which the process did not run: stopped, suspended, or given no processor.",
	}, func() float64 { return steady.StoodStill().Seconds() }))
	m.Matches = gauge("matches", "Matches running on this server.")
	m.Sockets = gauge("sockets", "Connections that belong to a seat.")
	m.Matchmakers = gauge("matchmakers", "Matchmaker replicas that have this server registered.")
	m.ResultsWaiting = gauge("results_waiting", "Ended matches whose result no matchmaker has stored yet.")
	m.ResultsDropped = counter("results_dropped_total", "Results lost because too many waited for a matchmaker.")
	m.Ticks = counter("ticks_total", "Ticks stepped, all matches.")
	m.Dilated = counter("ticks_dilated_total", "Ticks by which clocks were put back because the process could not keep up.")
	m.Snapshots = counter("snapshots_sent_total", "Snapshots handed to sockets.")
	m.Skipped = counter("snapshots_skipped_total", "Snapshots not sent because the client had not read the last one.")
	m.BytesIn = counter("socket_in_bytes_total", "Bytes read from players.")
	m.BytesOut = counter("socket_out_bytes_total", "Bytes written to players.")
	m.InputsTaken = counter("inputs_taken_total", "Inputs kept for their tick.")
	m.InputsLate = counter("inputs_late_total", "Inputs whose tick was simulated already.")
	m.InputsEarly = counter("inputs_early_total", "Inputs too far ahead.")
	m.InputsBad = counter("inputs_invalid_total", "Inputs with words outside their range.")
	m.Resyncs = counter("resyncs_total", "Keyframes asked for after a hash mismatch.")
	m.Panics = counter("match_panics_total", "Matches ended by a panic in their rules.")
	m.EventsLost = counter("events_lost_total", "Events for which an event table had no room.")
	m.Reservations = counter("reservations_total", "Seats reserved.")
	m.TickSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "tactus", Name: "tick_seconds", Help: "Time spent in one tick of one match.",
		Buckets: prometheus.ExponentialBuckets(25e-6, 2, 12),
	})
	m.Refused = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tactus", Name: "handshakes_refused_total", Help: "Connections refused before they had a seat."}, []string{"reason"})
	closed := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tactus", Name: "closed_total", Help: "Connections closed, by close code; lost: those that ended without one."}, []string{"code"})
	reg.MustRegister(m.TickSeconds, m.Refused, closed)
	for _, code := range protocol.CloseCodes() {
		m.closed[code] = closed.WithLabelValues(strconv.Itoa(int(code)))
	}
	m.other = closed.WithLabelValues("other")
	m.Lost = closed.WithLabelValues("lost")
	m.ClockOffset = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "tactus", Name: "clock_offset_seconds", Help: "By how much the peer's clock is ahead of this process's.",
		ConstLabels: prometheus.Labels{"side": "server"},
	}, []string{"peer"})
	reg.MustRegister(m.ClockOffset)
	m.addOverload(reg)
	return m
}

func (m *Metrics) addOverload(reg prometheus.Registerer) {
	standing := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "tactus", Name: "overload_matches", Help: "Matches, by the rung of the overload ladder that they stand on.",
	}, []string{"rung"})
	climbs := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "tactus", Name: "overload_climbs_total", Help: "Rungs of the overload ladder that were climbed, by matches and by the whole process.",
	}, []string{"scope", "rung"})
	m.ProcessRung = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "tactus", Name: "overload_process_rung", Help: "Rung of the overload ladder that the process stands on: 0 calm, 1 far_slower, 2 half_rate, 3 dilated, 4 no_matches, 5 no_joins.",
	})
	reg.MustRegister(standing, climbs, m.ProcessRung)
	for r := range overload.Rungs {
		m.RungMatches[r] = standing.WithLabelValues(r.String())
		if r != overload.Calm {
			m.MatchClimbs[r] = climbs.WithLabelValues("match", r.String())
			m.ProcessClimbs[r] = climbs.WithLabelValues("process", r.String())
		}
	}
}

// CountPlayers registers the seats held by people, which are counted when
// somebody looks.
func CountPlayers(reg prometheus.Registerer, count func() int) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tactus", Name: "players", Help: "Seats held by people.",
	}, func() float64 { return float64(count()) }))
}

// Closed counts a closed connection.
func (m *Metrics) Closed(code protocol.CloseCode) {
	if c, ok := m.closed[code]; ok {
		c.Inc()
		return
	}
	m.other.Inc()
}
