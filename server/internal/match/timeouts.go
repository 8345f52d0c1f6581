package match

import "time"

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
	}
	if !m.outcome.known() {
		m.seating.FillBots()
		m.applySeating()
	}
	m.countLostEvents()
	switch {
	case m.seating.Players() > 0:
		t.emptySince = now
	case m.outcome.known(): // nobody is left to look at it
		m.End(EndOver)
	case now-t.emptySince > int64(m.cfg.Empty):
		m.End(EndEmpty)
	}
}

// sendHeartbeats pings parked connections that were silent for long: one whose
// peer is gone never becomes ready.
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

func (m *Match) countLostEvents() {
	var lost uint64
	for _, t := range m.sim.Tables().Events() {
		lost += t.Lost()
	}
	if counted := m.timeouts.eventsLost; lost > counted {
		m.cfg.Metrics.EventsLost.Add(float64(lost - counted))
		m.timeouts.eventsLost = lost
	}
}

// WaitForPlayers lets a match without players wait for its first ones for so many
// nanoseconds, where that is longer than it would by itself.
func (m *Match) WaitForPlayers(now, hold int64) {
	m.request(now)
	if m.seating.Players() == 0 {
		m.timeouts.emptySince = max(m.timeouts.emptySince, now+hold-int64(m.cfg.Empty))
	}
}
