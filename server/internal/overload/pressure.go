package overload

// Pressure is how hard a match has it: what share of its period its ticks take,
// and how long they wait to begin though nothing of the match is in their way.
// Cheap ticks that wait belong to a process that gets too little of its machine.
type Pressure struct {
	period    int64
	ended     int64 // when the last tick did
	share     float64
	snapshots float64 // the share of ticks with a snapshot
	wait      float64
}

// NewPressure makes the pressure of a match whose ticks are due every so many
// nanoseconds.
func NewPressure(period int64) Pressure { return Pressure{period: period} }

// Tick notes a tick that was due, began and ended at these times, with a snapshot
// or without.
func (p *Pressure) Tick(due, began, ended int64, snapshot bool) {
	weight := min(1, float64(p.period)/float64(memory))
	p.share += weight * (p.sample(ended-began) - p.share)
	if snapshot {
		p.snapshots += weight * (p.sample(ended-began) - p.snapshots)
	}
	p.wait += weight * (p.sample(began-max(due, p.ended)) - p.wait)
	p.ended = ended
}

func (p *Pressure) sample(d int64) float64 {
	return min(max(float64(d)/float64(p.period), 0), worstSample)
}

// Value is the pressure now, 1 for a whole period.
func (p *Pressure) Value() float64 { return max(p.share, p.wait) }

// AtFullRate is what the pressure would be with a snapshot in every tick. Of what
// makes ticks wait it is assumed that snapshots are most.
func (p *Pressure) AtFullRate() float64 { return max(p.snapshots, SnapshotEvery*p.wait) }

// SnapshotShare is the share of the period that ticks with a snapshot take.
func (p *Pressure) SnapshotShare() float64 { return p.snapshots }

// Wait is what of it is the process's doing, not the match's.
func (p *Pressure) Wait() float64 { return p.wait }

// whole is a process's pressure: what its matches wait, and one match that is
// too big as far as it takes the cores that the others need.
func whole(meanWait, worst, cpu float64) float64 { return max(meanWait, worst*cpu) }
