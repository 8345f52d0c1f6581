// Package metrics holds the Prometheus metrics of a game server. Labels are
// resolved once, so that counting in a tick is an atomic addition and allocates
// nothing.
package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/clockjump"
	"tactus/internal/steady"
	"tactus/protocol"
	"tactus/server/internal/overload"
)

// Metrics holds the counters of one game server, in groups. It is safe for
// concurrent use.
type Metrics struct {
	MatchMetrics
	ConnectionMetrics
	InputMetrics
	FleetMetrics
	OverloadMetrics
}

// MatchMetrics counts what matches do.
type MatchMetrics struct {
	Matches      prometheus.Gauge
	Ticks        prometheus.Counter
	TickSeconds  prometheus.Histogram
	Dilated      prometheus.Counter // ticks by which clocks were set back
	Panics       prometheus.Counter
	HungTurns    prometheus.Counter
	BrokenLogs   *prometheus.CounterVec // match logs given up, by cause
	EventsLost   prometheus.Counter
	Reservations prometheus.Counter

	// Seats by state; those of bots and free ones are not counted.
	SeatsReserved, SeatsConnected, SeatsDropped prometheus.Gauge
}

// ConnectionMetrics counts connections and what goes over them.
type ConnectionMetrics struct {
	Sockets   prometheus.Gauge
	Refused   *prometheus.CounterVec // handshakes refused, by reason
	Snapshots prometheus.Counter
	Skipped   prometheus.Counter // snapshots not sent to a slow client
	BytesIn   prometheus.Counter
	BytesOut  prometheus.Counter
	Resyncs   prometheus.Counter
	Lost      prometheus.Counter // connections that ended without a close

	// Connections by condition; one may be in both.
	ConnectionsParked, ConnectionsBlocked prometheus.Gauge

	closed      map[protocol.CloseCode]prometheus.Counter
	closedOther prometheus.Counter
}

// InputMetrics counts inputs by what became of them.
type InputMetrics struct {
	InputsTaken prometheus.Counter
	InputsLate  prometheus.Counter
	InputsEarly prometheus.Counter
	InputsBad   prometheus.Counter
	LagClamped  prometheus.Counter // inputs whose claimed lag was cut
}

// FleetMetrics describes the streams to the matchmakers.
type FleetMetrics struct {
	Matchmakers prometheus.Gauge     // that have the server registered
	ClockOffset *prometheus.GaugeVec // of matchmakers' clocks, by id
	// ResultsWaiting are results that no matchmaker has acknowledged.
	ResultsWaiting prometheus.Gauge
	ResultsDropped prometheus.Counter // lost for want of room
}

// OverloadMetrics describes the overload ladder, by rung where it is an array.
type OverloadMetrics struct {
	RungMatches   [overload.Rungs]prometheus.Gauge   // matches on the rung
	MatchClimbs   [overload.Rungs]prometheus.Counter // of matches, to the rung
	ProcessClimbs [overload.Rungs]prometheus.Counter // of the process, to the rung
	ProcessRung   prometheus.Gauge
}

// registry makes metrics and registers them.
type registry struct{ prometheus.Registerer }

func (r registry) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tactus", Name: name, Help: help})
	r.MustRegister(c)
	return c
}

func (r registry) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tactus", Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

func (r registry) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tactus", Name: name, Help: help})
	r.MustRegister(g)
	return g
}

func (r registry) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tactus", Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

// New makes the metrics and registers them.
func New(reg prometheus.Registerer) *Metrics {
	r := registry{reg}
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "tactus", Name: "stood_still_seconds_total", Help: "Time in which the process did not run: stopped, suspended, or given no processor.",
	}, func() float64 { return steady.StoodStill().Seconds() }))
	clockjump.Register(r)
	return &Metrics{
		MatchMetrics: newMatchMetrics(r), ConnectionMetrics: newConnectionMetrics(r), InputMetrics: newInputMetrics(r),
		FleetMetrics: newFleetMetrics(r), OverloadMetrics: newOverloadMetrics(r),
	}
}

