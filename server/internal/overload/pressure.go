package overload

// Pressure is how hard a match has it: what share of its period its ticks take,
// and how late they start. Cheap ticks that start late belong to a process that
// gets too little of its machine.
type Pressure struct {
	period int64
	share  float64
	late   float64
}

// NewPressure makes the pressure of a match whose ticks are due every so many
// nanoseconds.
func NewPressure(period int64) Pressure { return Pressure{period: period} }

// Tick notes a tick that was due, began and ended at these times.
func (p *Pressure) Tick(due, began, ended int64) {
	weight := min(1, float64(p.period)/float64(memory))
	p.share += weight * (p.sample(ended-began) - p.share)
	p.late += weight * (p.sample(began-due) - p.late)
}

func (p *Pressure) sample(d int64) float64 {
	return min(max(float64(d)/float64(p.period), 0), worstSample)
}

// Value is the pressure now, 1 for a whole period.
func (p *Pressure) Value() float64 { return max(p.share, p.late) }

// whole is a process's pressure. One match that is too big presses the others
// only where it takes the cores that they need.
func whole(mean, worst, cpu float64) float64 { return max(mean, worst*cpu) }
