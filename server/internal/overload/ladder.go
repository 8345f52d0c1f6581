// Package overload decides what a match, or a whole process, gives up when ticks
// take more time than they have. It does so in rungs of a ladder. Each rung has a
// threshold at which it is climbed and a lower one at which it is left.
//
// The package reads no clock, and nothing in it blocks, locks or allocates.
// docs/overload.md describes the rungs.
package overload

import "sync/atomic"

// Rung is how much is given up. Each includes those below it.
type Rung uint32

// Rungs in the order in which they are climbed. NoMatches applies to the process
// only: a match passes over it.
const (
	Calm      Rung = iota
	FarSlower      // far cells are sent half as often
	HalfRate       // a snapshot every second tick
	Dilated        // the clock runs slower
	NoMatches      // no new matches
	NoJoins        // no new players; seated players may still reconnect
	Rungs          // number of rungs
)

var names = [Rungs]string{"calm", "far_slower", "half_rate", "dilated", "no_matches", "no_joins"}

// String is the rung's name in metrics and logs.
func (r Rung) String() string { return names[r] }

// Ladder is the state of a match, or of a process, on the overload ladder. The zero
// value stands on Calm. It is not safe for concurrent use; owned by its match or
// process.
type Ladder struct {
	rung  Rung
	above int64 // since when the pressure is high enough for the next rung; 0: it is not
	below int64 // since when it is low enough to leave this rung; 0: it is not
	left  int64 // when a rung was left last; 0: never
	calm  int64 // how long it must stay low before this rung is left
}

// Rung returns the current rung.
func (l *Ladder) Rung() Rung { return l.rung }

// Observe records the pressure at a time, and what it would be with a snapshot in
// every tick. now is in nanoseconds above 0 and never decreases. It moves by at most
// one rung and returns the current one.
func (l *Ladder) Observe(now int64, pressure, atFullRate float64) Rung {
	next := l.rung + 1
	without := pressure // estimate for the rung below
	if l.rung == HalfRate {
		without = atFullRate
	}
	switch {
	case next < Rungs && pressure >= limits[next].up:
		l.below = 0
		if held(&l.above, now) >= limits[next].after {
			l.rung, l.above = next, 0
			l.climbed(now)
		}
	case l.rung > Calm && without <= limits[l.rung].down:
		l.above = 0
		if held(&l.below, now) >= l.calm {
			l.rung, l.below, l.left = l.rung-1, 0, now
		}
	default:
		l.above, l.below = 0, 0
	}
	return l.rung
}

// climbed sets how long the pressure must stay low before the rung is left again.
func (l *Ladder) climbed(now int64) {
	if l.left == 0 || now-l.left >= relapse {
		l.calm = calmFor
		return
	}
	l.calm = min(2*l.calm, calmAtMost)
}

// held returns how long a condition has been true, which is true now.
func held(since *int64, now int64) int64 {
	if *since == 0 {
		*since = now
	}
	return now - *since
}

// Process is the state of a whole process on the overload ladder. Rung is safe for
// concurrent use; Judge is called by one goroutine. A nil Process is calm.
type Process struct {
	ladder Ladder
	cpu    float64 // smoothed
	rung   atomic.Uint32
}

// Rung returns the current rung. It is safe for concurrent use.
func (p *Process) Rung() Rung {
	if p == nil {
		return Calm
	}
	return Rung(p.rung.Load())
}

// Load is the load of a process, measured by its matches and its machine.
type Load struct {
	MeanWait float64 // of its matches
	Worst    float64 // of their pressures
	// CPU is the share of its cores in use.
	CPU float64
	// FullRate is the share of all cores' time that its matches would take with a
	// snapshot in every tick.
	FullRate float64
}

// Judge observes the load of the process and returns the current rung. It is called
// every [JudgeEvery].
func (p *Process) Judge(now int64, load Load) Rung {
	p.cpu += float64(JudgeEvery) / float64(memory) * (load.CPU - p.cpu)
	atFullRate := max(load.FullRate, SnapshotEvery*load.MeanWait)
	r := p.ladder.Observe(now, whole(load.MeanWait, load.Worst, p.cpu), atFullRate)
	p.rung.Store(uint32(r))
	return r
}
