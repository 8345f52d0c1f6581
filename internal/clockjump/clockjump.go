// Package clockjump shows operators that the wall clock of the process jumped: as a
// metric and as a warning of /readyz.
package clockjump

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/health"
	"tactus/internal/steady"
)

// Register registers the metric. Parts of one process share it: a second registration
// with the same registry does nothing.
func Register(r prometheus.Registerer) {
	for _, c := range []prometheus.Collector{forward, backward} {
		if err := r.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			panic(err) // as MustRegister does
		}
	}
}

var (
	forward  = counter("forward", func(j steady.Jumps) uint64 { return j.Forward })
	backward = counter("backward", func(j steady.Jumps) uint64 { return j.Backward })
)

func counter(direction string, of func(steady.Jumps) uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "tactus", Name: "clock_jumps_total", ConstLabels: prometheus.Labels{"direction": direction},
		Help: "Jumps of the wall clock by over 2 s against the monotonic clock, by direction: forward (or the machine was suspended), backward.",
	}, func() float64 { return float64(of(steady.Wall().Jumps())) })
}

// Check is a condition that does not hold for a minute after a jump.
func Check() health.Condition { return condition(steady.Wall().Jumps()) }

func condition(j steady.Jumps) health.Condition {
	c := health.Condition{Name: "clock", OK: true, Reason: "did not jump in the last minute"}
	if j.Last != 0 && j.Ago < steady.JumpMemory {
		c.OK = false
		c.Reason = fmt.Sprintf("the wall clock jumped by %+.1f s, %d s ago", j.Last.Seconds(), j.Ago/time.Second)
	}
	return c
}
