package match

import (
	"sync/atomic"
	"time"

	"tactus/server/internal/scheduler"
)

const (
	// restAfter is how long nothing has to move before a match rests.
	restAfter = 3 * time.Second
	// restPeriod is the time between the ticks of a match at rest. Whoever speaks
	// wakes it at once.
	restPeriod = int64(time.Second)
	// lookPeriod is restPeriod where a connection can't be watched: whoever speaks
	// first waits so long at most.
	lookPeriod = int64(100 * time.Millisecond)
)

// rest slows the clock of a match in which nothing moves and nobody speaks, and
// sets it right again with the first sign of life; everybody is told by a frame. A rules' own
// countdown is a change, also where nobody sees it.
func (m *Match) rest() {
	still := !m.tracker.Active() && !m.outcome.known() && len(m.online) > 0 && !m.stirred
	pause := restPeriod
	for _, s := range m.online {
		still = still && s.Inactive()
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

// doze is the sleep of a match at rest, which the scheduler does not know: an
// alarm, or whoever has something for it, starts a goroutine that goes on.
type doze struct {
	asleep atomic.Bool
	alarm  *time.Timer
	live   func() // goes on with the match
}

// dozeOff reports whether the match sleeps now: the caller's goroutine owns it no
// longer and has to end.
func (m *Match) dozeOff() bool {
	wait := m.pacer.next - m.now()
	if wait <= 0 || len(m.wake) > 0 {
		return false
	}
	m.doze.asleep.Store(true)
	// From here on another goroutine may own the match; an alarm in vain does no
	// harm.
	m.doze.alarm.Reset(time.Duration(wait))
	return len(m.wake) == 0 || !m.doze.asleep.CompareAndSwap(true, false)
}

// rouse goes on with a match that sleeps.
func (m *Match) rouse() {
	if m.doze.asleep.CompareAndSwap(true, false) {
		m.goOn()
	}
}

func (m *Match) goOn() {
	scheduler.GrowStack()
	m.doze.live()
}
