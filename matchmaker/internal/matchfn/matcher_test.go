package matchfn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

func parse(t testing.TB, text string) *rules.Queue {
	t.Helper()
	q, err := rules.Parse("test", []byte("{queue: q, game: g, mode: m, "+text+"}"))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// lone is a player who has waited some seconds.
func lone(seconds int, skill float64, changes ...func(*matchfunc.Group)) *matchfunc.Group {
	g := &matchfunc.Group{
		Created: midnight.Add(-time.Duration(seconds) * time.Second), Players: []matchfunc.Player{{Skill: skill}},
		Attributes: map[string][]string{}, Latency: map[string]time.Duration{},
	}
	for _, change := range changes {
		change(g)
	}
	g.ID = fmt.Sprintf("%p", g)
	return g
}

func says(name string, values ...string) func(*matchfunc.Group) {
	return func(g *matchfunc.Group) { g.Attributes[name] = values }
}

func pings(region string, ms int) func(*matchfunc.Group) {
	return func(g *matchfunc.Group) { g.Latency[region] = time.Duration(ms) * time.Millisecond }
}

func plays(version string) func(*matchfunc.Group) {
	return func(g *matchfunc.Group) { g.Version = version }
}

func urgent(g *matchfunc.Group) { g.Priority = 1 }

// with makes it a party of players as good as the first.
func with(more int) func(*matchfunc.Group) {
	return func(g *matchfunc.Group) {
		for range more {
			g.Players = append(g.Players, g.Players[0])
		}
	}
}

var anywhere = []matchfunc.Capacity{{Region: "eu", Matches: 100}}

func describeMatches(proposals []matchfunc.Proposal) string {
	var list []string
	for _, p := range proposals {
		list = append(list, strings.TrimSpace(strings.Join([]string{p.Match, p.Region + p.Version, fmt.Sprint(p.Teams)}, " ")))
	}
	return strings.Join(list, "; ")
}

func TestMatcher_appliesRules(t *testing.T) {
	const relaxed = "skill: {distance: 100, relax: [{after: 10s, distance: 200}]}"
	const latency = "latency: {max: 50ms, relax: [{after: 10s, max: 100ms}]}"
	const language = "attributes: [{name: language, rule: overlap, drop_after: 10s, optional: true}]"
	const input = "attributes: [{name: input, rule: equal}]"
	const fill = "teams: {count: 4, fill: [{after: 10s, at_least: 3}, {after: 20s, at_least: 2}]}"
	const balance = "teams: {max: 2}, balance: {difference: 10, relax: [{after: 10s, difference: 60}]}"
	tests := []struct {
		name       string
		rules      string
		groups     []*matchfunc.Group
		capacities []matchfunc.Capacity
		want       string
	}{
		{"nobody", relaxed, nil, nil, ""},
		{"one alone", relaxed, []*matchfunc.Group{lone(0, 0)}, nil, ""},
		{"skill: near enough", relaxed, []*matchfunc.Group{lone(0, 0), lone(0, 100)}, nil, "eu [[0] [1]]"},
		{"skill: too far", relaxed, []*matchfunc.Group{lone(0, 0), lone(0, 101)}, nil, ""},
		{"skill: one of two has waited", relaxed, []*matchfunc.Group{lone(10, 0), lone(9, 101)}, nil, ""},
		{"skill: both have waited", relaxed, []*matchfunc.Group{lone(10, 0), lone(10, 200)}, nil, "eu [[0] [1]]"},
		{"skill: the nearest", relaxed, []*matchfunc.Group{lone(3, 0), lone(2, 90), lone(1, -40), lone(0, 60)}, nil, "eu [[0] [2]]; eu [[1] [3]]"},
		{"skill: a party counts by its mean", "teams: {max: 2}, " + relaxed, []*matchfunc.Group{
			{Players: []matchfunc.Player{{Skill: 0}, {Skill: 300}}, Created: midnight}, {Players: []matchfunc.Player{{Skill: 240}, {Skill: 240}}, Created: midnight},
		}, nil, "eu [[0] [1]]"},

		{"latency: a region near to both", latency, []*matchfunc.Group{
			lone(0, 0, pings("eu", 20), pings("us", 45)), lone(0, 0, pings("us", 50), pings("eu", 90)),
		}, []matchfunc.Capacity{{Region: "eu", Matches: 1}, {Region: "us", Matches: 1}}, "us [[0] [1]]"},
		{"latency: none near to both", latency, []*matchfunc.Group{lone(0, 0, pings("eu", 20)), lone(0, 0, pings("eu", 51))}, nil, ""},
		{"latency: relaxed", latency, []*matchfunc.Group{lone(0, 0, pings("eu", 20)), lone(10, 0, pings("eu", 51))}, nil, "eu [[1] [0]]"},
		{"latency: not measured", latency, []*matchfunc.Group{lone(0, 0, pings("eu", 20)), lone(0, 0, pings("us", 20))}, nil, ""},
		{"latency: the nearest of two", latency, []*matchfunc.Group{
			lone(0, 0, pings("eu", 45), pings("us", 20)), lone(0, 0, pings("eu", 45), pings("us", 30)),
		}, []matchfunc.Capacity{{Region: "eu", Matches: 1}, {Region: "us", Matches: 1}}, "us [[0] [1]]"},
		{"latency: no rule, still the nearest", relaxed, []*matchfunc.Group{
			lone(0, 0, pings("eu", 450), pings("us", 200)), lone(0, 0, pings("eu", 450), pings("us", 300)),
		}, []matchfunc.Capacity{{Region: "eu", Matches: 1}, {Region: "us", Matches: 1}}, "us [[0] [1]]"},

		{"overlap: one in common", language, []*matchfunc.Group{lone(0, 0, says("language", "en", "de")), lone(0, 0, says("language", "fr", "de"))}, nil, "eu [[0] [1]]"},
		{"overlap: none in common", language, []*matchfunc.Group{lone(0, 0, says("language", "en")), lone(0, 0, says("language", "fr"))}, nil, ""},
		{"overlap: one of two still cares", language, []*matchfunc.Group{lone(9, 0, says("language", "en")), lone(10, 0, says("language", "fr"))}, nil, ""},
		{"overlap: neither cares any more", language, []*matchfunc.Group{lone(10, 0, says("language", "en")), lone(11, 0, says("language", "fr"))}, nil, "eu [[1] [0]]"},
		{"overlap: who does not say fits", language, []*matchfunc.Group{lone(0, 0), lone(0, 0, says("language", "fr"))}, nil, "eu [[0] [1]]"},
		{"overlap: one value has to be everybody's", "teams: {count: 3}, " + language, []*matchfunc.Group{
			lone(0, 0, says("language", "en", "de")), lone(0, 0, says("language", "de", "fr")), lone(0, 0, says("language", "fr", "en")),
		}, nil, ""},
		{"equal: the same set", input, []*matchfunc.Group{lone(0, 0, says("input", "pad", "mouse")), lone(0, 0, says("input", "mouse", "pad", "pad"))}, nil, "eu [[0] [1]]"},
		{"equal: a part is not the same", input, []*matchfunc.Group{lone(0, 0, says("input", "pad", "mouse")), lone(0, 0, says("input", "mouse"))}, nil, ""},
		{"equal: who has to say and does not", input, []*matchfunc.Group{lone(0, 0), lone(0, 0)}, nil, ""},

		{"versions do not mix", "", []*matchfunc.Group{lone(3, 0, plays("1")), lone(2, 0, plays("2")), lone(1, 0, plays("1"))}, nil, "eu [[0] [2]]"},
		{
			"a version only meets its own servers", "",
			[]*matchfunc.Group{lone(3, 0, plays("1")), lone(2, 0, plays("1")), lone(1, 0), lone(0, 0, plays("2"))},
			[]matchfunc.Capacity{{Region: "eu", Version: "2", Matches: 9}},
			"eu2 [[2] [3]]",
		},
		{
			"versions that are not named get no matches", "assignment: {versions: [{version: '2', weight: 1}]}",
			[]*matchfunc.Group{lone(1, 0), lone(0, 0)},
			[]matchfunc.Capacity{{Region: "eu", Version: "1", Matches: 9}, {Region: "eu", Version: "2", Matches: 9}},
			"eu2 [[0] [1]]",
		},

		{"parties stay together", "teams: {max: 3}", []*matchfunc.Group{lone(4, 0, with(1)), lone(3, 0, with(1)), lone(2, 0), lone(1, 0)}, nil, "eu [[0 2] [1 3]]"},
		{"parties that fill no team", "teams: {max: 3}", []*matchfunc.Group{lone(4, 0, with(1)), lone(3, 0, with(1)), lone(2, 0, with(1))}, nil, ""},
		{"a party that is too large", "teams: {max: 3}, party: {max: 2}", []*matchfunc.Group{lone(1, 0, with(2)), lone(0, 0, with(2))}, nil, ""},
		{"past parties that are in the way", "teams: {max: 3}", []*matchfunc.Group{
			lone(9, 0), lone(8, 0, with(1)), lone(7, 0, with(1)), lone(6, 0, with(1)), lone(5, 0, with(1)), lone(4, 0, with(1)), lone(3, 0, with(1)), lone(2, 0),
		}, nil, "eu [[0 1] [2 7]]"},

		{"as many as are there", "teams: {count: 8, at_least: 3}", []*matchfunc.Group{lone(2, 0), lone(1, 0), lone(0, 0), lone(0, 0)}, nil, "eu [[0] [1] [2] [3]]"},
		{"not as many as needed", "teams: {count: 8, at_least: 3}", []*matchfunc.Group{lone(2, 0), lone(1, 0)}, nil, ""},
		{"teams of a size, though not full", "teams: {min: 2, max: 5}", []*matchfunc.Group{lone(4, 0), lone(3, 0), lone(2, 0), lone(1, 0), lone(0, 0, with(1))}, nil, "eu [[0 4] [1 2 3]]"},
		{"fill: a full match at first", fill, []*matchfunc.Group{lone(9, 0), lone(9, 0), lone(9, 0)}, nil, ""},
		{"fill: full is always good", fill, []*matchfunc.Group{lone(0, 0), lone(0, 0), lone(0, 0), lone(0, 0)}, nil, "eu [[0] [1] [2] [3]]"},
		{"fill: fewer after a wait", fill, []*matchfunc.Group{lone(10, 0), lone(3, 0), lone(0, 0)}, nil, "eu [[0] [1] [2]]"},
		{"fill: but not fewer still", fill, []*matchfunc.Group{lone(19, 0), lone(19, 0)}, nil, ""},
		{"fill: fewer still after a longer one", fill, []*matchfunc.Group{lone(20, 0), lone(1, 0)}, nil, "eu [[0] [1]]"},
		{"fill: all who are there come too", fill, []*matchfunc.Group{lone(20, 0), lone(20, 0), lone(1, 0)}, nil, "eu [[0] [1] [2]]"},

		{"teams are made even", "teams: {max: 2}", []*matchfunc.Group{lone(4, 0), lone(3, 10), lone(2, 20), lone(1, 30)}, nil, "eu [[0 3] [1 2]]"},
		{"many teams are made even", "teams: {count: 3, max: 2}", []*matchfunc.Group{
			lone(6, 0), lone(5, 10), lone(4, 20), lone(3, 30), lone(2, 40), lone(1, 50),
		}, nil, "eu [[0 5] [1 4] [2 3]]"},
		{"balance: not even enough", balance, []*matchfunc.Group{lone(4, 0), lone(3, 0), lone(2, 0), lone(1, 50)}, nil, ""},
		{"balance: another will do", balance, []*matchfunc.Group{lone(9, 0), lone(8, 0), lone(7, 0), lone(6, 50), lone(5, 50)}, nil, "eu [[0 3] [1 4]]"},
		{"balance: relaxed for one of them only", balance, []*matchfunc.Group{lone(14, 0), lone(13, 0), lone(12, 0), lone(1, 50)}, nil, ""},
		{"balance: relaxed", balance, []*matchfunc.Group{lone(14, 0), lone(13, 0), lone(12, 0), lone(10, 50)}, nil, "eu [[0 1] [2 3]]"},
		{"balance: of single players", "balance: {difference: 10}", []*matchfunc.Group{lone(1, 0), lone(0, 11), lone(0, 20)}, nil, "eu [[1] [2]]"},

		{"who has waited longest comes first", "", []*matchfunc.Group{lone(1, 0), lone(3, 0), lone(2, 0)}, []matchfunc.Capacity{{Region: "eu", Matches: 1}}, "eu [[1] [2]]"},
		{"priority comes before waiting", "", []*matchfunc.Group{lone(9, 0), lone(8, 0), lone(0, 0, urgent)}, nil, "eu [[2] [0]]"},
		{"no more matches than there is room for", "", []*matchfunc.Group{lone(3, 0), lone(2, 0), lone(1, 0), lone(0, 0)}, []matchfunc.Capacity{{Region: "eu", Matches: 1}}, "eu [[0] [1]]"},
		{
			"the next region when the nearest is full", "latency: {max: 90ms}",
			[]*matchfunc.Group{
				lone(3, 0, pings("eu", 10), pings("us", 50)), lone(2, 0, pings("eu", 10), pings("us", 50)),
				lone(1, 0, pings("eu", 10), pings("us", 50)), lone(0, 0, pings("eu", 10), pings("us", 50)),
			},
			[]matchfunc.Capacity{{Region: "us", Matches: 1}, {Region: "eu", Matches: 1}},
			"eu [[0] [1]]; us [[2] [3]]",
		},
		{"a group given twice", "", []*matchfunc.Group{twice, twice}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.rules
			if text == "" {
				text = "rated: false"
			}
			s := matchfunc.State{Now: midnight, Capacities: tt.capacities}
			if s.Capacities == nil {
				s.Capacities = anywhere
			}
			q := parse(t, text)
			proposals := NewMatcher(q).Propose(tt.groups, s)
			if got := describeMatches(proposals); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if err := Check(q, tt.groups, s, proposals); err != nil {
				t.Error(err)
			}
		})
	}
}

