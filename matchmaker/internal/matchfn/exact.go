package matchfn

import (
	"math"
	"slices"
	"time"

	"tactus/matchmaker/matchfunc"
)

// exact is the search through all combinations of the nearest groups, for
// groups that found no match at once although parties or balance may allow one.
type exact struct {
	wanted bool  // the queue has rules that need it
	left   int   // steps of this cycle
	cursor int32 // slot of the group whose turn it is next

	near    []int32 // entries, the one that searches first
	rest    []int   // players of this one of near and those after it
	chosen  []int32 // entries
	team    []int32 // of each chosen
	sizes   []int   // of teams
	sums    []float64
	steps   int
	players int     // of the best found
	bySlot  []int32 // groups
}

func (x *exact) begin(m *Matcher) {
	t := m.rules.Teams
	// Parties that have to fill teams to the last seat, and need not be even, are
	// found by the packer.
	x.wanted = t.Max > 1 && (m.rules.Party.Max > 1 && m.minPlayers < m.maxPlayers || m.rules.Balance != nil)
	x.left = maxCycleSteps / 2
	x.sizes = slices.Grow(x.sizes[:0], t.Count)[:t.Count]
	x.sums = slices.Grow(x.sums[:0], t.Count)[:t.Count]
}

// exhaust looks for the fullest match around an entry, and of several the first
// that it comes to, the nearest groups being tried first.
func (m *Matcher) exhaust(e, pool int32) bool {
	x := &m.search.exact
	if x.left <= 0 || !m.gather(e, pool) {
		return false
	}
	own := &m.pools.entries[e]
	x.chosen, x.team = append(x.chosen[:0], e), append(x.team[:0], 0)
	clear(x.sizes)
	clear(x.sums)
	x.sizes[0], x.sums[0] = int(own.players), own.skill*float64(own.players)
	x.steps, x.players = 0, 0
	f := &m.pools.info[own.group]
	m.extend(1, 1, int(own.players), bounds{low: own.skill, high: own.skill, distance: m.distances[own.level], balance: f.balance, since: f.created})
	x.left -= x.steps
	m.work += x.steps
	if x.players == 0 {
		return false
	}
	m.keepSplit(&m.search.found)
	return true
}

// gather lists the nearest groups that could be in a match with the entry. It
// reports whether they are enough for one.
func (m *Matcher) gather(e, pool int32) bool {
	p, s, x := &m.pools, &m.search, &m.search.exact
	own := &p.entries[e]
	before := m.work
	if !m.look(e, 0, m.distances[own.level], 2*m.maxPlayers) && s.packer.parties {
		m.lookBySize(e, pool, 0, m.distances[own.level], 2)
	}
	x.left -= m.work - before
	s.start, s.end = 0, len(s.window)-1
	x.near = append(x.near[:0], e)
	for near := range m.outwards() {
		at := &p.entries[near]
		if len(x.near) < maxExact && math.Abs(at.skill-own.skill) <= m.distances[min(at.level, own.level)] {
			x.near = append(x.near, near)
		}
	}
	x.rest = slices.Grow(x.rest[:0], len(x.near)+1)[:len(x.near)+1]
	x.rest[len(x.near)] = 0
	for n := len(x.near) - 1; n >= 0; n-- {
		x.rest[n] = x.rest[n+1] + int(p.entries[x.near[n]].players)
	}
	return x.rest[0] >= m.minPlayers
}

// bounds are what the chosen groups have in common.
type bounds struct {
	low, high         float64 // skill
	distance, balance float64 // the least that they accept
	since             int64   // the longest wait's begin
}

// extend decides on the groups of near from n on, with so many teams begun. It
// reports whether it is no use to go on: a full match was found, or too many
// steps were made.
func (m *Matcher) extend(n, teams, players int, b bounds) bool {
	x := &m.search.exact
	x.steps++
	if x.steps > maxExactSteps {
		return true
	}
	if players > x.players && m.isMatch(teams, b) {
		m.record(teams)
		if players == m.maxPlayers {
			return true
		}
	}
	if n == len(x.near) || players+x.rest[n] <= max(x.players, m.minPlayers-1) {
		return false
	}
	e := &m.pools.entries[x.near[n]]
	f := &m.pools.info[e.group]
	with := bounds{
		low: min(b.low, e.skill), high: max(b.high, e.skill), distance: min(b.distance, m.distances[e.level]),
		balance: min(b.balance, f.balance), since: min(b.since, f.created),
	}
	if !m.bySkill || with.high-with.low <= with.distance {
		for team := range min(teams+1, len(x.sizes)) {
			if x.sizes[team]+int(e.players) > m.rules.Teams.Max {
				continue
			}
			x.put(x.near[n], team, int(e.players), e.skill)
			done := m.extend(n+1, max(teams, team+1), players+int(e.players), with)
			x.takeBack(team, int(e.players), e.skill)
			if done {
				return true
			}
		}
	}
	return m.extend(n+1, teams, players, b)
}

func (x *exact) put(e int32, team, players int, skill float64) {
	x.chosen, x.team = append(x.chosen, e), append(x.team, int32(team))
	x.sizes[team] += players
	x.sums[team] += skill * float64(players)
}

func (x *exact) takeBack(team, players int, skill float64) {
	x.chosen, x.team = x.chosen[:len(x.chosen)-1], x.team[:len(x.team)-1]
	x.sizes[team] -= players
	x.sums[team] -= skill * float64(players)
}

// isMatch reports whether what is chosen is full and even enough.
func (m *Matcher) isMatch(teams int, b bounds) bool {
	x := &m.search.exact
	wantTeams, wantPlayers := m.rules.Teams.Need(time.Duration(max(m.now-b.since, 0)))
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

// record keeps what is chosen as the best so far.
func (m *Matcher) record(teams int) {
	x, t := &m.search.exact, &m.search.found
	t.clear(teams)
	for n, e := range x.chosen {
		t.add(&m.pools.entries[e], x.team[n])
	}
	x.players = t.players
}

// takeTurns makes the exhaustive search for groups in turn, whatever their
// place: those ahead have had theirs.
func (m *Matcher) takeTurns(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	x := &m.search.exact
	if !x.wanted || x.left > 0 {
		return proposals // all have had theirs
	}
	x.left = maxCycleSteps / 2
	x.bySlot = slices.Grow(x.bySlot[:0], len(m.groups))[:len(m.groups)]
	for slot := range x.bySlot {
		x.bySlot[slot] = -1
	}
	for i, slot := range m.slots {
		if slot >= 0 {
			x.bySlot[slot] = int32(i)
		}
	}
	for range x.bySlot {
		if x.left <= 0 || m.open == 0 {
			break
		}
		x.cursor = (x.cursor + 1) % int32(len(x.bySlot))
		i := x.bySlot[x.cursor]
		if i < 0 || m.pools.taken[i] || !m.pools.info[i].viable {
			continue
		}
		m.search.best.players = 0
		if m.bestOfAll(i) {
			proposals = append(proposals, m.propose(&m.search.best))
		}
	}
	return proposals
}
