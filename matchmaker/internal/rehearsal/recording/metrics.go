package recording

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts the events of the recorders that share it. It is a Prometheus
// collector. It is safe for concurrent use.
type Metrics struct {
	written *prometheus.CounterVec
	dropped *prometheus.CounterVec
}

// NewMetrics returns metrics at zero.
func NewMetrics() *Metrics {
	queue := []string{"queue"}
	return &Metrics{
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tactus_matchmaker_recorded_events_total", Help: "Begins and ends of searches written to recordings.",
		}, queue),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tactus_matchmaker_recording_dropped_total", Help: "Begins and ends of searches missing from recordings.",
		}, queue),
	}
}

// Describe describes the metrics.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	m.written.Describe(to)
	m.dropped.Describe(to)
}

// Collect collects the metrics.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.written.Collect(to)
	m.dropped.Collect(to)
}
