package match

import "time"

const (
	// restAfter is how long nothing has to move before a match rests.
	restAfter = 3 * time.Second
	// restPeriod is the time between the ticks of a match at rest. Whoever speaks
	// wakes it at once.
	restPeriod = int64(time.Second)
	// lookPeriod is restPeriod where a connection can't be watched: whoever speaks
	// first waits so long at most.
	lookPeriod = int64(100 * time.Millisecond)
	// tellEvery is the time between frames to a silent player to whom nothing
	// happens. Heartbeats come a little more often, and carry a frame.
	tellEvery = 12 * time.Second
)

// rest slows the clock of a match in which nothing moves and nobody speaks, and
// sets it right again with the first sign of life; everybody is told by a frame. A rules' own
// countdown is a change, also where nobody sees it.
func (m *Match) rest() {
	still := !m.engine.Active() && m.overSince == 0 && len(m.online) > 0 && !m.stirred
	pause := restPeriod
	for _, s := range m.online {
		still = still && s.Silent()
		if !s.Parked() {
			pause = lookPeriod
		}
	}
	m.stirred = false
	if !still {
		m.awakeSince = m.shared.Now
	}
	if m.shared.Now-m.awakeSince < int64(restAfter) {
		pause = 0
	}
	m.pacer.rest(pause, m.shared.Now)
}
