package ratelimit

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Limited returns the counter of what limits have refused, by limit. All limits of a
// registerer share it.
func Limited(to prometheus.Registerer) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tactus_limited_total", Help: "Connections, requests and watches refused or closed by a limit, by limit.",
	}, []string{"limit"})
	var already prometheus.AlreadyRegisteredError
	if err := to.Register(counter); errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(*prometheus.CounterVec); ok {
			return existing
		}
	}
	return counter
}
