package matchfn

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// This file implements the rules a second time, by their definition and without the
// search for matches. The property tests judge proposals by it.

// broken returns the rule that a proposal breaks; empty: none.
func broken(q *rules.Queue, groups []*matchfunc.Group, s matchfunc.State, p matchfunc.Proposal) string {
	var members []*matchfunc.Group
	var sizes []int
	var sums []float64
	for _, team := range p.Teams {
		size, sum := 0, 0.0
		for _, i := range team {
			g := groups[i]
			members = append(members, g)
			size += len(g.Players)
			for _, player := range g.Players {
				sum += player.Skill
			}
		}
		sizes, sums = append(sizes, size), append(sums, sum)
	}
	waits := make([]time.Duration, len(members))
	longest := time.Duration(0)
	for i, g := range members {
		waits[i] = max(s.Now.Sub(g.Created), 0)
		longest = max(longest, waits[i])
	}
	var gap *matchfunc.Backfill
	if p.Match != "" {
		at := slices.IndexFunc(s.Backfills, func(g matchfunc.Backfill) bool { return g.Match == p.Match })
		if at < 0 {
			return "no such gap"
		}
		gap = &s.Backfills[at]
	}
	if gap == nil {
		if why := brokenSizes(q, sizes, longest); why != "" {
			return why
		}
	}
	for _, why := range []string{
		brokenSkill(q, members, waits, gap), brokenLatency(q, members, waits, p.Region),
		brokenVersion(members, p.Version), brokenAttributes(q, members, waits, gap), brokenBalance(q, members, waits, sizes, sums, gap),
	} {
		if why != "" {
			return why
		}
	}
	return ""
}

func brokenSizes(q *rules.Queue, sizes []int, longest time.Duration) string {
	teams, players := q.Teams.AtLeast, q.Teams.Min
	if len(q.Teams.Fill) > 0 {
		teams, players = q.Teams.Count, q.Teams.Max
		for _, f := range q.Teams.Fill {
			if longest >= f.After {
				teams, players = f.AtLeast, f.Min
			}
		}
	}
	if len(sizes) < teams || len(sizes) > q.Teams.Count {
		return fmt.Sprintf("%d teams", len(sizes))
	}
	for _, n := range sizes {
		if n < players || n > q.Teams.Max {
			return fmt.Sprintf("a team of %d", n)
		}
	}
	return ""
}

func average(g *matchfunc.Group) float64 {
	sum := 0.0
	for _, p := range g.Players {
		sum += p.Skill
	}
	return sum / float64(len(g.Players))
}

func brokenSkill(q *rules.Queue, members []*matchfunc.Group, waits []time.Duration, gap *matchfunc.Backfill) string {
	if q.Skill == nil {
		return ""
	}
	var all []float64
	for _, g := range members {
		all = append(all, average(g))
	}
	if gap != nil {
		people, sum := 0, 0.0
		for _, t := range gap.Teams {
			people += t.Players
			sum += float64(t.Players) * t.Skill
		}
		if people > 0 {
			all = append(all, sum/float64(people))
		}
	}
	spread := slices.Max(all) - slices.Min(all)
	for _, w := range waits {
		accepted := q.Skill.Distance
		for _, step := range q.Skill.Relax {
			if w >= step.After {
				accepted = step.Distance
			}
		}
		if spread > accepted+1e-9 {
			return fmt.Sprintf("skill spread %v, %v accepted", spread, accepted)
		}
	}
	return ""
}

func brokenLatency(q *rules.Queue, members []*matchfunc.Group, waits []time.Duration, region string) string {
	if q.Latency == nil {
		return ""
	}
	for i, g := range members {
		accepted := q.Latency.Max
		for _, step := range q.Latency.Relax {
			if waits[i] >= step.After {
				accepted = step.Max
			}
		}
		if measured, ok := g.Latency[region]; !ok || measured > accepted {
			return fmt.Sprintf("latency %s to %q, %s accepted", measured, region, accepted)
		}
	}
	return ""
}

