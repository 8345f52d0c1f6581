package matchfn

import (
	"fmt"
	"math"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Admit returns why a group can never be matched in the queue, however long it
// waits: its party is too large, it lacks an attribute or latency that the rules
// need, or no region is near enough. It returns nil if others could match it.
func Admit(q *rules.Queue, g *matchfunc.Group) error {
	if n := len(g.Players); n == 0 {
		return fmt.Errorf("the group has no players")
	} else if n > q.Party.Max {
		return fmt.Errorf("a party of %d is too large: queue %s takes up to %d", n, q.Name, q.Party.Max)
	}
	for _, p := range g.Players {
		if math.IsNaN(p.Skill) || math.Abs(p.Skill) > maxSkill {
			return fmt.Errorf("the skill of player %q is %v; it must be a number up to %.0f", p.ID, p.Skill, maxSkill)
		}
	}
	for _, a := range q.Attributes {
		if len(g.Attributes[a.Name]) == 0 && !a.Optional {
			return fmt.Errorf("queue %s needs the attribute %q", q.Name, a.Name)
		}
	}
	if q.Latency == nil {
		return nil
	}
	if len(g.Latency) == 0 {
		return fmt.Errorf("queue %s needs the latency to its regions", q.Name)
	}
	for _, measured := range g.Latency {
		if measured <= q.Latency.Widest() {
			return nil
		}
	}
	return fmt.Errorf("no region is near enough: queue %s allows a round trip of %s at most", q.Name, q.Latency.Widest())
}

// maxSkill keeps sums of ratings exact enough for comparisons.
const maxSkill = 1e9
