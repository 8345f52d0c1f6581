package matchmaker

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const metricsPrefix = "tactus_matchmaker_"

type metrics struct {
	created  *prometheus.CounterVec
	ended    *prometheus.CounterVec
	wait     *prometheus.HistogramVec
	reserve  *prometheus.HistogramVec
	rooms    prometheus.Counter
	limited  *prometheus.CounterVec
	watchers prometheus.Gauge
	quality  *prometheus.HistogramVec
	cycle    *prometheus.HistogramVec
	waiting  *prometheus.GaugeVec
	failed   *prometheus.CounterVec
}

func newMetrics() *metrics {
	queue := []string{"queue"}
	seconds := []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	return &metrics{
		created: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "tickets_created_total", Help: "Searches begun.",
		}, queue),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "tickets_ended_total", Help: "Searches ended, by reason.",
		}, append(queue, "reason")),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "wait_seconds", Help: "Time from a search's begin to its match.", Buckets: seconds,
		}, queue),
		reserve: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "reserve_seconds", Help: "Time a game server took to answer a reservation, by outcome.", Buckets: seconds,
		}, []string{"outcome"}),
		rooms: prometheus.NewCounter(prometheus.CounterOpts{
			Name: metricsPrefix + "rooms_created_total", Help: "Private rooms opened.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "limited_total", Help: "Requests refused for coming too often, by limit.",
		}, []string{"limit"}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: metricsPrefix + "watchers", Help: "Streams watching a ticket.",
		}),
		quality: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "match_quality", Help: "Quality of the matches made, 1 is best.", Buckets: prometheus.LinearBuckets(.1, .1, 9),
		}, queue),
		cycle: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "cycle_seconds", Help: "Time of a queue's cycle.", Buckets: []float64{.0001, .0005, .002, .01, .05, .1, .25, 1},
		}, queue),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: metricsPrefix + "cycle_tickets", Help: "Searches that the queue's last cycle looked at.",
		}, queue),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "allocations_failed_total", Help: "Matches found that came to nothing, by cause.",
		}, append(queue, "cause")),
	}
}

// searching counts the players in the queues that this process owns, at the
// moment of asking: queues come and go with what is in them.
type searching struct{ queues *queue.Set }

var searchingDesc = prometheus.NewDesc(metricsPrefix+"players_searching", "Players searching, in queues that this matchmaker owns.", []string{"queue"}, nil)

// Describe implements [prometheus.Collector].
func (s searching) Describe(to chan<- *prometheus.Desc) { to <- searchingDesc }

// Collect implements [prometheus.Collector].
func (s searching) Collect(to chan<- prometheus.Metric) {
	for _, q := range s.queues.Stats("") {
		to <- prometheus.MustNewConstMetric(searchingDesc, prometheus.GaugeValue, float64(q.Players), q.Name)
	}
}

// clocks tells how far the game servers' clocks are from this one. A game
// server in the same process has the metric too, by another side.
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

// register adds everything to the registerer, with gauges read from the fleet
// and the queues.
func (m *metrics) register(to prometheus.Registerer, servers *fleet.Registry, queues *queue.Set) error {
	gauge := func(name, help string, read func(fleet.Totals) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metricsPrefix + name, Help: help},
			func() float64 { return float64(read(servers.Totals())) })
	}
	collectors := []prometheus.Collector{
		searching{queues},
		clocks{servers.ClockOffsets},
		m.created, m.ended, m.wait, m.reserve, m.rooms, m.limited, m.watchers, m.quality, m.cycle, m.waiting, m.failed,
		gauge("servers", "Live game servers.", func(t fleet.Totals) int { return t.Servers }),
		gauge("matches", "Matches on live game servers.", func(t fleet.Totals) int { return t.Matches }),
		gauge("people", "People in matches, reserved seats included.", func(t fleet.Totals) int { return t.People }),
	}
	for _, c := range collectors {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("matchmaker metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) ticketCreated(t *ticket.Ticket) {
	m.created.WithLabelValues(t.Queue).Inc()
}

func (m *metrics) ticketEnded(t *ticket.Ticket, s ticket.Status) {
	m.ended.WithLabelValues(t.Queue, reasonLabel(s.Reason)).Inc()
	if s.State == ticket.Assigned {
		m.wait.WithLabelValues(t.Queue).Observe(s.At.Sub(t.Created).Seconds())
	}
}

func (m *metrics) cycled(queue string, waiting int, took time.Duration) {
	m.cycle.WithLabelValues(queue).Observe(took.Seconds())
	m.waiting.WithLabelValues(queue).Set(float64(waiting))
}

func (m *metrics) reserveAnswered(outcome string, took time.Duration) {
	m.reserve.WithLabelValues(outcome).Observe(took.Seconds())
}

func reasonLabel(r matchmakerv1.EndReason) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "END_REASON_"))
}
