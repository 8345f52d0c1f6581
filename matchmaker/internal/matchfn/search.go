package matchfn

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// trial is a match that a search has found.
type draft struct {
	members []int32 // groups; the one that searches comes first
	team    []int32 // of each
	teams   int
	players int
	low     float64 // skill
	high    float64
	latency float64 // sum of the shares of the largest that is allowed
	uneven  float64 // difference of the teams' mean skills, once they are split
	cost    float64 // the less the better, among matches of as many players
	region  int     // of the pool
	version int32
	split   bool // the teams are made as even as they can be
}

func (t *draft) clear(teams int) {
	t.members, t.team, t.teams = t.members[:0], t.team[:0], teams
	t.players, t.latency, t.split = 0, 0, false
	t.low, t.high = math.Inf(1), math.Inf(-1)
}

func (t *draft) add(e *entry, team int32) {
	t.members, t.team = append(t.members, e.group), append(t.team, team)
	t.players += int(e.players)
	t.latency += float64(e.latency)
	t.low, t.high = min(t.low, e.skill), max(t.high, e.skill)
}

// search is what searches work with, so that they need not allocate.
type search struct {
	found, best draft
	window      []int32 // entries around the one that searches, in order
	at          int     // where that one is in the window
	start, end  int     // the part of the window that a match is made of
	oldestAt    int     // where the one of that part is who has waited longest
	packer      packer
	splitter    splitter
	exact       exact
	joining     joining
}

func (s *search) begin(m *Matcher) {
	s.packer.begin(m.rules.Teams.Count, m.rules.Teams.Max, m.rules.Party.Max)
	s.exact.begin(m)
}

// best finds the best match for a group, nil if there is none. It is the
// matcher's until the next search. The region nearest to the group comes first,
// and where that has a full match, others only if the group is nearer to them
// than this match is good.
func (m *Matcher) best(i int32) *draft {
	s := &m.search
	s.best.players = 0
	nearest := m.nearest(i)
	m.tryPools(i, func(latency float32) bool { return latency == nearest })
	limit := math.Inf(1)
	if s.best.players == m.maxPlayers {
		limit = s.best.cost * float64(m.pools.info[i].players)
	}
	m.tryPools(i, func(latency float32) bool { return latency > nearest && float64(latency) < limit })
	if s.best.players == 0 && (!s.exact.wanted || !m.bestOfAll(i)) {
		return nil
	}
	return &s.best
}

// nearest is the group's latency to the nearest region that it accepts.
func (m *Matcher) nearest(i int32) float32 {
	nearest := float32(math.Inf(1))
	for _, member := range m.membershipsOf(i) {
		nearest = min(nearest, member.latency)
	}
	return nearest
}

func (m *Matcher) membershipsOf(i int32) []membership {
	return m.pools.mine[m.pools.from[i]:m.pools.from[i+1]]
}

// tryPools looks for a match in those of the group's pools that are wanted.
func (m *Matcher) tryPools(i int32, wanted func(latency float32) bool) {
	s := &m.search
	for _, member := range m.membershipsOf(i) {
		if !m.pools.entries[member.entry].viable || !wanted(member.latency) {
			continue
		}
		region, version := m.whereIs(member.pool)
		if m.hasCapacity(region, version) && m.inPool(member.entry, member.pool) {
			s.found.region, s.found.version = region, version
			m.keepBetter()
		}
	}
}

// bestOfAll is best by the exhaustive search.
func (m *Matcher) bestOfAll(i int32) bool {
	s := &m.search
	for _, member := range m.membershipsOf(i) {
		region, version := m.whereIs(member.pool)
		if m.pools.entries[member.entry].viable && m.hasCapacity(region, version) && m.exhaust(member.entry, member.pool) {
			s.found.region, s.found.version = region, version
			m.keepBetter()
		}
	}
	return s.best.players > 0
}

// whereIs says what region and version a pool is for.
func (m *Matcher) whereIs(pool int32) (region int, version int32) {
	regions := int32(m.pools.regions)
	return int(pool % regions), m.cells[pool/regions][0]
}

