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

// backfiller finds groups for running matches that ask for players.
type backfiller struct {
	*searcher
	match    *matchfunc.Backfill
	skill    float64 // mean of its players
	empty    bool    // it has no players
	uneven   float64 // difference of its teams
	accepted [][]int32
	near     []int32 // entries that could join
	sizes    []int   // of teams
	sums     []float64
}

// unknown is a value that no group has.
const unknown = int32(-2)

// byNeed orders running matches by their share of free seats, the greatest first.
func byNeed(a, b *matchfunc.Backfill) int {
	return cmp.Or(cmp.Compare(freeShare(b), freeShare(a)), cmp.Compare(a.Match, b.Match))
}

// freeShare is the share of a match's seats that is free.
func freeShare(b *matchfunc.Backfill) float64 {
	seats, free := 0, 0
	for _, t := range b.Teams {
		seats += t.Seats
		free += max(t.Seats-t.Players, 0)
	}
	return float64(free) / float64(max(seats, 1))
}

// bestFor finds the most players for a match in the pools of a region, all of one
// cell; nil if there are none. Of the groups nearest in skill, those with the highest priority and the
// longest wait come first.
func (f *backfiller) bestFor(b *matchfunc.Backfill, region int) *draft {
	f.begin(b)
	s := f.searcher
	s.best.players, s.best.cost, s.best.members = 0, 0, s.best.members[:0]
	cells := (len(f.pools.starts) - 1) / f.pools.regions
	first := 0
	if cells > maxBackfillCells {
		first = int(uint64(f.groups.now)/uint64(time.Second)*maxBackfillCells) % cells
	}
	looked := 0
	for n := 0; n < cells && looked < maxBackfillCells; n++ {
		cell := (first + n) % cells
		from, end := f.pools.pool(cell, region)
		if from == end || !f.fits(f.attributes.cells[cell]) {
			continue
		}
		looked++
		f.listNear(from, end)
		if d := f.seatNear(); s.better(d, &s.best) {
			s.draft, s.best = s.best, s.draft
		}
	}
	if s.best.players == 0 {
		return nil
	}
	return &s.best
}

// begin reads what the players of a match have in common.
func (f *backfiller) begin(b *matchfunc.Backfill) {
	f.match = b
	players, sum := 0, 0.0
	low, high := math.Inf(1), math.Inf(-1)
	for _, t := range b.Teams {
		if t.Players > 0 {
			players += t.Players
			sum += t.Skill * float64(t.Players)
			low, high = min(low, t.Skill), max(high, t.Skill)
		}
	}
	f.empty = players == 0
	f.skill, f.uneven = sum/float64(max(players, 1)), max(high-low, 0)
	f.accepted = f.accepted[:0]
	for d := range f.attributes.dimensions {
		f.accepted = append(f.accepted, f.attributes.dimensions[d].acceptedBy(b))
	}
}

// acceptedBy lists the values that the players of a match accept; nil: any.
func (d *dimension) acceptedBy(b *matchfunc.Backfill) []int32 {
	find := func(value string) int32 {
		if id, ok := d.ids[value]; ok {
			return id
		}
		return unknown
	}
	if d.rule == nil {
		if b.Version == "" {
			return nil
		}
		return []int32{find(b.Version)}
	}
	values, known := b.Attributes[d.rule.Name]
	switch {
	case !known:
		return nil
	case len(values) == 0:
		return []int32{unknown}
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

// fits reports whether the groups of a cell fit the match.
func (f *backfiller) fits(cell []int32) bool {
	for d, value := range cell {
		if value != unnamed && f.accepted[d] != nil && !slices.Contains(f.accepted[d], value) {
			return false
		}
	}
	return true
}

// listNear lists groups of a pool that could join, those nearest in skill if there
// are many, in the order in which they are seated.
func (f *backfiller) listNear(from, end int32) {
	pool := f.pools.entries[from:end]
	after := 0
	if f.rules.bySkill && !f.empty {
		after = sort.Search(len(pool), func(n int) bool { return pool[n].skill >= f.skill })
	}
	before := after - 1
	f.near = f.near[:0]
	for looked := 0; (before >= 0 || after < len(pool)) && len(f.near) < maxBackfillLook && looked < 4*maxBackfillLook; looked++ {
		f.work++
		n := before
		if before < 0 || after < len(pool) && pool[after].skill-f.skill < f.skill-pool[before].skill {
			n = after
			after++
		} else {
			before--
		}
		e := &pool[n]
		if f.pools.taken[e.group] || !f.empty && math.Abs(e.skill-f.skill) > f.rules.distances[e.level] {
			continue
		}
		f.near = append(f.near, from+int32(n))
	}
	slices.SortFunc(f.near, func(a, b int32) int {
		return cmp.Compare(f.pools.rank[f.pools.entries[a].group], f.pools.rank[f.pools.entries[b].group])
	})
}

// seatNear seats one group after the other as long as every rule holds for all.
func (f *backfiller) seatNear() *draft {
	d := &f.draft
	d.clear(len(f.match.Teams))
	d.cost, d.region, d.version = 0, 0, unnamed
	f.sizes, f.sums = f.sizes[:0], f.sums[:0]
	for _, team := range f.match.Teams {
		f.sizes = append(f.sizes, max(team.Players, 0))
		f.sums = append(f.sums, team.Skill*float64(max(team.Players, 0)))
	}
	all := bounds{low: math.Inf(1), high: math.Inf(-1), distance: math.Inf(1), balance: math.Inf(1)}
	if !f.empty {
		all.low, all.high = f.skill, f.skill
	}
	d.uneven = f.uneven
	for _, at := range f.near {
		e := &f.pools.entries[at]
		with := all.with(e, f.rules.distances[e.level], &f.pools.info[e.group])
		if f.rules.bySkill && with.high-with.low > with.distance {
			continue
		}
		team, uneven := f.choose(e, max(with.balance, f.uneven))
		if team < 0 {
			continue
		}
		f.sizes[team] += int(e.players)
		f.sums[team] += e.skill * float64(e.players)
		d.add(e, int32(team))
		d.uneven = uneven
		all = with
	}
	d.low, d.high = all.low, all.high // with the players of the match
	return d
}

// choose picks the team that a group joins: the one with the most free seats, of
// several the one that makes the teams more even; -1: none that stays even enough.
func (f *backfiller) choose(e *entry, limit float64) (team int, uneven float64) {
	team = -1
	bestFree := 0
	for n := range f.sizes {
		free := f.match.Teams[n].Seats - f.sizes[n]
		if free < int(e.players) || free < bestFree {
			continue
		}
		after := f.unevenWith(n, e)
		if after > limit || free == bestFree && team >= 0 && after >= uneven {
			continue
		}
		team, uneven, bestFree = n, after, free
	}
	return team, uneven
}

// unevenWith is the difference of the teams' means when the group joins one.
func (f *backfiller) unevenWith(team int, e *entry) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for n, size := range f.sizes {
		sum := f.sums[n]
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
