package matchfn

import (
	"cmp"
	"math"
	"slices"
)

// searcher finds the best match for a group among those that are left. It owns what
// searches work with, so that they need not allocate: a draft that one of its
// methods returns is valid until the next search.
type searcher struct {
	rules      *compiledRules
	fleet      *fleetIndex
	groups     *groupIndex
	attributes *attributeIndex
	pools      *pools

	draft, best draft   // of the search in a pool; of the group
	window      []int32 // of the latest window
	packer      packer
	splitter    splitter
	work        int // groups looked at and steps of searches, for tests
}

func (s *searcher) begin() {
	s.work = 0
	s.packer.begin(s.rules.Teams.Count, s.rules.Teams.Max, s.rules.Party.Max)
}

// bestFor finds the best match for a group; nil if there is none. The region
// nearest to the group comes first. Where that has a full match, others count only
// if the group is nearer to them than this match is good.
func (s *searcher) bestFor(i int32) *draft {
	s.best.players = 0
	nearest := float32(math.Inf(1))
	for _, member := range s.pools.of(i) {
		nearest = min(nearest, member.latency)
	}
	s.tryPools(i, func(latency float32) bool { return latency == nearest })
	limit := math.Inf(1)
	if s.best.players == s.rules.maxPlayers {
		limit = s.best.cost * float64(s.pools.info[i].players)
	}
	s.tryPools(i, func(latency float32) bool { return latency > nearest && float64(latency) < limit })
	if s.best.players == 0 {
		return nil
	}
	return &s.best
}

// tryPools searches in those of the group's pools that are wanted, and keeps the
// best match.
func (s *searcher) tryPools(i int32, wanted func(latency float32) bool) {
	for _, member := range s.pools.of(i) {
		if wanted(member.latency) && s.canSearch(member) {
			s.keepBetter(s.inPool(member.entry, member.pool), member.pool)
		}
	}
}

// canSearch reports whether a search in the pool may find a match.
func (s *searcher) canSearch(m membership) bool {
	if !s.pools.entries[m.entry].viable {
		return false
	}
	region, version := s.target(m.pool)
	return s.fleet.hasCapacity(region, version)
}

// target is the region and the version that a pool is for.
func (s *searcher) target(pool int32) (region int, version int32) {
	regions := int32(s.pools.regions)
	return int(pool % regions), s.attributes.cells[pool/regions][0]
}

// keepBetter makes a match of a pool the best if it is better; nil: there is none.
func (s *searcher) keepBetter(d *draft, pool int32) {
	if d == nil {
		return
	}
	d.region, d.version = s.target(pool)
	d.cost = s.cost(d)
	if s.better(d, &s.best) {
		s.draft, s.best = s.best, s.draft
	}
}

// better compares matches for the same group or backfill. The result does not
// depend on the order in which they were found.
func (s *searcher) better(a, b *draft) bool {
	if a.players != b.players || a.cost != b.cost {
		return a.players > b.players || a.players == b.players && a.cost < b.cost
	}
	byRank := slices.CompareFunc(a.members, b.members, func(i, j int32) int { return cmp.Compare(s.pools.rank[i], s.pools.rank[j]) })
	if byRank != 0 {
		return byRank < 0
	}
	if a.region != b.region {
		return s.fleet.regions[a.region] < s.fleet.regions[b.region]
	}
	return a.version == unnamed && b.version != unnamed
}

// cost compares matches that a group could have now: the share of the widest
// distance that the skills are apart, and of the largest latency.
func (s *searcher) cost(d *draft) float64 {
	cost := d.latency / float64(d.players)
	if s.rules.Skill != nil {
		cost += (d.high - d.low) / s.rules.Skill.Widest()
	}
	return cost
}

