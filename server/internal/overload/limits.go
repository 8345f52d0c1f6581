package overload

import "time"

// limit holds the thresholds of a rung. Pressure is a share of the tick's period: 1
// means that a tick takes, or waits to begin, a whole period.
type limit struct {
	up    float64 // climbed from here on
	down  float64 // left from here on; lower, by what the rung itself relieves
	after int64   // nanoseconds that the pressure must stay up
}

// limits of the rungs, in the order in which they are climbed.
//
// Snapshots are halved only when the period is nearly used up: until then players
// receive them on time. HalfRate is left by an estimate of the pressure at the full
// rate. A match estimates it from the ticks with a snapshot, which is too high,
// because such a snapshot covers two ticks. A process doubles its pressure.
var limits = [Rungs]limit{
	FarSlower: {up: 0.85, down: 0.60, after: int64(time.Second)},
	HalfRate:  {up: 0.95, down: 0.94, after: int64(time.Second)},
	Dilated:   {up: 1.00, down: 0.85, after: int64(time.Second)},
	NoMatches: {up: 1.00, down: 0.85, after: int64(3 * time.Second)},
	NoJoins:   {up: 1.25, down: 0.95, after: int64(3 * time.Second)},
}

const (
	// calmFor is how long the pressure must stay low before a rung is left. A climb
	// within relapse after that doubles the time, up to calmAtMost. So service
	// returns soon after a crowd has arrived, and load near a threshold does not
	// make the rung oscillate.
	calmFor    = int64(2 * time.Second)
	calmAtMost = int64(32 * time.Second)
	relapse    = int64(10 * time.Second)

	// memory is the time constant of the means: a single stall is no overload.
	memory = int64(time.Second)

	// worstSample bounds the weight of one tick, in periods.
	worstSample = 3.0
)

// JudgeEvery is the interval at which a process is judged.
const JudgeEvery = 250 * time.Millisecond

// Costs of the rungs for players; see docs/overload.md.
const (
	// SnapshotEvery is the ticks per snapshot from HalfRate on.
	SnapshotEvery = 2
	// StretchNum / StretchDen is the length of a tick from Dilated on: the clock
	// runs at 80 % of its speed.
	StretchNum = 5
	StretchDen = 4
)
