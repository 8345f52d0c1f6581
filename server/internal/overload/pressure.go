package overload

// Pressure measures the load of a match: the share of its period that its ticks
// take, and how long they wait to begin for reasons outside the match. Cheap ticks
// that wait mean that the process gets too little of its machine. A Pressure is not
// safe for concurrent use; owned by its match.
type Pressure struct {
	period int64
	ended  int64 // end of the last tick
	share  float64
	// snapshots is the share of the period that ticks with a snapshot take.
	snapshots float64
	wait      float64
}

// NewPressure makes the pressure of a match whose ticks are due every so many
// nanoseconds.
func NewPressure(period int64) Pressure { return Pressure{period: period} }

// Tick records a tick that was due, began and ended at these times. snapshot reports
// whether it sent one.
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

// Value is the current pressure, 1 for a whole period.
func (p *Pressure) Value() float64 { return max(p.share, p.wait) }

// AtFullRate estimates the pressure with a snapshot in every tick. It assumes that
// snapshots cause most of the waiting.
func (p *Pressure) AtFullRate() float64 { return max(p.snapshots, SnapshotEvery*p.wait) }

// SnapshotShare is the share of the period that ticks with a snapshot take.
func (p *Pressure) SnapshotShare() float64 { return p.snapshots }

// Wait is the share of the period that ticks wait for reasons outside the match.
func (p *Pressure) Wait() float64 { return p.wait }

// whole is a process's pressure: the mean wait of its matches, or the pressure of
// its worst match, weighted by the share of the cores in use.
func whole(meanWait, worst, cpu float64) float64 { return max(meanWait, worst*cpu) }
