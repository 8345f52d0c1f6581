package matchfn

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// joining is how groups are put into a gap.
type joining struct {
	gap      *matchfunc.Backfill
	skill    float64 // mean of the people in it
	anybody  bool    // there are people in it
	uneven   float64 // difference of the teams as they are
	accepted [][]int32
	near     []int32 // entries that could join
	sizes    []int
	sums     []float64
}

// fillGaps lets groups into the running matches that ask, those that lack most
// first. In each, those ahead in the order come first among those nearest in
// skill.
func (m *Matcher) fillGaps(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	if len(m.backfills) == 0 {
		return proposals
	}
	slices.SortStableFunc(m.backfills, func(a, b *matchfunc.Backfill) int {
		return cmp.Or(cmp.Compare(lack(b), lack(a)), cmp.Compare(a.Match, b.Match))
	})
	filled := make(map[string]bool, len(m.backfills))
	j := &m.search.joining
	for _, g := range m.backfills {
		region := slices.Index(m.regions, g.Region)
		if region < 0 || filled[g.Match] || lack(g) <= 0 {
			continue
		}
		filled[g.Match] = true
		j.begin(m, g)
		if !m.join(j, m.poolRegion(region)) {
			continue
		}
		best := &m.search.best
		for _, i := range best.members {
			m.pools.take(i)
		}
		proposals = append(proposals, matchfunc.Proposal{
			Match: g.Match, Region: g.Region, Version: g.Version, Teams: m.seats.teams(best), Quality: m.quality(best),
		})
	}
	return proposals
}

// lack is the share of seats that is free.
func lack(g *matchfunc.Backfill) float64 {
	seats, free := 0, 0
	for _, t := range g.Teams {
		seats += t.Seats
		free += max(t.Seats-t.Players, 0)
	}
	return float64(free) / float64(max(seats, 1))
}

func (j *joining) begin(m *Matcher, g *matchfunc.Backfill) {
	j.gap = g
	people, sum := 0, 0.0
	low, high := math.Inf(1), math.Inf(-1)
	for _, t := range g.Teams {
		if t.Players > 0 {
			people += t.Players
			sum += t.Skill * float64(t.Players)
			low, high = min(low, t.Skill), max(high, t.Skill)
		}
	}
	j.anybody = people > 0
	j.skill, j.uneven = sum/float64(max(people, 1)), max(high-low, 0)
	j.accepted = j.accepted[:0]
	for d := range m.dimensions {
		j.accepted = append(j.accepted, m.dimensions[d].acceptedBy(g))
	}
}

// acceptedBy lists the values of the people in a gap; nil: any.
func (d *dimension) acceptedBy(g *matchfunc.Backfill) []int32 {
	find := func(value string) int32 {
		if id, ok := d.ids[value]; ok {
			return id
		}
		return unknown
	}
	if d.rule == nil {
		if g.Version == "" {
			return nil
		}
		return []int32{find(g.Version)}
	}
	values := g.Attributes[d.rule.Name]
	if len(values) == 0 {
		return nil
	}
	if d.rule.Rule == rules.RuleEqual {
		return []int32{find(setValue(values))}
	}
	ids := make([]int32, 0, len(values))
	for _, v := range values {
		ids = append(ids, find(v))
	}
	return ids
}

// unknown is a value that no group has.
const unknown = int32(-2)

// join finds the most players for a gap, all of one cell that fits it.
func (m *Matcher) join(j *joining, region int) bool {
	s, p := &m.search, &m.pools
	s.best.players, s.best.cost, s.best.members = 0, 0, s.best.members[:0]
	cells := (len(p.starts) - 1) / p.regions
	first := 0
	if cells > maxGapCells {
		first = int(uint64(m.now)/uint64(time.Second)*maxGapCells) % cells
	}
	looked := 0
	for n := 0; n < cells && looked < maxGapCells; n++ {
		cell := (first + n) % cells
		pool := cell*p.regions + region
		if p.starts[pool] == p.starts[pool+1] || !j.fits(m.cells[cell]) {
			continue
		}
		looked++
		m.nearGap(j, p.entries[p.starts[pool]:p.starts[pool+1]], p.starts[pool])
		m.seatNear(j)
		if m.better(&s.found, &s.best) {
			s.found, s.best = s.best, s.found
		}
	}
	return s.best.players > 0
}