func newMatchMetrics(r registry) MatchMetrics {
	m := MatchMetrics{
		Matches: r.gauge("matches", "Matches running on this server."),
		Ticks:   r.counter("ticks_total", "Ticks stepped, all matches."),
		TickSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tactus", Name: "tick_seconds", Help: "Time spent in one tick of one match.",
			Buckets: prometheus.ExponentialBuckets(25e-6, 2, 12),
		}),
		Dilated:      r.counter("ticks_dilated_total", "Ticks by which clocks were put back because the process could not keep up."),
		Panics:       r.counter("match_panics_total", "Matches ended by a panic in their rules, as they were made or later."),
		HungTurns:    r.counter("hung_turns_total", "Turns given up because the rules did not return in time, the making of matches included."),
		BrokenLogs:   r.counters("match_logs_broken_total", "Match logs given up, by cause: full, permission, slow, too_large, other. Their matches went on.", "cause"),
		EventsLost:   r.counter("events_lost_total", "Events for which an event table had no room."),
		Reservations: r.counter("reservations_total", "Seats reserved."),
	}
	r.MustRegister(m.TickSeconds)
	seats := r.gauges("seats", "Seats of players, by state.", "state")
	m.SeatsReserved = seats.WithLabelValues("reserved")
	m.SeatsConnected = seats.WithLabelValues("connected")
	m.SeatsDropped = seats.WithLabelValues("dropped")
	return m
}

func newConnectionMetrics(r registry) ConnectionMetrics {
	closed := r.counters("closed_total", "Connections closed, by close code; lost: those that ended without one.", "code")
	m := ConnectionMetrics{
		Sockets:   r.gauge("sockets", "Connections that belong to a seat."),
		Refused:   r.counters("handshakes_refused_total", "Connections refused before they had a seat.", "reason"),
		Snapshots: r.counter("snapshots_sent_total", "Snapshots handed to sockets."),
		Skipped:   r.counter("snapshots_skipped_total", "Snapshots not sent because the client had not read the last one."),
		BytesIn:   r.counter("socket_in_bytes_total", "Bytes read from players."),
		BytesOut:  r.counter("socket_out_bytes_total", "Bytes written to players."),
		Resyncs:   r.counter("resyncs_total", "Keyframes asked for after a hash mismatch."),
		Lost:      closed.WithLabelValues("lost"),

		closed:      map[protocol.CloseCode]prometheus.Counter{},
		closedOther: closed.WithLabelValues("other"),
	}
	conditions := r.gauges("connections", "Connections of players, by condition.", "condition")
	m.ConnectionsParked = conditions.WithLabelValues("parked")
	m.ConnectionsBlocked = conditions.WithLabelValues("blocked")
	for _, code := range protocol.CloseCodes() {
		m.closed[code] = closed.WithLabelValues(strconv.Itoa(int(code)))
	}
	return m
}

func newInputMetrics(r registry) InputMetrics {
	return InputMetrics{
		InputsTaken: r.counter("inputs_taken_total", "Inputs kept for their tick."),
		InputsLate:  r.counter("inputs_late_total", "Inputs whose tick was simulated already."),
		InputsEarly: r.counter("inputs_early_total", "Inputs too far ahead."),
		InputsBad:   r.counter("inputs_invalid_total", "Inputs with words outside their range."),
		LagClamped:  r.counter("lag_clamped_total", "Inputs whose client claimed more lag than the server measured. Those of honest players are less than 1 in 100."),
	}
}

func newFleetMetrics(r registry) FleetMetrics {
	m := FleetMetrics{
		Matchmakers: r.gauge("matchmakers", "Matchmaker replicas that have this server registered."),
		ClockOffset: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "tactus", Name: "clock_offset_seconds", Help: "By how much the peer's clock is ahead of this process's.",
			ConstLabels: prometheus.Labels{"side": "server"},
		}, []string{"peer"}),
		ResultsWaiting: r.gauge("results_waiting", "Ended matches whose result no matchmaker has stored yet."),
		ResultsDropped: r.counter("results_dropped_total", "Results lost because too many waited for a matchmaker."),
	}
	r.MustRegister(m.ClockOffset)
	return m
}

func newOverloadMetrics(r registry) OverloadMetrics {
	matches := r.gauges("overload_matches", "Matches, by the rung of the overload ladder that they stand on.", "rung")
	climbs := r.counters("overload_climbs_total", "Rungs of the overload ladder that were climbed, by matches and by the whole process.", "scope", "rung")
	m := OverloadMetrics{
		ProcessRung: r.gauge("overload_process_rung",
			"Rung of the overload ladder that the process stands on: 0 calm, 1 far_slower, 2 half_rate, 3 dilated, 4 no_matches, 5 no_joins."),
	}
	for rung := range overload.Rungs {
		m.RungMatches[rung] = matches.WithLabelValues(rung.String())
		if rung != overload.Calm {
			m.MatchClimbs[rung] = climbs.WithLabelValues("match", rung.String())
			m.ProcessClimbs[rung] = climbs.WithLabelValues("process", rung.String())
		}
	}
	return m
}

// CountPlayers registers the number of seats held by players. It is counted when
// the metrics are collected.
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
	m.closedOther.Inc()
}
