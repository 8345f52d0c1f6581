package matchfn

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tactus/matchmaker/matchfunc"
)

// ahead reports whether a comes before b in the order in which groups search.
func ahead(a, b *matchfunc.Group) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	return a.Created.Before(b.Created)
}

// No group starves over many cycles, with little room and new groups in each. A
// group that could be matched at the beginning of a cycle is matched in it, or a
// group before it is. So it is passed over at most as often as groups are before it.
func TestMatcher_noGroupStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQueue(t)
		q.Backfill = false
		m := NewMatcher(q)
		var waiting []*matchfunc.Group
		passed, before := make(map[*matchfunc.Group]int), make(map[*matchfunc.Group]int)
		now, made := midnight, 0
		for range rapid.IntRange(1, 8).Draw(t, "cycles") {
			now = now.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second)
			for range rapid.IntRange(0, 3).Draw(t, "arrivals") {
				g := anyGroup(t, q, fmt.Sprint("g", made), now)
				g.Created = now.Add(time.Duration(made) * time.Microsecond) // no two at once: their order is known
				made++
				if Admit(q, g) != nil || len(waiting) == 6 {
					continue
				}
				for _, other := range waiting {
					if ahead(other, g) {
						before[g]++
					} else {
						before[other]++
					}
				}
				waiting = append(waiting, g)
			}
			s := matchfunc.State{Now: now, Capacities: []matchfunc.Capacity{{
				Region: rapid.SampledFrom([]string{"eu", "us"}).Draw(t, "region"), Matches: rapid.IntRange(0, 1).Draw(t, "matches"),
			}}}
			proposals := m.Propose(waiting, s)
			mustBeLegal(t, q, waiting, s, proposals)
			var matched []*matchfunc.Group
			for _, p := range proposals {
				for _, i := range slices.Concat(p.Teams...) {
					matched = append(matched, waiting[i])
				}
			}
			for i, g := range waiting {
				if slices.Contains(matched, g) || !couldMatch(q, waiting, s, i) {
					continue
				}
				passed[g]++
				if !slices.ContainsFunc(matched, func(o *matchfunc.Group) bool { return ahead(o, g) }) {
					t.Fatalf("%+v could be matched, and nobody before it was; proposals %+v", g, proposals)
				}
				if passed[g] > before[g] {
					t.Fatalf("passed over %d times, and %d were before it", passed[g], before[g])
				}
			}
			waiting = slices.DeleteFunc(waiting, func(g *matchfunc.Group) bool { return slices.Contains(matched, g) })
		}
	})
}

// A group with narrow rules is matched as soon as they have relaxed far enough, also
// while other groups keep coming.
func TestMatcher_relaxesOnTime(t *testing.T) {
	q := parse(t, "skill: {distance: 10, relax: [{after: 5s, distance: 100}]}")
	m := NewMatcher(q)
	loner := lone(0, 1000)
	other := lone(0, 1100)
	for second := range 7 {
		s := matchfunc.State{Now: midnight.Add(time.Duration(second) * time.Second), Capacities: anywhere}
		fresh := []*matchfunc.Group{lone(-second, 0), lone(-second, 5), loner, other}
		got := describeMatches(m.Propose(fresh, s))
		want := "eu [[0] [1]]"
		if second >= 5 {
			want = "eu [[2] [3]]; eu [[0] [1]]"
		}
		if got != want {
			t.Errorf("second %d: %s, want %s", second, got, want)
		}
	}
}

// Many parties of one size do not hide the sizes that a match lacks.
func TestMatcher_findsRareSizesBehindFrequentOnes(t *testing.T) {
	for _, balance := range []string{"", ", balance: {difference: 300}"} {
		q := parse(t, "teams: {max: 5}, skill: {distance: 1000}"+balance)
		var groups []*matchfunc.Group
		for i := range 400 {
			groups = append(groups, lone(20, float64(300+i), with(2)))
		}
		groups = append(groups, lone(9, 0), lone(8, 1000), lone(7, 10), lone(6, 990))
		proposals := NewMatcher(q).Propose(groups, matchfunc.State{Now: midnight, Capacities: anywhere})
		if len(proposals) != 1 {
			t.Errorf("%q: got %s", balance, describeMatches(proposals))
		}
	}
}