func (j *joining) fits(cell []int32) bool {
	for d, value := range cell {
		if value != unnamed && j.accepted[d] != nil && !slices.Contains(j.accepted[d], value) {
			return false
		}
	}
	return true
}

// nearGap lists groups of a pool that could join, those nearest in skill if
// there are many, in the order in which they are seated.
func (m *Matcher) nearGap(j *joining, pool []entry, first int32) {
	after := 0
	if m.bySkill && j.anybody {
		after = sort.Search(len(pool), func(n int) bool { return pool[n].skill >= j.skill })
	}
	before := after - 1
	j.near = j.near[:0]
	for looked := 0; (before >= 0 || after < len(pool)) && len(j.near) < maxGapLook && looked < 4*maxGapLook; looked++ {
		m.work++
		n := before
		if before < 0 || after < len(pool) && pool[after].skill-j.skill < j.skill-pool[before].skill {
			n = after
			after++
		} else {
			before--
		}
		e := &pool[n]
		if m.pools.taken[e.group] || j.anybody && math.Abs(e.skill-j.skill) > m.distances[e.level] {
			continue
		}
		j.near = append(j.near, first+int32(n))
	}
	slices.SortFunc(j.near, func(a, b int32) int {
		return cmp.Compare(m.pools.rank[m.pools.entries[a].group], m.pools.rank[m.pools.entries[b].group])
	})
}

// seatNear seats one after the other as long as every rule holds for all.
func (m *Matcher) seatNear(j *joining) {
	t := &m.search.found
	t.clear(len(j.gap.Teams))
	t.cost, t.region, t.version = 0, 0, unnamed
	j.sizes, j.sums = j.sizes[:0], j.sums[:0]
	for _, team := range j.gap.Teams {
		j.sizes = append(j.sizes, max(team.Players, 0))
		j.sums = append(j.sums, team.Skill*float64(max(team.Players, 0)))
	}
	all := bounds{low: math.Inf(1), high: math.Inf(-1), distance: math.Inf(1), balance: math.Inf(1)}
	if j.anybody {
		all.low, all.high = j.skill, j.skill
	}
	t.uneven = j.uneven
	for _, at := range j.near {
		e := &m.pools.entries[at]
		with := bounds{
			low: min(all.low, e.skill), high: max(all.high, e.skill), distance: min(all.distance, m.distances[e.level]),
			balance: min(all.balance, m.pools.info[e.group].balance),
		}
		if m.bySkill && with.high-with.low > with.distance {
			continue
		}
		team, uneven := j.choose(e, max(with.balance, j.uneven))
		if team < 0 {
			continue
		}
		j.sizes[team] += int(e.players)
		j.sums[team] += e.skill * float64(e.players)
		t.add(e, int32(team))
		t.uneven = uneven
		all = with
	}
	t.low, t.high = all.low, all.high // with those who are in the match already
}

// choose picks the team that a group joins: the one that lacks most players, of
// several the one that makes the teams more even; -1: none that is left even
// enough.
func (j *joining) choose(e *entry, limit float64) (team int, uneven float64) {
	team = -1
	bestFree := 0
	for n := range j.sizes {
		free := j.gap.Teams[n].Seats - j.sizes[n]
		if free < int(e.players) || free < bestFree {
			continue
		}
		after := j.unevenWith(n, e)
		if after > limit || free == bestFree && team >= 0 && after >= uneven {
			continue
		}
		team, uneven, bestFree = n, after, free
	}
	return team, uneven
}

// unevenWith is the difference of the teams' means when the group joins one.
func (j *joining) unevenWith(team int, e *entry) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for n, size := range j.sizes {
		sum := j.sums[n]
		if n == team {
			size += int(e.players)
			sum += e.skill * float64(e.players)
		}
		if size > 0 {
			low, high = min(low, sum/float64(size)), max(high, sum/float64(size))
		}
	}
	return high - low
}
