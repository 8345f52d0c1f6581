package matchfn

import (
	"math"
	"slices"
	"time"
)

// exhaustiveSearch tries all combinations of the nearest groups. It is for groups
// for which the plain search found nothing, although parties or balance may allow a
// match.
type exhaustiveSearch struct {
	*searcher
	wanted bool  // the queue has rules that need it
	left   int   // steps of this cycle
	cursor int32 // slot of the group that had the last turn.

	near    []int32 // entries, the one that searches first
	rest    []int   // players of this entry of near and those after it.
	chosen  []int32 // entries
	team    []int32 // of each chosen entry
	sizes   []int   // of teams
	sums    []float64
	steps   int
	players int     // of the best draft
	bySlot  []int32 // groups; -1: none
}

func (x *exhaustiveSearch) begin() {
	t := x.rules.Teams
	// Parties that must fill teams to the last seat, and need not be even, are found
	// by the packer.
	x.wanted = t.Max > 1 && (x.rules.Party.Max > 1 && x.rules.minPlayers < x.rules.maxPlayers || x.rules.Balance != nil)
	x.left = maxCycleSteps / 2
	x.sizes = slices.Grow(x.sizes[:0], t.Count)[:t.Count]
	x.sums = slices.Grow(x.sums[:0], t.Count)[:t.Count]
}

// bestFor finds the best match for a group in all of its pools; nil if there is
// none.
func (x *exhaustiveSearch) bestFor(i int32) *draft {
	s := x.searcher
	s.best.players = 0
	for _, member := range s.pools.of(i) {
		if s.canSearch(member) {
			s.keepBetter(x.inPool(member.entry, member.pool), member.pool)
		}
	}
	if s.best.players == 0 {
		return nil
	}
	return &s.best
}

// inPool finds the fullest match around an entry; nil if there is none. Of several
// it takes the first: the nearest groups come first.
func (x *exhaustiveSearch) inPool(e, pool int32) *draft {
	if x.left <= 0 || !x.gather(e, pool) {
		return nil
	}
	own := &x.pools.entries[e]
	x.chosen, x.team = append(x.chosen[:0], e), append(x.team[:0], 0)
	clear(x.sizes)
	clear(x.sums)
	x.sizes[0], x.sums[0] = int(own.players), own.skill*float64(own.players)
	x.steps, x.players = 0, 0
	g := &x.pools.info[own.group]
	x.extend(1, 1, int(own.players), bounds{
		low: own.skill, high: own.skill, distance: x.rules.distances[own.level], balance: g.balance, since: g.created,
	})
	x.left -= x.steps
	x.work += x.steps
	if x.players == 0 {
		return nil
	}
	x.splitter.keepSplit(&x.draft)
	return &x.draft
}

// gather lists the nearest groups that could be in a match with the entry. It
// reports whether they are enough for a match.
func (x *exhaustiveSearch) gather(e, pool int32) bool {
	p := x.pools
	own := &p.entries[e]
	distance := x.rules.distances[own.level]
	before := x.work
	w, all := x.nearest(e, 0, distance, 2*x.rules.maxPlayers)
	if !all && x.packer.parties {
		w = x.nearestBySize(e, pool, 0, distance, 2)
	}
	x.left -= x.work - before
	x.near = append(x.near[:0], e)
	for near := range x.outwards(w) {
		at := &p.entries[near]
		if len(x.near) < maxExact && math.Abs(at.skill-own.skill) <= x.rules.distances[min(at.level, own.level)] {
			x.near = append(x.near, near)
		}
	}
	x.rest = slices.Grow(x.rest[:0], len(x.near)+1)[:len(x.near)+1]
	x.rest[len(x.near)] = 0
	for n := len(x.near) - 1; n >= 0; n-- {
		x.rest[n] = x.rest[n+1] + int(p.entries[x.near[n]].players)
	}
	return x.rest[0] >= x.rules.minPlayers
}

// extend decides on the groups of near from n on, with some teams begun. done
// reports that the search is over: it has a full match, or made too many steps.
func (x *exhaustiveSearch) extend(n, teams, players int, b bounds) (done bool) {
	x.steps++
	if x.steps > maxExactSteps {
		return true
	}
	if players > x.players && x.isMatch(teams, b) {
		x.keep(teams)
		if players == x.rules.maxPlayers {
			return true
		}
	}
	if n == len(x.near) || players+x.rest[n] <= max(x.players, x.rules.minPlayers-1) {
		return false
	}
	e := &x.pools.entries[x.near[n]]
	with := b.with(e, x.rules.distances[e.level], &x.pools.info[e.group])
	if !x.rules.bySkill || with.high-with.low <= with.distance {
		for team := range min(teams+1, len(x.sizes)) {
			if x.sizes[team]+int(e.players) > x.rules.Teams.Max {
				continue
			}
			x.push(x.near[n], team, int(e.players), e.skill)
			done := x.extend(n+1, max(teams, team+1), players+int(e.players), with)
			x.pop(team, int(e.players), e.skill)
			if done {
				return true
			}
		}
	}
	return x.extend(n+1, teams, players, b)
}

func (x *exhaustiveSearch) push(e int32, team, players int, skill float64) {
	x.chosen, x.team = append(x.chosen, e), append(x.team, int32(team))
	x.sizes[team] += players
	x.sums[team] += skill * float64(players)
}

func (x *exhaustiveSearch) pop(team, players int, skill float64) {
	x.chosen, x.team = x.chosen[:len(x.chosen)-1], x.team[:len(x.team)-1]
	x.sizes[team] -= players
	x.sums[team] -= skill * float64(players)
}

// isMatch reports whether the chosen groups are full and even enough.
func (x *exhaustiveSearch) isMatch(teams int, b bounds) bool {
	wantTeams, wantPlayers := x.rules.Teams.Need(time.Duration(max(x.groups.now-b.since, 0)))
	if teams < wantTeams || slices.Min(x.sizes[:teams]) < wantPlayers {
		return false
	}
	low, high := math.Inf(1), math.Inf(-1)
	for team, sum := range x.sums[:teams] {
		mean := sum / float64(x.sizes[team])
		low, high = min(low, mean), max(high, mean)
	}
	return high-low <= b.balance
}

// keep makes the chosen groups the draft.
func (x *exhaustiveSearch) keep(teams int) {
	x.draft.clear(teams)
	for n, e := range x.chosen {
		x.draft.add(&x.pools.entries[e], x.team[n])
	}
	x.players = x.draft.players
}

// beginTurns begins the searches of groups in turn. It reports false if no group
// has missed its search in this cycle.
func (x *exhaustiveSearch) beginTurns() bool {
	if !x.wanted || x.left > 0 {
		return false
	}
	x.left = maxCycleSteps / 2
	x.bySlot = slices.Grow(x.bySlot[:0], len(x.groups.groups))[:len(x.groups.groups)]
	for slot := range x.bySlot {
		x.bySlot[slot] = -1
	}
	for i, slot := range x.groups.slots {
		if slot >= 0 {
			x.bySlot[slot] = int32(i)
		}
	}
	return true
}

// nextTurn is the group that has the next turn; -1: the slot's group takes no part.
func (x *exhaustiveSearch) nextTurn() int32 {
	x.cursor = (x.cursor + 1) % int32(len(x.bySlot))
	i := x.bySlot[x.cursor]
	if i < 0 || x.pools.taken[i] || !x.pools.info[i].viable {
		return -1
	}
	return i
}
