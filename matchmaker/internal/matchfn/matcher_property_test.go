package matchfn

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

var midnight = time.Unix(1_700_000_000, 0)

// anyQueue draws rules, small enough that few groups make a match.
func anyQueue(t *rapid.T) *rules.Queue {
	seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
	q := &rules.Queue{Name: "any", Game: "arena", Mode: "ffa", Backfill: rapid.Bool().Draw(t, "backfill")}
	q.Teams.Count = rapid.IntRange(1, 3).Draw(t, "teams")
	q.Teams.Max = rapid.IntRange(1, 3).Draw(t, "players")
	q.Teams.AtLeast = rapid.IntRange(1, q.Teams.Count).Draw(t, "at least")
	q.Teams.Min = rapid.IntRange(1, q.Teams.Max).Draw(t, "min")
	q.Party.Max = rapid.IntRange(1, q.Teams.Max).Draw(t, "party")
	if q.Teams.AtLeast*q.Teams.Min < q.Teams.Players() && rapid.Bool().Draw(t, "fill") {
		q.Teams.Fill = []rules.Fill{{After: seconds(5)}}
	}
	if rapid.Bool().Draw(t, "skill") {
		q.Skill = &rules.Skill{Distance: 40}
		if rapid.Bool().Draw(t, "relax skill") {
			q.Skill.Relax = []rules.DistanceStep{{After: seconds(4), Distance: 100}, {After: seconds(8), Distance: 180}}
		}
	}
	if rapid.Bool().Draw(t, "latency") {
		q.Latency = &rules.Latency{Max: 50 * time.Millisecond, Relax: []rules.LatencyStep{{After: seconds(6), Max: 100 * time.Millisecond}}}
	}
	if rapid.Bool().Draw(t, "language") {
		q.Attributes = append(q.Attributes, rules.Attribute{
			Name: "language", Rule: rules.RuleOverlap, Optional: rapid.Bool().Draw(t, "optional language"),
			DropAfter: seconds(rapid.SampledFrom([]int{0, 7}).Draw(t, "drop language")),
		})
	}
	if rapid.Bool().Draw(t, "input") {
		q.Attributes = append(q.Attributes, rules.Attribute{
			Name: "input", Rule: rules.RuleEqual, Optional: rapid.Bool().Draw(t, "optional input"),
			DropAfter: seconds(rapid.SampledFrom([]int{0, 9}).Draw(t, "drop input")),
		})
	}
	if q.Teams.Count > 1 && rapid.Bool().Draw(t, "balance") {
		q.Balance = &rules.Balance{Difference: 25, Relax: []rules.DifferenceStep{{After: seconds(5), Difference: 90}}}
	}
	if err := q.Complete(); err != nil {
		t.Fatal(err)
	}
	return q
}

func anyGroup(t *rapid.T, q *rules.Queue, id string, now time.Time) *matchfunc.Group {
	values := func(name string, from []string) []string {
		least := rapid.SampledFrom([]int{0, 1, 1, 1}).Draw(t, name+" said")
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, 2, rapid.ID[string]).Draw(t, name)
	}
	g := &matchfunc.Group{
		ID:       id,
		Created:  now.Add(-time.Duration(rapid.IntRange(0, 12).Draw(t, "waited")) * time.Second),
		Priority: rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "priority"),
		Version:  rapid.SampledFrom([]string{"", "", "1", "2"}).Draw(t, "version"),
		Attributes: map[string][]string{
			"language": values("language", []string{"en", "de", "fr"}), "input": values("input", []string{"pad", "mouse"}),
		},
		Latency: map[string]time.Duration{},
	}
	for n := range rapid.SampledFrom([]int{1, 1, 1, 2, 3, 4}).Draw(t, "party of") {
		g.Players = append(g.Players, matchfunc.Player{ID: fmt.Sprint(id, n), Skill: float64(rapid.IntRange(0, 20).Draw(t, "skill")) * 10})
	}
	for _, region := range []string{"eu", "us"} {
		if ms := rapid.SampledFrom([]int{30, 80, 200, 0}).Draw(t, region); ms > 0 {
			g.Latency[region] = time.Duration(ms) * time.Millisecond
		}
	}
	return g
}

