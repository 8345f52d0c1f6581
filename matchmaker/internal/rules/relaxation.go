package rules

import (
	"cmp"
	"time"
)

// relaxation is a bound, and wider ones that replace it while a group waits.
type relaxation[T cmp.Ordered, S step[T]] struct {
	first T
	steps []S // in the order of their waits
}

// step is a bound that holds from a wait on.
type step[T any] interface {
	wait() time.Duration
	bound() T
}

func (s DistanceStep) wait() time.Duration   { return s.After }
func (s DistanceStep) bound() float64        { return s.Distance }
func (s DifferenceStep) wait() time.Duration { return s.After }
func (s DifferenceStep) bound() float64      { return s.Difference }
func (s LatencyStep) wait() time.Duration    { return s.After }
func (s LatencyStep) bound() time.Duration   { return s.Max }
func (s Fill) wait() time.Duration           { return s.After }

// reached returns the last of the steps that a group has reached after a wait, nil
// before the first.
func reached[S interface{ wait() time.Duration }](steps []S, waited time.Duration) *S {
	var last *S
	for i := range steps {
		if waited < steps[i].wait() {
			break
		}
		last = &steps[i]
	}
	return last
}

func (r relaxation[T, S]) at(waited time.Duration) T {
	if s := reached(r.steps, waited); s != nil {
		return (*s).bound()
	}
	return r.first
}

func (r relaxation[T, S]) widest() T {
	if n := len(r.steps); n > 0 {
		return r.steps[n-1].bound()
	}
	return r.first
}

// validate checks the bounds, each with check and against the one before it. name is
// the bound's field in a file.
func (r relaxation[T, S]) validate(report *report, path, name string, expiry time.Duration, check func(path string, bound T)) {
	check(path+"."+name, r.first)
	waits := newSteps(report, path+".relax", len(r.steps), expiry)
	before := r.first
	for i, s := range r.steps {
		at := waits.check(i, s.wait()) + "." + name
		check(at, s.bound())
		if s.bound() <= before {
			report.add(at, "has to be more than %v, what holds before it; got %v", before, s.bound())
		}
		before = max(before, s.bound())
	}
}

func (s *Skill) relaxation() relaxation[float64, DistanceStep] {
	return relaxation[float64, DistanceStep]{s.Distance, s.Relax}
}

// At is the distance, in points, that a group accepts after a wait.
func (s *Skill) At(waited time.Duration) float64 { return s.relaxation().at(waited) }

// Widest is the distance after the last step.
func (s *Skill) Widest() float64 { return s.relaxation().widest() }

func (l *Latency) relaxation() relaxation[time.Duration, LatencyStep] {
	return relaxation[time.Duration, LatencyStep]{l.Max, l.Relax}
}

// At is the round trip that a group accepts after a wait.
func (l *Latency) At(waited time.Duration) time.Duration { return l.relaxation().at(waited) }

// Widest is the round trip after the last step.
func (l *Latency) Widest() time.Duration { return l.relaxation().widest() }

func (b *Balance) relaxation() relaxation[float64, DifferenceStep] {
	return relaxation[float64, DifferenceStep]{b.Difference, b.Relax}
}

// At is the difference between teams, in points, that a group accepts after a wait.
func (b *Balance) At(waited time.Duration) float64 { return b.relaxation().at(waited) }

// Widest is the difference after the last step.
func (b *Balance) Widest() float64 { return b.relaxation().widest() }

// Cares reports whether a group still requires the rule after a wait.
func (a *Attribute) Cares(waited time.Duration) bool {
	return a.DropAfter == 0 || waited < a.DropAfter
}

// Need is how full a match must be for a group after a wait: the least number of
// teams, and of players in each. With fill steps, that is a full match at first.
func (t *Teams) Need(waited time.Duration) (teams, players int) {
	if len(t.Fill) == 0 {
		return t.AtLeast, t.Min
	}
	if s := reached(t.Fill, waited); s != nil {
		return s.AtLeast, s.Min
	}
	return t.Count, t.Max
}

// Players is the number of players in a full match.
func (t *Teams) Players() int { return t.Count * t.Max }
