package match

import (
	"context"
	"hash/fnv"
	"time"

	"tactus/server/internal/overload"
)

// Clock is where a match gets its time from; tests inject their own.
type Clock interface {
	// Now is a monotonic time in nanoseconds.
	Now() int64
	// SleepUntil waits until Now is at least t. It reports false when ctx ended
	// first.
	SleepUntil(ctx context.Context, t int64) bool
}

// SystemClock returns the machine's monotonic clock. Each match needs its own,
// since it holds one timer; all count from the same moment.
func SystemClock() Clock {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &systemClock{timer: t}
}

type systemClock struct{ timer *time.Timer }

var processStart = time.Now()

func (c *systemClock) Now() int64 { return int64(time.Since(processStart)) + 1 }

func (c *systemClock) SleepUntil(ctx context.Context, t int64) bool {
	wait := t - c.Now()
	if wait <= 0 {
		return ctx.Err() == nil
	}
	c.timer.Reset(time.Duration(wait))
	select {
	case <-c.timer.C:
		return true
	case <-ctx.Done():
		c.timer.Stop()
		return false
	}
}

// pacer keeps a match's ticks on absolute deadlines: start + n x period. A match
// that is late catches up by at most maxCatchUp ticks; beyond that its clock is
// put back, which its players are told as a percentage of normal speed.
type pacer struct {
	period int64
	next   int64
	slowed bool // a tick lasts longer than the period, see interval
	rests  bool // nothing happens, see interval

	windowStart int64
	windowTicks int64
	percent     uint32
}

const maxCatchUp = 2

// restPeriod is the time between the ticks of a match in which nothing moves and
// nobody speaks; whoever speaks first waits so long at most.
const restPeriod = int64(100 * time.Millisecond)

// dilatedBelow is the percentage from which on a slow clock is worth telling;
// single late ticks are not.
const dilatedBelow = 97

func newPacer(rate int, start int64) pacer {
	p := pacer{period: int64(time.Second) / int64(rate), percent: 100}
	p.next = p.align(start) + p.period
	p.windowStart = start
	return p
}

// phases is into how many moments of a period a process's matches are spread:
// enough that they do not all tick at once, and so few that one wake-up of the
// process serves several matches.
const phases = 8

// spread shifts the first tick to one of the period's phases, by the match.
func (p *pacer) spread(id string) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	p.next += p.period / phases * int64(h.Sum32()%phases)
}

// align returns the first phase at or after t.
func (p *pacer) align(t int64) int64 {
	slot := p.period / phases
	return t - t%p.period + (t%p.period+slot-1)/slot*slot
}

// ticked notes that the tick due at next was stepped and returns by how many
// nanoseconds the clock was put back.
func (p *pacer) ticked(now int64) (dilated int64) {
	p.next += p.interval()
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

// rest slows the clock of a match that rests, or sets it right again at once:
// players are told the full speed with the first tick that has it.
func (p *pacer) rest(rests bool, now int64) {
	if p.rests && !rests {
		p.percent, p.windowStart, p.windowTicks = 100, now, 0
	}
	p.rests = rests
}

// interval is the time between two ticks.
func (p *pacer) interval() int64 {
	if p.rests {
		return max(p.period, restPeriod)
	}
	if p.slowed {
		return p.period * overload.StretchNum / overload.StretchDen
	}
	return p.period
}

func (p *pacer) speed(elapsed int64) uint32 {
	percent := (p.windowTicks*p.period*100 + elapsed/2) / elapsed
	if percent >= dilatedBelow {
		return 100
	}
	return uint32(max(percent, 1))
}
