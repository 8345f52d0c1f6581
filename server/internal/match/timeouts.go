package match

import (
	"time"

	"tactus/game"
	"tactus/server/internal/metrics"
)

const (
	// timeoutsEvery is the time between two checks of deadlines: none of them is
	// worth a visit of every seat in every tick.
	timeoutsEvery = 100 * time.Millisecond
	// heartbeatsEvery is the time between two checks of parked connections.
	heartbeatsEvery = time.Second
)

// timeouts is when the match checks its deadlines.
type timeouts struct {
	nextCheck     int64
	nextHeartbeat int64
	emptySince    int64  // without players
	eventsLost    uint64 // as counted so far
	// By backlogUntil, what players sent while the process was suspended has arrived.
	backlogUntil int64
	counted      conditions
}

// checkTimeouts frees seats whose deadlines have passed, and ends a match without
// players.
func (m *Match) checkTimeouts(now int64) {
	t := &m.timeouts
	if now < t.nextCheck {
		return
	}
	t.nextCheck = now + int64(timeoutsEvery)
	m.seating.Expire(now)
	m.applySeating()
	if now >= t.nextHeartbeat {
		t.nextHeartbeat = now + int64(heartbeatsEvery)
		m.sendHeartbeats()
		before := t.counted
		t.counted.count(m.seating, m.online)
		t.counted.addTo(m.cfg.Metrics, before)
	}
	if !m.outcome.known() {
		m.seating.FillBots()
		m.applySeating()
	}
	t.countLostEvents(m.sim, m.cfg.Metrics)
	switch {
	case m.seating.Players() > 0:
		t.emptySince = now
	case m.outcome.known(): // no player is left to see it
		m.End(EndOver)
	case now-t.emptySince > int64(m.cfg.Empty):
		m.End(EndEmpty)
	}
}

// sendHeartbeats pings parked connections that were silent for long. A connection
// without a peer never becomes ready.
func (m *Match) sendHeartbeats() {
	for i := 0; i < len(m.online); i++ {
		if s := m.online[i]; s.Parked() {
			if err := s.CheckTimeouts(); err != nil {
				m.drop(s, err)
				i--
			}
		}
	}
}

func (t *timeouts) countLostEvents(sim *game.Simulation, m *metrics.Metrics) {
	var lost uint64
	for _, events := range sim.Tables().Events() {
		lost += events.Lost()
	}
	if counted := t.eventsLost; lost > counted {
		m.EventsLost.Add(float64(lost - counted))
		t.eventsLost = lost
	}
}

// WaitForPlayers keeps a match without players open for hold nanoseconds, where that
// is longer than it would stay open by itself.
func (m *Match) WaitForPlayers(now, hold int64) {
	m.request(now)
	if m.seating.Players() == 0 {
		m.timeouts.emptySince = max(m.timeouts.emptySince, now+hold-int64(m.cfg.Empty))
	}
}
