// Package metrics holds the matchmaker's Prometheus metrics.
package metrics

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const prefix = "tactus_matchmaker_"

// Metrics counts what the matchmaker does. Its methods are safe for concurrent use
// and do not block.
type Metrics struct {
	created  *prometheus.CounterVec
	ended    *prometheus.CounterVec
	wait     *prometheus.HistogramVec
	reserve  *prometheus.HistogramVec
	rooms    prometheus.Counter
	watchers prometheus.Gauge
	quality  *prometheus.HistogramVec
	cycle    *prometheus.HistogramVec
	waiting  *prometheus.GaugeVec
	failed   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	unsealed prometheus.Counter
}

// Sources are read by gauges whenever the metrics are collected. All are needed.
type Sources struct {
	Servers      func() int                      // live game servers
	Matches      func() int                      // on live game servers
	Players      func() int                      // in matches, reserved seats included
	Searching    func() map[string]int           // players, by queue of this matchmaker
	ClockOffsets func() map[string]time.Duration // by game server: how far its clock is ahead
}

// New makes the metrics. [Metrics.Register] makes them visible.
func New() *Metrics {
	queue := []string{"queue"}
	seconds := []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	return &Metrics{
		created: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "tickets_created_total", Help: "Searches begun.",
		}, queue),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "tickets_ended_total", Help: "Searches ended, by reason.",
		}, append(queue, "reason")),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "wait_seconds", Help: "Time from a search's begin to its match.", Buckets: seconds,
		}, queue),
		reserve: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "reserve_seconds", Help: "Time a game server took to answer a reservation, by outcome.", Buckets: seconds,
		}, []string{"outcome"}),
		rooms: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "rooms_created_total", Help: "Private rooms opened.",
		}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "watchers", Help: "Streams watching a ticket.",
		}),
		quality: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "match_quality", Help: "Quality of the matches made, 1 is best.", Buckets: prometheus.LinearBuckets(.1, .1, 9),
		}, queue),
		cycle: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "cycle_seconds", Help: "Time of a queue's cycle.", Buckets: []float64{.0001, .0005, .002, .01, .05, .1, .25, 1},
		}, queue),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "cycle_tickets", Help: "Searches that the queue's last cycle looked at.",
		}, queue),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "allocations_failed_total", Help: "Matches found that came to nothing, by cause.",
		}, append(queue, "cause")),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "internal_calls_refused_total", Help: "Calls on the internal port without the role for them, by reason. With --roles=warn they passed.",
		}, []string{"reason"}),
		unsealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "unsealed_players_total", Help: "Players of reported results that this installation has not seated in the match. They are not rated.",
		}),
	}
}

// Register adds all metrics to the registerer.
func (m *Metrics) Register(to prometheus.Registerer, from Sources) error {
	gauge := func(name, help string, read func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help}, func() float64 { return float64(read()) })
	}
	collectors := []prometheus.Collector{
		searching{from.Searching},
		clocks{from.ClockOffsets},
		m.created, m.ended, m.wait, m.reserve, m.rooms, m.watchers, m.quality, m.cycle, m.waiting, m.failed, m.refused, m.unsealed,
		gauge("servers", "Live game servers.", from.Servers),
		gauge("matches", "Matches on live game servers.", from.Matches),
		gauge("people", "People in matches, reserved seats included.", from.Players),
	}
	for _, c := range collectors {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("matchmaker metrics: %w", err)
		}
	}
	return nil
}

// PlayersUnsealed counts players of results without a valid seal.
func (m *Metrics) PlayersUnsealed(players int) { m.unsealed.Add(float64(players)) }

// CallRefused counts a call on the internal port whose caller lacks the role.
func (m *Metrics) CallRefused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// TicketCreated counts a ticket that entered its queue.
func (m *Metrics) TicketCreated(t *ticket.Ticket) {
	m.created.WithLabelValues(t.Queue).Inc()
}

// TicketEnded counts the end of a search and, where it found a match, observes how
// long that took.
func (m *Metrics) TicketEnded(t *ticket.Ticket, s ticket.Status) {
	m.ended.WithLabelValues(t.Queue, ReasonLabel(s.Reason)).Inc()
	if s.State == ticket.Assigned {
		m.wait.WithLabelValues(t.Queue).Observe(s.At.Sub(t.Created).Seconds())
	}
}

// MatchMade observes the quality of a match, from 0 to 1. A negative quality means
// that the queue measures none.
func (m *Metrics) MatchMade(queue string, quality float64) {
	if quality >= 0 {
		m.quality.WithLabelValues(queue).Observe(quality)
	}
}

// AllocationFailed counts a found match that got no seats, by cause.
func (m *Metrics) AllocationFailed(queue, cause string) {
	m.failed.WithLabelValues(queue, cause).Inc()
}

// CycleEnded observes a cycle of a queue in which so many tickets were waiting.
func (m *Metrics) CycleEnded(queue string, waiting int, took time.Duration) {
	m.cycle.WithLabelValues(queue).Observe(took.Seconds())
	m.waiting.WithLabelValues(queue).Set(float64(waiting))
}

// ReservationAnswered observes how long a game server took to answer, by outcome.
func (m *Metrics) ReservationAnswered(outcome string, took time.Duration) {
	m.reserve.WithLabelValues(outcome).Observe(took.Seconds())
}

// RoomCreated counts a private room.
func (m *Metrics) RoomCreated() { m.rooms.Inc() }

// WatchBegan counts a stream that watches a ticket, until [Metrics.WatchEnded].
func (m *Metrics) WatchBegan() { m.watchers.Inc() }

// WatchEnded is called once for each WatchBegan.
func (m *Metrics) WatchEnded() { m.watchers.Dec() }

// ReasonLabel is the name of a reason in metrics, logs and recordings.
func ReasonLabel(r matchmakerv1.EndReason) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "END_REASON_"))
}

// searching reads the players in the queues that this process owns. A counter of
// our own would keep queues that have become empty.
type searching struct{ players func() map[string]int }

var searchingDesc = prometheus.NewDesc(prefix+"players_searching", "Players searching, in queues that this matchmaker owns.", []string{"queue"}, nil)

// Describe implements [prometheus.Collector].
func (s searching) Describe(to chan<- *prometheus.Desc) { to <- searchingDesc }

// Collect implements [prometheus.Collector].
func (s searching) Collect(to chan<- prometheus.Metric) {
	for queue, players := range s.players() {
		to <- prometheus.MustNewConstMetric(searchingDesc, prometheus.GaugeValue, float64(players), queue)
	}
}

// clocks reads how far the clocks of the game servers are ahead of this one. A game
// server in the same process has the same metric with another side.
type clocks struct {
	offsets func() map[string]time.Duration
}

var clockDesc = prometheus.NewDesc("tactus_clock_offset_seconds", "By how much the peer's clock is ahead of this process's.",
	[]string{"peer"}, prometheus.Labels{"side": "matchmaker"})

// Describe implements [prometheus.Collector].
func (c clocks) Describe(to chan<- *prometheus.Desc) { to <- clockDesc }

// Collect implements [prometheus.Collector].
func (c clocks) Collect(to chan<- prometheus.Metric) {
	for server, ahead := range c.offsets() {
		to <- prometheus.MustNewConstMetric(clockDesc, prometheus.GaugeValue, ahead.Seconds(), server)
	}
}