// Groups take turns at the exhaustive search when one cycle has no time for all.
func TestExhaustiveSearch_takesTurns(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	q := parse(t, "teams: {max: 3}, balance: {difference: 1}, attributes: [{name: map, rule: equal}]")
	var groups []*matchfunc.Group
	for i := range 1200 { // nine and nine that are never even, over and over
		groups = append(groups, lone(20, float64(int(100)<<(i%9)), says("map", fmt.Sprint(i/9))))
	}
	for i, skill := range []float64{100, 0, 0, 0, 0, 0, 100} { // even without one of the noughts
		groups = append(groups, lone(10-i, skill, says("map", "late")))
	}
	m := NewMatcher(q)
	s := matchfunc.State{Now: midnight, Capacities: anywhere}
	for cycle := range 200 {
		s.Now = midnight.Add(time.Duration(cycle) * 20 * time.Millisecond)
		if proposals := m.Propose(groups, s); len(proposals) > 0 {
			if got := len(slices.Concat(proposals[0].Teams...)); got != 6 || !slices.Contains(slices.Concat(proposals[0].Teams...), 1200) {
				t.Fatalf("got %+v", proposals)
			}
			if cycle == 0 {
				t.Fatal("the search fitted one cycle: this shows nothing")
			}
			return
		}
	}
	t.Fatal("those behind are never searched for")
}

// A group that fits more cells than it may be in comes to all of them, over time.
func TestMatcher_openGroupsTakeTurns(t *testing.T) {
	q := parse(t, "skill: {distance: 10}, attributes: [{name: language, rule: overlap, optional: true}]")
	groups := []*matchfunc.Group{lone(0, 0), lone(0, 0, says("language", "l299"))}
	for i := range 299 {
		groups = append(groups, lone(0, 1000, says("language", fmt.Sprint("l", i))))
	}
	m := NewMatcher(q)
	for second := range 300/maxCells + 2 {
		if got := describeMatches(m.Propose(groups, matchfunc.State{Now: midnight.Add(time.Duration(second) * time.Second), Capacities: anywhere})); got != "" {
			if got != "eu [[0] [1]]" {
				t.Fatalf("got %s", got)
			}
			return
		}
	}
	t.Fatal("not matched after all turns")
}

// A matcher forgets groups that are gone, and values that groups made up.
func TestMatcher_memoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	q := parse(t, "attributes: [{name: language, rule: overlap}]")
	m := NewMatcher(q)
	s := matchfunc.State{Now: midnight, Capacities: anywhere}
	n := 0
	for range 3 * maxKnown / 20_000 {
		groups := make([]*matchfunc.Group, 20_000)
		for i := range groups {
			groups[i] = lone(0, 0, says("language", fmt.Sprint(n)))
			n++
		}
		m.Propose(groups, s)
		if most := max(maxKnown, 8*20_000) + 20_000; len(m.groups.groups) > 40_000 || m.attributes.size() > most {
			t.Fatalf("%d groups, %d values, sets, requirements or cells", len(m.groups.groups), m.attributes.size())
		}
	}
	last := []*matchfunc.Group{lone(0, 0, says("language", "a")), lone(0, 0, says("language", "a"))}
	if got := describeMatches(m.Propose(last, s)); got != "eu [[0] [1]]" || len(m.groups.slotOf) != 2 {
		t.Errorf("got %s, %d groups known", got, len(m.groups.slotOf))
	}
}

// A cycle costs little for each group and allocates little but its proposals.
// The test counts both; the benchmark measures the time.
func TestMatcher_cycleCostsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	const groups = 20_000
	most := map[string]int{ // groups looked at and steps of searches, for each group that waits
		"duel": 3, "5v5 with parties in 5 regions": 16, "balanced 5v5 with parties in 5 regions": 16, "free for all with fill": 3,
		"few match: narrow skill, sparse attributes": 14, "few match: duels hardly anybody is near enough for": 2,
		"none match: parties that fill no team": 0,
	}
	for _, c := range crowds {
		t.Run(c.name, func(t *testing.T) {
			list, s := c.draw(groups, 1)
			m := NewMatcher(c.queue(t))
			proposals := m.Propose(list, s)
			if m.search.work > most[c.name]*groups {
				t.Errorf("%.1f steps for each group, %d expected", float64(m.search.work)/groups, most[c.name])
			}
			allocations := testing.AllocsPerRun(3, func() { m.Propose(list, s) })
			if allowed := 20 + float64(len(proposals))/100; allocations > allowed {
				t.Errorf("%.0f allocations for %d proposals, %.0f expected", allocations, len(proposals), allowed)
			}
		})
	}
}