func (m *Matcher) keepBetter() {
	s := &m.search
	s.found.cost = m.cost(&s.found)
	if m.better(&s.found, &s.best) {
		s.found, s.best = s.best, s.found
	}
}

// better compares matches for the same group or gap. It comes to the same
// whatever the order in which they were found.
func (m *Matcher) better(a, b *draft) bool {
	if a.players != b.players || a.cost != b.cost {
		return a.players > b.players || a.players == b.players && a.cost < b.cost
	}
	byRank := slices.CompareFunc(a.members, b.members, func(i, j int32) int { return cmp.Compare(m.pools.rank[i], m.pools.rank[j]) })
	if byRank != 0 {
		return byRank < 0
	}
	if a.region != b.region {
		return m.regions[a.region] < m.regions[b.region]
	}
	return a.version == unnamed && b.version != unnamed
}

// inPool looks for a match around an entry: a full one among the nearest, else
// the fullest that is good enough.
func (m *Matcher) inPool(e, pool int32) bool {
	s := &m.search
	own := m.pools.entries[e].level
	for level := range own + 1 {
		all := m.look(e, level, m.distances[level], m.maxPlayers)
		if m.fullest(m.distances[level]) {
			return true
		}
		if !all && s.packer.parties { // those who fill the last seats may be further away
			m.lookBySize(e, pool, level, m.distances[level], 1)
			if m.fullest(m.distances[level]) {
				return true
			}
		}
	}
	return m.minPlayers < m.maxPlayers && m.partial(e, pool, own)
}

// look lays out the window around an entry: on each side those near enough who
// accept the level's distance or more, with so many players at least if there are. It reports
// whether these are all.
func (m *Matcher) look(e int32, level uint8, distance float64, players int) (all bool) {
	p, s := &m.pools, &m.search
	own := &p.entries[e]
	s.window = s.window[:0]
	before, count := p.before(e), 0
	for before >= 0 && count < players && own.skill-p.entries[before].skill <= distance {
		if at := &p.entries[before]; at.level >= level {
			s.window = append(s.window, before)
			count += int(at.players)
		}
		before = p.before(before)
		m.work++
	}
	all = count < players
	slices.Reverse(s.window)
	s.at = len(s.window)
	s.window = append(s.window, e)
	after, count := p.after(e), 0
	for after >= 0 && count < players && p.entries[after].skill-own.skill <= distance {
		if at := &p.entries[after]; at.level >= level {
			s.window = append(s.window, after)
			count += int(at.players)
		}
		after = p.after(after)
		m.work++
	}
	return all && count < players
}

// spread is how far apart the skills in a part of the window are. Without a rule
// on skill the order is another, and nothing is too far.
func (m *Matcher) spread(start, end int) float64 {
	if !m.bySkill {
		return 0
	}
	s := &m.search
	return m.pools.entries[s.window[end]].skill - m.pools.entries[s.window[start]].skill
}

// fullest makes a full match of the narrowest part of the window that has one.
func (m *Matcher) fullest(distance float64) bool {
	s := &m.search
	s.packer.clear()
	for n := 0; n <= s.at; n++ {
		s.packer.add(m.pools.entries[s.window[n]].players)
	}
	own := m.pools.entries[s.window[s.at]].players
	best, bestStart, bestEnd := math.Inf(1), -1, -1
	end := s.at
	for start := 0; start <= s.at; start++ {
		if m.spread(start, end) < best {
			for !s.packer.fits(own) && end+1 < len(s.window) && m.spread(start, end+1) <= distance {
				end++
				s.packer.add(m.pools.entries[s.window[end]].players)
			}
			if spread := m.spread(start, end); spread < best && s.packer.fits(own) {
				best, bestStart, bestEnd = spread, start, end
			}
		}
		s.packer.remove(m.pools.entries[s.window[start]].players)
	}
	if bestStart < 0 {
		return false
	}
	return m.fillTeams(bestStart, bestEnd)
}