var twice = lone(0, 0)

func TestMatcher_fillsBackfills(t *testing.T) {
	two := func(people, seats int, skill float64) matchfunc.Backfill {
		return matchfunc.Backfill{Match: "m", Region: "eu", Version: "1", Teams: []matchfunc.BackfillTeam{{Players: people, Seats: seats, Skill: skill}, {Players: seats, Seats: seats, Skill: skill}}}
	}
	with := func(g matchfunc.Backfill, change func(*matchfunc.Backfill)) []matchfunc.Backfill {
		change(&g)
		return []matchfunc.Backfill{g}
	}
	const teams = "teams: {max: 2}, backfill: true, skill: {distance: 50}"
	tests := []struct {
		name       string
		rules      string
		groups     []*matchfunc.Group
		gaps       []matchfunc.Backfill
		capacities []matchfunc.Capacity
		want       string
	}{
		{"before a new match", teams, []*matchfunc.Group{lone(4, 0), lone(3, 0), lone(2, 0), lone(1, 0)}, []matchfunc.Backfill{two(1, 2, 0)}, anywhere, "m eu1 [[0] []]"},
		{"where no match can be opened", teams, []*matchfunc.Group{lone(0, 0)}, []matchfunc.Backfill{two(1, 2, 0)}, nil, "m eu1 [[0] []]"},
		{"a queue that does not want it", "teams: {max: 2}", []*matchfunc.Group{lone(0, 0)}, []matchfunc.Backfill{two(1, 2, 0)}, nil, ""},
		{"the one who has waited longest", teams, []*matchfunc.Group{lone(1, 0), lone(2, 40)}, []matchfunc.Backfill{two(1, 2, 0)}, nil, "m eu1 [[1] []]"},
		{"too far from the people in it", teams, []*matchfunc.Group{lone(1, 51)}, []matchfunc.Backfill{two(1, 2, 0)}, nil, ""},
		{"each near, too far from each other", teams, []*matchfunc.Group{lone(1, 40), lone(0, -40)}, []matchfunc.Backfill{two(0, 2, 0)}, nil, "m eu1 [[0] []]"},
		{"a party that has no room", teams, []*matchfunc.Group{lone(1, 0, func(g *matchfunc.Group) { g.Players = append(g.Players, g.Players[0]) })}, []matchfunc.Backfill{two(1, 2, 0)}, nil, ""},
		{"another version", teams, []*matchfunc.Group{lone(1, 0, plays("2")), lone(0, 0, plays("1"))}, []matchfunc.Backfill{two(1, 2, 0)}, nil, "m eu1 [[1] []]"},
		{
			"another region", "teams: {max: 2}, backfill: true, latency: {max: 50ms}",
			[]*matchfunc.Group{lone(1, 0, pings("us", 10)), lone(0, 0, pings("eu", 50))},
			[]matchfunc.Backfill{two(1, 2, 0)},
			nil, "m eu1 [[1] []]",
		},
		{
			"what its people have in common", teams + ", attributes: [{name: language, rule: overlap, drop_after: 10s}]",
			[]*matchfunc.Group{lone(2, 0, says("language", "de")), lone(1, 0, says("language", "fr", "en"))},
			with(two(1, 2, 0), func(g *matchfunc.Backfill) { g.Attributes = map[string][]string{"language": {"en"}} }), nil, "m eu1 [[1] []]",
		},
		{
			"those who do not care any more", teams + ", attributes: [{name: language, rule: overlap, drop_after: 10s}]",
			[]*matchfunc.Group{lone(11, 0, says("language", "de"))},
			with(two(1, 2, 0), func(g *matchfunc.Backfill) { g.Attributes = map[string][]string{"language": {"en"}} }), nil, "m eu1 [[0] []]",
		},
		{
			"into the team that becomes even", "teams: {max: 3}, backfill: true, balance: {difference: 10}",
			[]*matchfunc.Group{lone(0, 60)},
			[]matchfunc.Backfill{{Match: "m", Region: "eu", Teams: []matchfunc.BackfillTeam{{Players: 2, Seats: 3, Skill: 30}, {Players: 2, Seats: 3, Skill: 40}}}},
			nil, "m eu [[0] []]",
		},
		{
			"nobody who makes teams uneven", "teams: {max: 2}, backfill: true, balance: {difference: 10}",
			[]*matchfunc.Group{lone(1, 60), lone(0, 0)},
			[]matchfunc.Backfill{two(1, 2, 0)},
			nil, "m eu1 [[1] []]",
		},
		{
			"teams that were uneven may stay so", "teams: {max: 2}, backfill: true, balance: {difference: 10}",
			[]*matchfunc.Group{lone(0, 30)},
			[]matchfunc.Backfill{{Match: "m", Region: "eu", Teams: []matchfunc.BackfillTeam{{Players: 1, Seats: 2, Skill: 0}, {Players: 2, Seats: 2, Skill: 90}}}},
			nil, "m eu [[0] []]",
		},
		{
			"those that lack most come first", teams,
			[]*matchfunc.Group{lone(1, 0), lone(0, 0)},
			[]matchfunc.Backfill{two(1, 2, 0), {Match: "emptier", Region: "eu", Teams: []matchfunc.BackfillTeam{{Players: 1, Seats: 2}, {Players: 1, Seats: 2}}}},
			nil, "emptier eu [[0] [1]]",
		},
		{"a match that all have left", teams, []*matchfunc.Group{lone(1, 900), lone(0, 910)}, []matchfunc.Backfill{{Match: "m", Region: "eu", Teams: []matchfunc.BackfillTeam{{Seats: 2}, {Seats: 2}}}}, nil, "m eu [[0] [1]]"},
		{"full, and told twice", teams, []*matchfunc.Group{lone(1, 0), lone(0, 0)}, []matchfunc.Backfill{two(2, 2, 0), two(1, 2, 0)}, nil, "m eu1 [[0] []]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proposals := NewMatcher(parse(t, tt.rules)).Propose(tt.groups, matchfunc.State{Now: midnight, Backfills: tt.gaps, Capacities: tt.capacities})
			if got := describeMatches(proposals); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Quality is 1 less the mean of the shares that a match uses of what the rules allow.
func TestMatcher_ratesQuality(t *testing.T) {
	const text = "teams: {max: 2}, skill: {distance: 50, relax: [{after: 10s, distance: 100}]}, latency: {max: 100ms}, balance: {difference: 40}, search: {expiry: 20s}"
	four := func(waited int, ping int, skills ...float64) (groups []*matchfunc.Group) {
		for _, skill := range skills {
			groups = append(groups, lone(waited, skill, pings("eu", ping)))
		}
		return groups
	}
	for _, tt := range []struct {
		name   string
		groups []*matchfunc.Group
		want   float64
	}{
		{"perfect", four(0, 0, 5, 5, 5, 5), 1},
		{"half the widest distance", four(0, 0, 0, 50, 0, 50), 1 - .5/4},
		{"half the largest latency", four(0, 50, 5, 5, 5, 5), 1 - .5/4},
		{"half the time to search", four(10, 0, 5, 5, 5, 5), 1 - .5/4},
		{"teams half as uneven as they may be", four(0, 0, 0, 0, 0, 40), 1 - (.4+.5)/4},
	} {
		proposals := NewMatcher(parse(t, text)).Propose(tt.groups, matchfunc.State{Now: midnight, Capacities: anywhere})
		if len(proposals) != 1 || proposals[0].Quality < tt.want-1e-6 || proposals[0].Quality > tt.want+1e-6 {
			t.Errorf("%s: %+v, want %v", tt.name, proposals, tt.want)
		}
	}
}

// A version gets its share of the matches whose clients can play several.
func TestMatcher_sharesMatchesByVersionWeight(t *testing.T) {
	q := parse(t, "assignment: {versions: [{version: '1', weight: 0.9}, {version: '2', weight: 0.1}]}")
	var groups []*matchfunc.Group
	for i := range 4000 {
		g := lone(0, 0)
		g.ID = fmt.Sprint("player-", i)
		groups = append(groups, g)
	}
	capacities := []matchfunc.Capacity{{Region: "eu", Version: "1", Matches: 9000}, {Region: "us", Version: "1", Matches: 9000}, {Region: "eu", Version: "2", Matches: 9000}}
	share := map[string]int{}
	for _, p := range NewMatcher(q).Propose(groups, matchfunc.State{Now: midnight, Capacities: capacities}) {
		share[p.Version]++
	}
	if share["1"]+share["2"] != 2000 || share["2"] < 150 || share["2"] > 250 {
		t.Errorf("got %v, want about 1800 and 200", share)
	}
}

func TestAdmit_findsGroupsThatNeverMatch(t *testing.T) {
	q := parse(t, "teams: {max: 2}, latency: {max: 50ms, relax: [{after: 10s, max: 80ms}]}, attributes: [{name: input, rule: equal}, {name: language, rule: overlap, optional: true}]")
	fine := []func(*matchfunc.Group){says("input", "pad"), pings("eu", 80)}
	for _, tt := range []struct {
		name  string
		group *matchfunc.Group
		want  string
	}{
		{"fine", lone(0, 0, fine...), ""},
		{"a party", lone(0, 0, append(fine, with(1))...), ""},
		{"nobody", lone(0, 0, append(fine, func(g *matchfunc.Group) { g.Players = nil })...), "no players"},
		{"too many", lone(0, 0, append(fine, with(2))...), "a party of 3 is too large: queue q takes up to 2"},
		{"says nothing", lone(0, 0, pings("eu", 80)), `needs the attribute "input"`},
		{"measured nothing", lone(0, 0, says("input", "pad")), "needs the latency"},
		{"far from everywhere", lone(0, 0, says("input", "pad"), pings("eu", 81)), "round trip of 80ms at most"},
		{"a skill that is none", lone(0, 1e300, fine...), "it must be a number up to"},
	} {
		err := Admit(q, tt.group)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestCheck_findsImpossibleProposals(t *testing.T) {
	q := parse(t, "teams: {count: 2, min: 1, max: 2}, backfill: true")
	groups := []*matchfunc.Group{lone(0, 0), lone(0, 0), lone(0, 0, with(1)), lone(0, 0, plays("2")), lone(0, 0)}
	s := matchfunc.State{
		Capacities: []matchfunc.Capacity{{Region: "eu", Version: "1", Matches: 1}},
		Backfills:  []matchfunc.Backfill{{Match: "m", Region: "eu", Version: "1", Teams: []matchfunc.BackfillTeam{{Players: 1, Seats: 2}, {Players: 2, Seats: 2}}}},
	}
	fresh := func(teams ...[]int) matchfunc.Proposal {
		return matchfunc.Proposal{Region: "eu", Version: "1", Teams: teams}
	}
	gap := func(teams ...[]int) matchfunc.Proposal {
		return matchfunc.Proposal{Match: "m", Region: "eu", Version: "1", Teams: teams}
	}
	for _, tt := range []struct {
		name      string
		proposals []matchfunc.Proposal
		want      string
	}{
		{"all is well", []matchfunc.Proposal{fresh([]int{0, 1}, []int{2}), gap([]int{4}, nil)}, ""},
		{"a group that is not there", []matchfunc.Proposal{fresh([]int{0}, []int{5}, []int{-1})}, "no group 5; there are 5"},
		{"a group twice", []matchfunc.Proposal{fresh([]int{0}, []int{1}), gap([]int{0})}, "group 0 is already in proposal 0"},
		{"a party in two teams", []matchfunc.Proposal{fresh([]int{2}, []int{2})}, "group 2 is already in proposal"},
		{"too many in a team", []matchfunc.Proposal{fresh([]int{0, 2}, []int{1})}, "team 0 has 3 players; the queue allows 1 to 2"},
		{"too few teams", []matchfunc.Proposal{fresh([]int{0})}, "1 teams; the queue allows 2 to 2"},
		{"an empty team", []matchfunc.Proposal{fresh([]int{0}, nil)}, "team 1 has 0 players"},
		{"nobody", []matchfunc.Proposal{gap(nil, nil)}, "it has no players"},
		{"a place that is not there", []matchfunc.Proposal{{Region: "us", Version: "1", Teams: [][]int{{0}, {1}}}}, `no capacity in region "us"`},
		{"more matches than there is room for", []matchfunc.Proposal{fresh([]int{0}, []int{1}), fresh([]int{2}, []int{4})}, "no capacity left"},
		{"a version that the match is not of", []matchfunc.Proposal{fresh([]int{0}, []int{3})}, `group 3 has version "2", the match "1"`},
		{"a gap that is not there", []matchfunc.Proposal{{Match: "n", Teams: [][]int{{0}}}}, `match "n" asks for no players`},
		{"a gap filled twice", []matchfunc.Proposal{gap([]int{0}), gap([]int{1})}, "or an earlier proposal fills it"},
		{"more than a gap's seats", []matchfunc.Proposal{gap([]int{0, 1})}, `team 0 of match "m" has 1 free seats, not 2`},
		{"a team that the gap does not have", []matchfunc.Proposal{gap(nil, nil, []int{0})}, "has no team 2; it has 2"},
		{"a gap elsewhere", []matchfunc.Proposal{{Match: "m", Region: "us", Version: "1", Teams: [][]int{{0}}}}, `is in region "eu"`},
		{"a quality that is none", []matchfunc.Proposal{{Region: "eu", Version: "1", Teams: [][]int{{0}, {1}}, Quality: 1.5}}, "quality 1.5"},
	} {
		err := Check(q, groups, s, tt.proposals)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
