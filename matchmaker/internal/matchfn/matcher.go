package matchfn

import (
	"cmp"
	"slices"
	"time"

	"tactus/matchmaker/internal/rules"
)

// Function is a match function of the game's own, in place of [Matcher.Propose]:
// pure, groups and a situation in, proposals out. What it proposes has to pass
// [Check].
type Function func(groups []*Group, s Situation) []MatchProposal

// Matcher proposes the matches of one queue.
type Matcher struct {
	rules *rules.Queue
}

// NewMatcher makes the matcher of a queue.
func NewMatcher(q *rules.Queue) *Matcher { return &Matcher{rules: q} }

// Propose proposes matches among the groups.
func (m *Matcher) Propose(groups []*Group, s Situation) []MatchProposal {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(groups[b].Priority, groups[a].Priority), groups[a].Created.Compare(groups[b].Created))
	})
	taken := make([]bool, len(groups))
	left := make([]int, len(s.Places))
	for i, p := range s.Places {
		left[i] = p.Matches
	}
	var proposals []MatchProposal
	for at, anchor := range order {
		for i, place := range s.Places {
			if taken[anchor] || left[i] <= 0 {
				continue
			}
			if teams := m.match(groups, s.Now, order[at:], taken, place); teams != nil {
				left[i]--
				for _, t := range teams {
					for _, g := range t {
						taken[g] = true
					}
				}
				proposals = append(proposals, MatchProposal{Region: place.Region, Version: place.Version, Teams: teams, Quality: 1})
			}
		}
	}
	return proposals
}

// match takes the first of the order and whoever of the others fits.
func (m *Matcher) match(groups []*Group, now time.Time, order []int, taken []bool, place Place) [][]int {
	t := m.rules.Teams
	teams := make([][]int, 0, t.Count)
	sizes := make([]int, t.Count)
	var set []*Group
	for _, i := range order {
		g := groups[i]
		if taken[i] || !m.legal(append(set, g), now, place) {
			if len(set) == 0 {
				return nil
			}
			continue
		}
		team := len(teams)
		if team == t.Count {
			team = slices.Index(sizes, slices.Min(sizes))
			if sizes[team]+len(g.Players) > t.Max {
				continue
			}
		} else {
			teams = append(teams, nil)
		}
		teams[team] = append(teams[team], i)
		sizes[team] += len(g.Players)
		set = append(set, g)
	}
	wantTeams, wantPlayers := t.Need(now.Sub(oldest(set)))
	if len(teams) < wantTeams || slices.Min(sizes[:len(teams)]) < wantPlayers {
		return nil
	}
	return teams
}

func oldest(set []*Group) time.Time {
	t := set[0].Created
	for _, g := range set {
		if g.Created.Before(t) {
			t = g.Created
		}
	}
	return t
}

func mean(g *Group) float64 {
	sum := 0.0
	for _, p := range g.Players {
		sum += p.Skill
	}
	return sum / float64(len(g.Players))
}

// legal says whether the groups may be in one match at the place.
func (m *Matcher) legal(set []*Group, now time.Time, place Place) bool {
	q := m.rules
	low, high := mean(set[0]), mean(set[0])
	version := place.Version
	for _, g := range set {
		low, high = min(low, mean(g)), max(high, mean(g))
		if version == "" {
			version = g.Version
		}
		if g.Version != "" && g.Version != version || len(g.Players) > q.Party.Max {
			return false
		}
	}
	for _, g := range set {
		waited := now.Sub(g.Created)
		if q.Skill != nil && high-low > q.Skill.At(waited) {
			return false
		}
		if q.Latency != nil {
			measured, ok := g.Latency[place.Region]
			if !ok || measured > q.Latency.At(waited) {
				return false
			}
		}
	}
	for i := range q.Attributes {
		if !fit(&q.Attributes[i], set, now) {
			return false
		}
	}
	return true
}

func fit(a *rules.Attribute, set []*Group, now time.Time) bool {
	cares := false
	var common []string
	first := true
	for _, g := range set {
		values := g.Attributes[a.Name]
		if len(values) == 0 {
			if !a.Optional {
				return false
			}
			continue
		}
		cares = cares || a.Cares(now.Sub(g.Created))
		switch {
		case first:
			common = slices.Clone(values)
			first = false
		case a.Rule == rules.RuleOverlap:
			common = slices.DeleteFunc(common, func(v string) bool { return !slices.Contains(values, v) })
		default:
			for _, v := range append(slices.Clone(common), values...) {
				if !slices.Contains(common, v) || !slices.Contains(values, v) {
					common = nil
				}
			}
		}
	}
	return first || !cares || len(common) > 0
}