func brokenVersion(members []*matchfunc.Group, capacity string) string {
	named := make(map[string]bool)
	if capacity != "" {
		named[capacity] = true
	}
	for _, g := range members {
		if g.Version != "" {
			named[g.Version] = true
		}
	}
	if len(named) > 1 {
		return fmt.Sprintf("versions %v", named)
	}
	return ""
}

func brokenAttributes(q *rules.Queue, members []*matchfunc.Group, waits []time.Duration, gap *matchfunc.Backfill) string {
	for _, a := range q.Attributes {
		var lists [][]string
		cares := false
		for i, g := range members {
			values := g.Attributes[a.Name]
			if len(values) == 0 {
				if !a.Optional {
					return a.Name + " is missing"
				}
				continue
			}
			lists = append(lists, values)
			cares = cares || a.DropAfter == 0 || waits[i] < a.DropAfter
		}
		if gap != nil {
			if values, known := gap.Attributes[a.Name]; known {
				lists = append(lists, values)
			}
		}
		if cares && !agree(a.Rule, lists) {
			return fmt.Sprintf("%s: %v", a.Name, lists)
		}
	}
	return ""
}

func agree(rule string, lists [][]string) bool {
	for _, v := range lists[0] {
		inAll := !slices.ContainsFunc(lists, func(values []string) bool { return !slices.Contains(values, v) })
		if inAll && rule == rules.RuleOverlap {
			return true
		}
		if !inAll && rule == rules.RuleEqual {
			return false
		}
	}
	if rule == rules.RuleOverlap {
		return false
	}
	return !slices.ContainsFunc(lists, func(values []string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(lists[0], v) })
	})
}

func brokenBalance(q *rules.Queue, members []*matchfunc.Group, waits []time.Duration, sizes []int, sums []float64, gap *matchfunc.Backfill) string {
	if q.Balance == nil {
		return ""
	}
	before := math.Inf(-1)
	if gap != nil {
		before = 0
		var means []float64
		for n, t := range gap.Teams {
			if t.Players > 0 {
				means = append(means, t.Skill)
			}
			sizes[n] += t.Players
			sums[n] += t.Skill * float64(t.Players)
		}
		if len(means) > 0 {
			before = slices.Max(means) - slices.Min(means)
		}
	}
	var means []float64
	for n := range sizes {
		if sizes[n] > 0 {
			means = append(means, sums[n]/float64(sizes[n]))
		}
	}
	uneven := slices.Max(means) - slices.Min(means)
	for i := range members {
		accepted := q.Balance.Difference
		for _, step := range q.Balance.Relax {
			if waits[i] >= step.After {
				accepted = step.Difference
			}
		}
		if uneven > max(accepted, before)+1e-9 {
			return fmt.Sprintf("teams differ by %v, %v accepted", uneven, accepted)
		}
	}
	return ""
}

// couldMatch reports whether a legal new match with group i exists. It tries all sets
// of groups and all their teams, so it is for a few groups only.
func couldMatch(q *rules.Queue, groups []*matchfunc.Group, s matchfunc.State, i int) bool {
	teams := make([][]int, 0, q.Teams.Count)
	var try func(n int) bool
	try = func(n int) bool {
		if n == len(groups) {
			if !slices.ContainsFunc(teams, func(t []int) bool { return slices.Contains(t, i) }) {
				return false
			}
			for _, capacity := range s.Capacities {
				if capacity.Matches > 0 && broken(q, groups, s, matchfunc.Proposal{Region: capacity.Region, Version: capacity.Version, Teams: teams}) == "" {
					return true
				}
			}
			return false
		}
		for t := range teams {
			teams[t] = append(teams[t], n)
			if size(groups, teams[t]) <= q.Teams.Max && try(n+1) {
				return true
			}
			teams[t] = teams[t][:len(teams[t])-1]
		}
		if len(teams) < q.Teams.Count && len(groups[n].Players) <= q.Teams.Max {
			teams = append(teams, []int{n})
			if try(n + 1) {
				return true
			}
			teams = teams[:len(teams)-1]
		}
		return n != i && try(n+1)
	}
	return try(0)
}

func size(groups []*matchfunc.Group, team []int) int {
	n := 0
	for _, i := range team {
		n += len(groups[i].Players)
	}
	return n
}
