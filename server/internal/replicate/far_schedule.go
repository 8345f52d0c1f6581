package replicate

import (
	"math/bits"

	"tactus/game"
)

// farSchedule says in which snapshots far cells are sent. Cells beyond a
// player's Near are sent every farPeriod snapshots, as values instead of
// differences. Births and removals are sent at once everywhere. Owned by the
// Tracker.
type farSchedule struct {
	snapshots int                          // so far
	recent    [slowFarPeriod + 1]game.Tick // ticks of the last snapshots, a ring
	// period is the number of snapshots from one turn of a far cell to the next.
	period int
	window int // snapshots since a far cell was sent last, at most
	// widenedUntil is the value of snapshots at which window becomes period again.
	widenedUntil int
}

// farPeriod is the number of snapshots from one turn of a far cell to the next.
// It is a power of two.
const farPeriod = 4

// slowFarPeriod is farPeriod under overload.
const slowFarPeriod = 2 * farPeriod

func newFarSchedule() farSchedule { return farSchedule{period: farPeriod, window: farPeriod} }

func (f *farSchedule) beginSnapshot(tick game.Tick) {
	f.recent[f.snapshots%len(f.recent)] = tick
	f.snapshots++
	if f.snapshots > f.widenedUntil {
		f.window = f.period
	}
}

// setSlow changes the period. After a change the window covers slowFarPeriod
// snapshots until every cell has had a turn, because some may have waited that
// long.
func (f *farSchedule) setSlow(slow bool) {
	period := farPeriod
	if slow {
		period = slowFarPeriod
	}
	if period == f.period {
		return
	}
	f.period, f.window = period, slowFarPeriod
	f.widenedUntil = f.snapshots + farPeriod
}

// baseline returns the tick of the snapshot that changes of far cells are
// encoded from. It is 0 before there were enough snapshots.
func (f *farSchedule) baseline() game.Tick {
	if f.snapshots <= f.window {
		return 0
	}
	return f.recent[(f.snapshots-1-f.window)%len(f.recent)]
}

// due returns the cells of a word that have their turn. Neighbouring columns have
// their turns in different snapshots. The next word, usually the row above, is
// shifted by one.
func (f *farSchedule) due(at int32) uint64 {
	columns := uint64(0x1111111111111111)
	if f.period == slowFarPeriod {
		columns = 0x0101010101010101
	}
	return bits.RotateLeft64(columns, f.snapshots+int(at))
}
