package replicate

import (
	"math/bits"

	"tactus/game"
)

// farSchedule says when far cells are sent. Cells beyond a player's Near are told
// every farPeriod snapshots, half as often in times of overload, by values instead
// of differences; births and ends are told at once everywhere.
type farSchedule struct {
	snapshots    int                          // so far
	recent       [slowFarPeriod + 1]game.Tick // ticks of the last snapshots, by count
	period       int                          // snapshots between two news of a far cell
	window       int                          // how many ago a far cell may have been told last
	widenedUntil int                          // value of snapshots from which on window is period again
}

// farPeriod is how many snapshots apart far cells are told: a power of two.
const farPeriod = 4

// slowFarPeriod is farPeriod in times of overload.
const slowFarPeriod = 2 * farPeriod

func newFarSchedule() farSchedule { return farSchedule{period: farPeriod, window: farPeriod} }

func (f *farSchedule) beginSnapshot(tick game.Tick) {
	f.recent[f.snapshots%len(f.recent)] = tick
	f.snapshots++
	if f.snapshots > f.widenedUntil {
		f.window = f.period
	}
}

// setSlow sets how often far cells are told. After a change some of them were told
// slowFarPeriod snapshots ago, until all had their turn.
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

// baseline is the tick of the snapshot that far cells are told since.
func (f *farSchedule) baseline() game.Tick {
	if f.snapshots <= f.window {
		return 0
	}
	return f.recent[(f.snapshots-1-f.window)%len(f.recent)]
}

// due returns which cells of a word have their turn to be told to those who
// have them far: each column in another snapshot than its neighbours, and the
// next word, mostly a row above, with a column's shift.
func (f *farSchedule) due(at int32) uint64 {
	columns := uint64(0x1111111111111111)
	if f.period == slowFarPeriod {
		columns = 0x0101010101010101
	}
	return bits.RotateLeft64(columns, f.snapshots+int(at))
}
