package match

import (
	"github.com/prometheus/client_golang/prometheus"

	"tactus/server/internal/metrics"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// conditions are how many seats and connections of the match were in which state
// when they were last counted: once a second, since a count per transition would
// cost a tick more.
type conditions struct {
	reserved, connected, dropped int
	parked, blocked              int
}

// count counts the states now.
func (c *conditions) count(s *seating.Seating, online []*session.Session) {
	*c = conditions{reserved: s.Count(seating.Reserved), connected: s.Count(seating.Connected), dropped: s.Count(seating.Dropped)}
	for _, s := range online {
		if s.Parked() {
			c.parked++
		}
		if s.Blocked() {
			c.blocked++
		}
	}
}

// addTo adds the difference from the conditions before to the process's gauges.
func (c *conditions) addTo(m *metrics.Metrics, before conditions) {
	add := func(g prometheus.Gauge, now, before int) {
		if now != before {
			g.Add(float64(now - before))
		}
	}
	add(m.SeatsReserved, c.reserved, before.reserved)
	add(m.SeatsConnected, c.connected, before.connected)
	add(m.SeatsDropped, c.dropped, before.dropped)
	add(m.ConnectionsParked, c.parked, before.parked)
	add(m.ConnectionsBlocked, c.blocked, before.blocked)
}