// fillTeams makes a full match of a part of the window that has one.
func (m *Matcher) fillTeams(start, end int) bool {
	s := &m.search
	s.start, s.end = start, end
	s.packer.clear()
	for n := start; n <= end; n++ {
		s.packer.add(m.pools.entries[s.window[n]].players)
	}
	own := m.pools.entries[s.window[s.at]]
	if !s.packer.plan(own.players) {
		return false
	}
	t := &s.found
	t.clear(m.rules.Teams.Count)
	t.add(&own, 0)
	for n := range m.outwards() {
		at := &m.pools.entries[n]
		if team, ok := s.packer.seat(at.players); ok {
			t.add(at, team)
		}
	}
	return m.finish()
}

// outwards visits the chosen part of the window from the nearest to the one that
// searches to the furthest, without itself.
func (m *Matcher) outwards() func(yield func(e int32) bool) {
	s := &m.search
	return func(yield func(e int32) bool) {
		own := m.pools.entries[s.window[s.at]].skill
		before, after := s.at-1, s.at+1
		for before >= s.start || after <= s.end {
			left := before >= s.start
			if left && after <= s.end && m.bySkill {
				left = own-m.pools.entries[s.window[before]].skill <= m.pools.entries[s.window[after]].skill-own
			}
			e := int32(0)
			if left {
				e = s.window[before]
				before--
			} else {
				e = s.window[after]
				after++
			}
			if !yield(e) {
				return
			}
		}
	}
}

// partial makes the fullest match that is good enough, of the parts of the
// window that are as wide as each distance allows.
func (m *Matcher) partial(e, pool int32, own uint8) bool {
	s := &m.search
	best, bestLevel, bestStart, bestEnd, bestSpread := 0, uint8(0), 0, 0, 0.0
	for level := range own + 1 {
		distance := m.distances[level]
		m.lookFar(e, pool, level)
		end := s.at
		for start := 0; start <= s.at; start++ {
			from := end
			for end+1 < len(s.window) && m.spread(start, end+1) <= distance {
				end++
			}
			if start > 0 && from == end {
				continue // a part of the one before
			}
			s.start, s.end = start, end
			spread := m.spread(start, end)
			if n := m.spreadOut(best); n > best || n > 0 && n == best && spread < bestSpread {
				best, bestLevel, bestStart, bestEnd, bestSpread = n, level, start, end, spread
			}
		}
	}
	if best == 0 {
		return false
	}
	m.lookFar(e, pool, bestLevel)
	s.start, s.end = bestStart, bestEnd
	m.spreadOut(best)
	return m.finish()
}

// lookFar lays out the window with all whom a match could use.
func (m *Matcher) lookFar(e, pool int32, level uint8) {
	if m.search.packer.parties {
		m.lookBySize(e, pool, level, m.distances[level], 1)
		return
	}
	m.look(e, level, m.distances[level], 2*m.maxPlayers)
}

// finish reports whether what was found is balanced.
func (m *Matcher) finish() bool {
	t := &m.search.found
	if m.rules.Balance == nil || m.rules.Teams.Max == 1 {
		return true
	}
	limit := math.Inf(1)
	for _, i := range t.members {
		limit = min(limit, m.pools.info[i].balance)
	}
	m.split(t)
	return t.uneven <= limit
}

// cost compares matches that a group could have at once: the share of the
// widest distance that the skills are apart, and of the largest latency.
func (m *Matcher) cost(t *draft) float64 {
	cost := t.latency / float64(t.players)
	if m.rules.Skill != nil {
		cost += (t.high - t.low) / m.rules.Skill.Widest()
	}
	return cost
}

// meanLatency is over the players whose latency to the region is known; 0 if
// nobody's is.
func (m *Matcher) meanLatency(members []int32, region int) time.Duration {
	sum, n := time.Duration(0), time.Duration(0)
	for _, i := range members {
		slot := m.slots[i]
		if latency := m.latency(slot, region); latency != unmeasured {
			players := time.Duration(m.pools.info[i].players)
			sum += latency * players
			n += players
		}
	}
	return sum / max(n, 1)
}