func anyState(t *rapid.T, q *rules.Queue, now time.Time) matchfunc.State {
	s := matchfunc.State{Now: now}
	region, version := rapid.SampledFrom([]string{"eu", "us"}), rapid.SampledFrom([]string{"1", "1", "2", ""})
	for range rapid.SampledFrom([]int{1, 2, 3, 0}).Draw(t, "places") {
		s.Capacities = append(s.Capacities, matchfunc.Capacity{Region: region.Draw(t, "region"), Version: version.Draw(t, "runs"), Matches: rapid.SampledFrom([]int{9, 1, 2, 0}).Draw(t, "matches")})
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "gaps") {
		gap := matchfunc.Backfill{Match: fmt.Sprint("m", n), Region: region.Draw(t, "gap region"), Version: version.Draw(t, "gap version")}
		for range q.Teams.Count {
			people := rapid.IntRange(0, q.Teams.Max).Draw(t, "people")
			gap.Teams = append(gap.Teams, matchfunc.BackfillTeam{Players: people, Seats: q.Teams.Max, Skill: float64(rapid.IntRange(0, 20).Draw(t, "gap skill")) * 10})
		}
		if rapid.Bool().Draw(t, "gap attributes") {
			gap.Attributes = map[string][]string{"language": rapid.SampledFrom([][]string{{"en"}, {}}).Draw(t, "gap language"), "input": {"pad"}}
		}
		s.Backfills = append(s.Backfills, gap)
	}
	return s
}

func anyGroups(t *rapid.T, q *rules.Queue, most int) []*matchfunc.Group {
	groups := make([]*matchfunc.Group, rapid.IntRange(0, most).Draw(t, "groups"))
	for i := range groups {
		groups[i] = anyGroup(t, q, fmt.Sprint("g", i), midnight)
	}
	return groups
}

func mustBeLegal(t *rapid.T, q *rules.Queue, groups []*matchfunc.Group, s matchfunc.State, proposals []matchfunc.Proposal) {
	if err := Check(q, groups, s, proposals); err != nil {
		t.Fatalf("%v\nproposals %+v", err, proposals)
	}
	for _, p := range proposals {
		if why := broken(q, groups, s, p); why != "" {
			t.Fatalf("%s\nproposal %+v", why, p)
		}
		if p.Match != "" && !q.Backfill {
			t.Fatalf("the queue does not backfill: %+v", p)
		}
	}
}

// Proposals break no rule, have each group once, and exceed no backfill or capacity.
func TestMatcher_proposalsAreLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQueue(t)
		groups, s := anyGroups(t, q, 30), anyState(t, q, midnight)
		mustBeLegal(t, q, groups, s, NewMatcher(q).Propose(groups, s))
	})
}

// The same groups and state give the same proposals, also from a matcher that has
// seen the groups before, among others.
func TestMatcher_isDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQueue(t)
		groups, s := anyGroups(t, q, 30), anyState(t, q, midnight)
		first := fmt.Sprint(NewMatcher(q).Propose(groups, s))
		seasoned := NewMatcher(q)
		earlier := s
		earlier.Now = s.Now.Add(-3 * time.Second)
		seasoned.Propose(groups[:len(groups)/2], earlier)
		if again := fmt.Sprint(seasoned.Propose(groups, s)); again != first {
			t.Fatalf("first %s\nthen  %s", first, again)
		}
	})
}

// The first group in order for which a legal match exists is in a proposal. The
// bound that [Matcher.Propose] names follows from this.
func TestMatcher_matchesFirstInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQueue(t)
		q.Backfill = false
		groups, s := anyGroups(t, q, 6), anyState(t, q, midnight)
		order := make([]int, len(groups))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			if groups[a].Priority != groups[b].Priority {
				return groups[b].Priority - groups[a].Priority
			}
			return groups[a].Created.Compare(groups[b].Created)
		})
		proposals := NewMatcher(q).Propose(groups, s)
		for _, i := range order {
			if Admit(q, groups[i]) != nil || !couldMatch(q, admitted(q, groups), s, slices.Index(admitted(q, groups), groups[i])) {
				continue
			}
			for _, p := range proposals {
				if slices.Contains(slices.Concat(p.Teams...), i) {
					return
				}
			}
			t.Fatalf("%+v could be matched, and nobody before it; proposals %+v", groups[i], proposals)
		}
		if len(proposals) > 0 {
			t.Fatalf("nobody could be matched; proposals %+v", proposals)
		}
	})
}

func admitted(q *rules.Queue, groups []*matchfunc.Group) []*matchfunc.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g *matchfunc.Group) bool { return Admit(q, g) != nil })
}
