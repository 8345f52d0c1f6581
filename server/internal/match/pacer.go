package match

import (
	"time"

	"tactus/server/internal/overload"
)

// pacer keeps a match's ticks on absolute deadlines: start + n x period. A match
// that is late catches up by at most maxCatchUp ticks. Beyond that its clock is set
// back, and snapshots report its speed as a percentage of normal.
type pacer struct {
	period int64
	next   int64
	slowed bool // a tick lasts longer than the period, see interval
	// pause is the time between ticks while nothing happens, 0 while something does.
	pause int64

	awakeSince  int64 // when something last happened in the match
	windowStart int64
	windowTicks int64
	percent     uint32
}

const maxCatchUp = 2

// dilatedBelow is the percentage below which a slow clock is reported; single late
// ticks are not.
const dilatedBelow = 97

func newPacer(rate int, start int64) pacer {
	p := pacer{period: int64(time.Second) / int64(rate), percent: 100}
	p.next = p.align(start) + p.period
	p.windowStart = start
	return p
}

// hibernationMoments is the number of moments of their period over which hibernating
// matches are spread.
const hibernationMoments = 10

// align returns the first moment at or after t at which matches of this rate are
// due.
func (p *pacer) align(t int64) int64 { return (t + p.period - 1) / p.period * p.period }

// ticked notes that the tick due at next was stepped and returns by how many
// nanoseconds the clock was put back.
func (p *pacer) ticked(now int64) (dilated int64) {
	p.next += p.interval()
	switch {
	case p.pause > p.period:
		// One wake-up of the process serves all hibernating matches of a moment.
		p.next -= p.next % (p.pause / hibernationMoments)
	case !p.slowed && p.pause == 0:
		// After another pace the ticks return to the moments of the others.
		p.next = p.align(p.next)
	}
	if late := now - p.next; late > maxCatchUp*p.period {
		dilated = late
		p.next = p.align(now)
	}
	p.windowTicks++
	if elapsed := now - p.windowStart; elapsed >= int64(time.Second) {
		p.percent = p.speed(elapsed)
		p.windowStart, p.windowTicks = now, 0
	}
	return dilated
}

// setPause sets the time between the ticks of a hibernating match, 0 for the full
// rate, and the speed that snapshots report, beginning with this tick's.
func (p *pacer) setPause(pause, now int64) {
	if p.pause == pause {
		return
	}
	p.pause, p.windowStart, p.windowTicks, p.percent = pause, now, 0, 100
	if pause > 0 {
		p.percent = p.percentOf(p.period, p.interval())
	}
}

func (p *pacer) hibernating() bool { return p.pause > 0 }

// wake makes the next tick due now. Later ticks are due at the same moments as those
// of other matches, the first of them after half a period to one and a half.
func (p *pacer) wake(now int64) { p.next = p.align(now+p.period/2) - p.period }

// interval is the time between two ticks.
func (p *pacer) interval() int64 {
	if p.pause > 0 {
		return max(p.period, p.pause)
	}
	if p.slowed {
		return p.period * overload.StretchNum / overload.StretchDen
	}
	return p.period
}

func (p *pacer) speed(elapsed int64) uint32 {
	percent := p.percentOf(p.windowTicks*p.period, elapsed)
	if percent >= dilatedBelow {
		return 100
	}
	return percent
}

func (p *pacer) percentOf(part, whole int64) uint32 {
	return uint32(min(max((part*100+whole/2)/whole, 1), 100))
}

const (
	// idleAfter is for how long nothing happens before a match hibernates.
	idleAfter = 3 * time.Second
	// hibernationPeriod is the time between the ticks of a hibernating match. Any
	// message wakes it.
	hibernationPeriod = int64(time.Second)
	// pollPeriod is the same for a match with a connection that can't be watched. A
	// message waits for that long at most.
	pollPeriod = int64(100 * time.Millisecond)
)
