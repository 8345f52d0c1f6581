package overload

import "time"

// limit says when a rung is climbed and when it is left again. Pressure is a
// share of the tick's period; 1 means that a tick takes, or waits to begin, a
// whole period.
type limit struct {
	up    float64 // climbed from here on
	down  float64 // left from here on; lower, by what the rung itself relieves
	after int64   // nanoseconds that the pressure has to stay up
}

// limits of the rungs, in the order in which they are climbed.
//
// Snapshots are halved only when the period is all but used up: until then
// players get them on time. That rung is left by what the pressure would be with
// all of them: a match measures it by the ticks that have one, which takes it to
// be more than it is, for such a snapshot tells of two ticks; a process takes it to
// be twice what it is.
var limits = [Rungs]limit{
	FarSlower: {up: 0.85, down: 0.60, after: int64(time.Second)},
	HalfRate:  {up: 0.95, down: 0.94, after: int64(time.Second)},
	Dilated:   {up: 1.00, down: 0.85, after: int64(time.Second)},
	NoMatches: {up: 1.00, down: 0.85, after: int64(3 * time.Second)},
	NoJoins:   {up: 1.25, down: 0.95, after: int64(3 * time.Second)},
}

const (
	// calmFor is how long the pressure has to stay down before a rung is left.
	// Whoever has to climb again within relapse had left too early, and waits twice
	// as long the next time, up to calmAtMost: so what a crowd's arrival took comes
	// back soon, and who lives at the edge does not go up and down all the time.
	calmFor    = int64(2 * time.Second)
	calmAtMost = int64(32 * time.Second)
	relapse    = int64(10 * time.Second)

	// memory is what the means look back on: a single stall is no overload.
	memory = int64(time.Second)

	// worstSample bounds what one tick can say, in periods.
	worstSample = 3.0
)

// JudgeEvery is the time between two looks at the whole process.
const JudgeEvery = 250 * time.Millisecond

// What the rungs cost the players; see docs/overload.md.
const (
	// SnapshotEvery is the ticks per snapshot from HalfRate on.
	SnapshotEvery = 2
	// StretchNum / StretchDen is the length of a tick from Dilated on: the clock
	// runs at 80 % of its speed.
	StretchNum = 5
	StretchDen = 4
)