// inPool finds a match around an entry: a full one of the nearest groups, else the
// fullest that the rules allow; nil if there is none.
func (s *searcher) inPool(e, pool int32) *draft {
	own := s.pools.entries[e].level
	for level := range own + 1 {
		distance := s.rules.distances[level]
		w, all := s.nearest(e, level, distance, s.rules.maxPlayers)
		if d := s.fullest(w, distance); d != nil {
			return d
		}
		if !all && s.packer.parties { // parties that fill the last seats may be further away
			if d := s.fullest(s.nearestBySize(e, pool, level, distance, 1), distance); d != nil {
				return d
			}
		}
	}
	if s.rules.minPlayers == s.rules.maxPlayers {
		return nil
	}
	return s.partial(e, pool, own)
}

// fullest makes a full match of the narrowest part of the window that has one; nil
// if none has.
func (s *searcher) fullest(w window, distance float64) *draft {
	entries := s.pools.entries
	s.packer.clear()
	for n := 0; n <= w.at; n++ {
		s.packer.add(entries[w.entries[n]].players)
	}
	own := entries[w.own()].players
	best, bestStart, bestEnd := math.Inf(1), -1, -1
	end := w.at
	for start := 0; start <= w.at; start++ {
		if s.spread(w, start, end) < best {
			for !s.packer.fits(own) && end+1 < len(w.entries) && s.spread(w, start, end+1) <= distance {
				end++
				s.packer.add(entries[w.entries[end]].players)
			}
			if spread := s.spread(w, start, end); spread < best && s.packer.fits(own) {
				best, bestStart, bestEnd = spread, start, end
			}
		}
		s.packer.remove(entries[w.entries[start]].players)
	}
	if bestStart < 0 {
		return nil
	}
	return s.fillTeams(w.part(bestStart, bestEnd))
}

// fillTeams makes a full match of a window that has one; nil if it is not balanced.
func (s *searcher) fillTeams(w window) *draft {
	s.packer.clear()
	for _, e := range w.entries {
		s.packer.add(s.pools.entries[e].players)
	}
	own := &s.pools.entries[w.own()]
	if !s.packer.plan(own.players) {
		return nil
	}
	d := &s.draft
	d.clear(s.rules.Teams.Count)
	d.add(own, 0)
	for e := range s.outwards(w) {
		at := &s.pools.entries[e]
		if team, ok := s.packer.seat(at.players); ok {
			d.add(at, team)
		}
	}
	return s.balanced(d)
}

// partial makes the fullest match that the rules allow, of the parts of the window
// that are as wide as each distance; nil if there is none.
func (s *searcher) partial(e, pool int32, own uint8) *draft {
	best, bestLevel, bestStart, bestEnd, bestSpread := 0, uint8(0), 0, 0, 0.0
	for level := range own + 1 {
		distance := s.rules.distances[level]
		w := s.allUseful(e, pool, level)
		end := w.at
		for start := 0; start <= w.at; start++ {
			before := end
			for end+1 < len(w.entries) && s.spread(w, start, end+1) <= distance {
				end++
			}
			if start > 0 && before == end {
				continue // within the part before
			}
			spread := s.spread(w, start, end)
			if n := s.spreadOut(w.part(start, end), best); n > best || n > 0 && n == best && spread < bestSpread {
				best, bestLevel, bestStart, bestEnd, bestSpread = n, level, start, end, spread
			}
		}
	}
	if best == 0 {
		return nil
	}
	s.spreadOut(s.allUseful(e, pool, bestLevel).part(bestStart, bestEnd), best)
	return s.balanced(&s.draft)
}

// balanced makes the teams of a draft even and returns it; nil if they are not even
// enough.
func (s *searcher) balanced(d *draft) *draft {
	if s.rules.Balance == nil || s.rules.Teams.Max == 1 {
		return d
	}
	limit := math.Inf(1)
	for _, i := range d.members {
		limit = min(limit, s.pools.info[i].balance)
	}
	s.splitter.split(d)
	if d.uneven > limit {
		return nil
	}
	return d
}
