package matchfn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// crowd is a queue and the groups that wait in it.
type crowd struct {
	name  string
	rules string
	group func(r *rand.Rand, g *matchfunc.Group) // sets what is special
}

const regionsUsed = 5

func regionName(n int) string { return fmt.Sprint("region-", n) }

// near gives a group a home region, its neighbours further away.
func near(r *rand.Rand, g *matchfunc.Group) {
	home := r.IntN(regionsUsed)
	g.Latency = make(map[string]time.Duration, regionsUsed)
	for n := range regionsUsed {
		apart := min((n-home+regionsUsed)%regionsUsed, (home-n+regionsUsed)%regionsUsed)
		g.Latency[regionName(n)] = time.Duration(15+r.IntN(40)+60*apart) * time.Millisecond
	}
}

func party(r *rand.Rand, g *matchfunc.Group, players int) {
	g.Players = g.Players[:0]
	for n := range players {
		g.Players = append(g.Players, matchfunc.Player{ID: fmt.Sprint(g.ID, "/", n), Skill: r.NormFloat64()*350 + 1500})
	}
}

var crowds = []crowd{
	{
		name:  "duel",
		rules: "{queue: q, game: g, mode: m, skill: {distance: 100, relax: [{after: 10s, distance: 300}]}}",
		group: func(*rand.Rand, *matchfunc.Group) {},
	},
	{
		name: "5v5 with parties in 5 regions",
		rules: `{queue: q, game: g, mode: m, teams: {max: 5}, skill: {distance: 150, relax: [{after: 20s, distance: 400}]},
			latency: {max: 80ms, relax: [{after: 15s, max: 140ms}]}}`,
		group: func(r *rand.Rand, g *matchfunc.Group) {
			near(r, g)
			party(r, g, []int{1, 1, 1, 1, 2, 2, 3, 4, 5}[r.IntN(9)])
		},
	},
	{
		name: "balanced 5v5 with parties in 5 regions",
		rules: `{queue: q, game: g, mode: m, teams: {max: 5}, skill: {distance: 300}, latency: {max: 80ms, relax: [{after: 15s, max: 140ms}]},
			balance: {difference: 60, relax: [{after: 30s, difference: 120}]}}`,
		group: func(r *rand.Rand, g *matchfunc.Group) {
			near(r, g)
			party(r, g, []int{1, 1, 1, 1, 2, 2, 3, 4, 5}[r.IntN(9)])
		},
	},
	{
		name: "free for all with fill",
		rules: `{queue: q, game: g, mode: m, teams: {count: 16, fill: [{after: 10s, at_least: 12}, {after: 25s, at_least: 8}]},
			latency: {max: 80ms}}`,
		group: near,
	},
	{
		name: "few match: narrow skill, sparse attributes",
		rules: `{queue: q, game: g, mode: m, teams: {max: 5}, skill: {distance: 5, relax: [{after: 10s, distance: 10}, {after: 20s, distance: 20}]},
			latency: {max: 80ms, relax: [{after: 15s, max: 140ms}]},
			attributes: [{name: language, rule: overlap}, {name: input, rule: equal}, {name: map, rule: overlap, drop_after: 45s}]}`,
		group: func(r *rand.Rand, g *matchfunc.Group) {
			near(r, g)
			party(r, g, []int{1, 1, 1, 1, 2, 2, 3, 4, 5}[r.IntN(9)])
			g.Attributes = map[string][]string{
				"language": {fmt.Sprint(r.IntN(30)), fmt.Sprint(r.IntN(30))},
				"input":    {[]string{"pad", "mouse", "touch"}[r.IntN(3)]},
				"map":      {fmt.Sprint(r.IntN(40))},
			}
		},
	},
	{
		name: "few match: duels hardly anybody is near enough for",
		rules: `{queue: q, game: g, mode: m, skill: {distance: 0.005, relax: [{after: 10s, distance: 0.01}]},
			latency: {max: 80ms}, attributes: [{name: language, rule: overlap, optional: true}]}`,
		group: func(r *rand.Rand, g *matchfunc.Group) {
			near(r, g)
			if r.IntN(10) > 0 {
				g.Attributes = map[string][]string{"language": {fmt.Sprint(r.IntN(30))}}
			}
		},
	},
	{
		name: "none match: parties that fill no team",
		rules: `{queue: q, game: g, mode: m, teams: {max: 5}, skill: {distance: 200}, latency: {max: 80ms},
			balance: {difference: 60}}`,
		group: func(r *rand.Rand, g *matchfunc.Group) {
			near(r, g)
			party(r, g, 3)
		},
	},
}

func (c *crowd) queue(t testing.TB) *rules.Queue {
	t.Helper()
	q, err := rules.Parse(c.name, []byte(c.rules))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// draw makes n groups that came within the last 40 seconds, the oldest first.
func (c *crowd) draw(n int, seed uint64) ([]*matchfunc.Group, matchfunc.State) {
	r := rand.New(rand.NewPCG(seed, 1))
	groups := make([]*matchfunc.Group, n)
	for i := range groups {
		g := &matchfunc.Group{ID: fmt.Sprint("g", i), Version: "1", Created: midnight.Add(-40 * time.Second * time.Duration(n-i) / time.Duration(n))}
		party(r, g, 1)
		c.group(r, g)
		groups[i] = g
	}
	s := matchfunc.State{Now: midnight}
	for region := range regionsUsed {
		s.Capacities = append(s.Capacities, matchfunc.Capacity{Region: regionName(region), Version: "1", Matches: n})
	}
	return groups, s
}

// BenchmarkPropose100k measures a cycle with 100,000 groups. Either the matcher knows
// them from the cycle before, which made none of its proposals, or all are new.
func BenchmarkPropose100k(b *testing.B) {
	for _, c := range crowds {
		groups, s := c.draw(100_000, 1)
		q := c.queue(b)
		run := func(b *testing.B, fresh bool) {
			m := NewMatcher(q)
			m.Propose(groups, s)
			m.Propose(groups, s)
			b.ReportAllocs()
			matched, proposals := 0, 0
			best := time.Hour
			for b.Loop() {
				if fresh {
					m.Propose(groups[:1], s)
				}
				began := processTime()
				list := m.Propose(groups, s)
				best = min(best, processTime()-began)
				matched, proposals = 0, len(list)
				for _, p := range list {
					for _, team := range p.Teams {
						matched += len(team)
					}
				}
			}
			b.ReportMetric(float64(best.Microseconds())/1000, "cpu-ms/best-cycle")
			b.ReportMetric(float64(matched), "groups-matched")
			b.ReportMetric(float64(proposals), "proposals")
			b.ReportMetric(float64(m.search.work), "work")
		}
		b.Run(c.name+"/waiting", func(b *testing.B) { run(b, false) })
		b.Run(c.name+"/new", func(b *testing.B) { run(b, true) })
	}
}
