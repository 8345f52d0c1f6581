package matchfn

import (
	"math"
	"slices"
	"time"

	"tactus/matchmaker/internal/rules"
)

// compiledRules are a queue's rules and what follows from them. They never change.
type compiledRules struct {
	*rules.Queue
	relaxations []time.Duration // waits at which a rule changes, in order
	distances   []float64       // of skill that groups can accept, the least first.
	bySkill     bool            // pools are in order of skill, else of waiting.
	maxPlayers  int             // of a full match
	minPlayers  int             // of the smallest match
	minGroups   int             // of the smallest match
}

func compileRules(q *rules.Queue) *compiledRules {
	r := &compiledRules{
		Queue: q, relaxations: relaxations(q), distances: distances(q),
		bySkill:    q.Skill != nil || q.Balance != nil && q.Teams.Max == 1,
		maxPlayers: q.Teams.Players(), minPlayers: q.Teams.AtLeast * q.Teams.Min,
	}
	r.minGroups = max(r.minPlayers/q.Party.Max, 1)
	return r
}

// relaxations lists the waits at which a rule changes.
func relaxations(q *rules.Queue) []time.Duration {
	var steps []time.Duration
	if q.Skill != nil {
		for _, s := range q.Skill.Relax {
			steps = append(steps, s.After)
		}
	}
	if q.Latency != nil {
		for _, s := range q.Latency.Relax {
			steps = append(steps, s.After)
		}
	}
	if q.Balance != nil {
		for _, s := range q.Balance.Relax {
			steps = append(steps, s.After)
		}
	}
	for _, s := range q.Teams.Fill {
		steps = append(steps, s.After)
	}
	for _, a := range q.Attributes {
		if a.DropAfter > 0 {
			steps = append(steps, a.DropAfter)
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps)
}

// distances lists the distances of skill that groups can accept. The least that
// the groups of a match accept is one of them.
func distances(q *rules.Queue) []float64 {
	var list []float64
	if q.Skill != nil {
		list = append(list, q.Skill.Distance)
		for _, s := range q.Skill.Relax {
			list = append(list, s.Distance)
		}
	}
	if q.Balance != nil && q.Teams.Max == 1 {
		list = append(list, q.Balance.Difference)
		for _, s := range q.Balance.Relax {
			list = append(list, s.Difference)
		}
	}
	if len(list) == 0 {
		return []float64{math.Inf(1)}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tolerance is what a group accepts after a wait: the level of the distance of
// skill, and the difference of the teams.
func (r *compiledRules) tolerance(waited time.Duration) (level uint8, balance float64) {
	distance := math.Inf(1)
	balance = math.Inf(1)
	if r.Skill != nil {
		distance = r.Skill.At(waited)
	}
	if r.Balance != nil {
		balance = r.Balance.At(waited)
		if r.Teams.Max == 1 {
			distance = min(distance, balance) // teams of one differ as their players do
		}
	}
	return uint8(slices.Index(r.distances, distance)), balance
}
