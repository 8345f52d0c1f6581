// Package overload decides what a match, or a whole process, gives up when its
// ticks take more time than there is: one rung after the other, each with a
// threshold to climb it and a lower one to leave it. It reads no clock; nothing
// in it waits, locks or allocates.
package overload

import "sync/atomic"

// Rung is how much is given up. Each includes those below it.
type Rung uint32

// Rungs in the order in which they are climbed. NoMatches concerns the process
// alone: a match only passes over it.
const (
	Calm      Rung = iota
	FarSlower      // far tiers are told half as often
	HalfRate       // a snapshot every second tick
	Dilated        // the clock runs slower
	NoMatches      // no new matches
	NoJoins        // no new players; those who play, or come back, stay welcome
	Rungs          // how many there are
)

var names = [Rungs]string{"calm", "far_slower", "half_rate", "dilated", "no_matches", "no_joins"}

// String is the rung's name in metrics and logs.
func (r Rung) String() string { return names[r] }

// Ladder is where somebody stands. The zero value stands on the ground.
type Ladder struct {
	rung  Rung
	above int64 // since when the pressure has been enough for the next rung; 0: it is not
	below int64 // since when it has been little enough to leave this one; 0: it is not
	left  int64 // when a rung was left last; 0: not yet
	calm  int64 // how long it has to be little enough
}

// Rung is where it stands.
func (l *Ladder) Rung() Rung { return l.rung }

// Observe takes the pressure at a time, in nanoseconds above 0 that do not run
// backwards, and what it would be with a snapshot in every tick. It moves by at
// most one rung.
func (l *Ladder) Observe(now int64, pressure, atFullRate float64) Rung {
	next := l.rung + 1
	without := pressure // what it would be on the rung below, as far as that is known
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

// climbed sets how long it has to be calm before the rung is left again.
func (l *Ladder) climbed(now int64) {
	if l.left == 0 || now-l.left >= relapse {
		l.calm = calmFor
		return
	}
	l.calm = min(2*l.calm, calmAtMost)
}

// held returns how long a condition has lasted that is true now.
func held(since *int64, now int64) int64 {
	if *since == 0 {
		*since = now
	}
	return now - *since
}

// Process is where a whole process stands. One goroutine judges, its matches
// ask. A nil Process is calm.
type Process struct {
	ladder Ladder
	cpu    float64 // smoothed
	rung   atomic.Uint32
}

// Rung is where the process stands; it may be called by anybody.
func (p *Process) Rung() Rung {
	if p == nil {
		return Calm
	}
	return Rung(p.rung.Load())
}

// Load is what a process's matches and its machine say of it.
type Load struct {
	MeanWait float64 // of its matches
	Worst    float64 // of their pressures
	CPU      float64 // share of its cores in use
	FullRate float64 // share of all cores' time that its matches would take with a snapshot in every tick
}

// Judge looks at the process, every [JudgeEvery].
func (p *Process) Judge(now int64, load Load) Rung {
	p.cpu += float64(JudgeEvery) / float64(memory) * (load.CPU - p.cpu)
	atFullRate := max(load.FullRate, SnapshotEvery*load.MeanWait)
	r := p.ladder.Observe(now, whole(load.MeanWait, load.Worst, p.cpu), atFullRate)
	p.rung.Store(uint32(r))
	return r
}
