package rules

import "time"

// At is the distance that a group accepts which has waited so long, in points.
func (s *Skill) At(waited time.Duration) float64 {
	distance := s.Distance
	for _, step := range s.Relax {
		if waited < step.After {
			break
		}
		distance = step.Distance
	}
	return distance
}

// Widest is the distance after the last step.
func (s *Skill) Widest() float64 {
	if n := len(s.Relax); n > 0 {
		return s.Relax[n-1].Distance
	}
	return s.Distance
}

// At is the round trip that a group accepts which has waited so long.
func (l *Latency) At(waited time.Duration) time.Duration {
	most := l.Max
	for _, step := range l.Relax {
		if waited < step.After {
			break
		}
		most = step.Max
	}
	return most
}

// Widest is the round trip after the last step.
func (l *Latency) Widest() time.Duration {
	if n := len(l.Relax); n > 0 {
		return l.Relax[n-1].Max
	}
	return l.Max
}

// At is the difference between teams that a group accepts which has waited so
// long, in points.
func (b *Balance) At(waited time.Duration) float64 {
	difference := b.Difference
	for _, step := range b.Relax {
		if waited < step.After {
			break
		}
		difference = step.Difference
	}
	return difference
}

// Widest is the difference after the last step.
func (b *Balance) Widest() float64 {
	if n := len(b.Relax); n > 0 {
		return b.Relax[n-1].Difference
	}
	return b.Difference
}

// Cares reports whether a group that has waited so long still wants the rule to
// hold.
func (a *Attribute) Cares(waited time.Duration) bool {
	return a.DropAfter == 0 || waited < a.DropAfter
}

// Need is how full a match has to be for a group that has waited so long: at
// least so many teams, each of at least so many players. With fill steps it is
// a full match at first.
func (t *Teams) Need(waited time.Duration) (teams, players int) {
	if len(t.Fill) == 0 {
		return t.AtLeast, t.Min
	}
	teams, players = t.Count, t.Max
	for _, step := range t.Fill {
		if waited < step.After {
			break
		}
		teams, players = step.AtLeast, step.Min
	}
	return teams, players
}

// Players is how many a full match has.
func (t *Teams) Players() int { return t.Count * t.Max }
