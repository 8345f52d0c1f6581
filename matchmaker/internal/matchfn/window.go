package matchfn

import (
	"slices"
	"sort"
)

// window is a part of a pool around the group that searches. It is valid until the
// searcher lays out another.
type window struct {
	entries []int32 // in the order of the pool
	at      int     // index of the entry that searches
}

// part are the entries from start to end, with the one that searches among them.
func (w window) part(start, end int) window {
	return window{entries: w.entries[start : end+1], at: w.at - start}
}

// own is the entry that searches.
func (w window) own() int32 { return w.entries[w.at] }

// nearest lays out the entries around one, nearest first on each side, that accept
// the level's distance or more. On each side it stops after the given number of
// players. all reports whether there are no others.
func (s *searcher) nearest(e int32, level uint8, distance float64, players int) (w window, all bool) {
	p := s.pools
	own := &p.entries[e]
	entries := s.window[:0]
	before, count := p.before(e), 0
	for before >= 0 && count < players && own.skill-p.entries[before].skill <= distance {
		if at := &p.entries[before]; at.level >= level {
			entries = append(entries, before)
			count += int(at.players)
		}
		before = p.before(before)
		s.work++
	}
	all = count < players
	slices.Reverse(entries)
	at := len(entries)
	entries = append(entries, e)
	after, count := p.after(e), 0
	for after >= 0 && count < players && p.entries[after].skill-own.skill <= distance {
		if at := &p.entries[after]; at.level >= level {
			entries = append(entries, after)
			count += int(at.players)
		}
		after = p.after(after)
		s.work++
	}
	s.window = entries
	return window{entries: entries, at: at}, all && count < players
}

// nearestBySize lays out entries like nearest. On each side it takes as many groups
// of each size as a match could use, times the given number.
func (s *searcher) nearestBySize(e, pool int32, level uint8, distance float64, times int) window {
	s.window = append(s.window[:0], e)
	for size := 1; size <= s.rules.Party.Max; size++ {
		list := s.pools.bySize(pool, size)
		at := sort.Search(len(list), func(n int) bool { return list[n] >= e })
		useful := times * s.rules.Teams.Count * (s.rules.Teams.Max / size)
		s.addNearest(e, list[:at], -1, level, distance, useful)
		if at < len(list) && list[at] == e {
			at++
		}
		s.addNearest(e, list[at:], 1, level, distance, useful)
	}
	slices.Sort(s.window)
	return window{entries: s.window, at: slices.Index(s.window, e)}
}

// addNearest adds entries of a list to the window, from its end if the step is -1.
func (s *searcher) addNearest(e int32, list []int32, step int, level uint8, distance float64, useful int) {
	p := s.pools
	own := p.entries[e].skill
	n := 0
	if step < 0 {
		n = len(list) - 1
	}
	limit := useful + maxSizeLook
	for looked := 0; n >= 0 && n < len(list) && useful > 0 && looked < limit; n, looked = n+step, looked+1 {
		at := &p.entries[list[n]]
		if s.rules.bySkill && (at.skill-own)*float64(step) > distance {
			break
		}
		s.work++
		if at.level >= level && !p.taken[at.group] {
			s.window = append(s.window, list[n])
			useful--
		}
	}
}

// allUseful lays out all entries that a match could use.
func (s *searcher) allUseful(e, pool int32, level uint8) window {
	distance := s.rules.distances[level]
	if s.packer.parties {
		return s.nearestBySize(e, pool, level, distance, 1)
	}
	w, _ := s.nearest(e, level, distance, 2*s.rules.maxPlayers)
	return w
}

// spread is the difference of the skills in a part of the window; 0 where skill
// does not matter.
func (s *searcher) spread(w window, start, end int) float64 {
	if !s.rules.bySkill {
		return 0
	}
	return s.pools.entries[w.entries[end]].skill - s.pools.entries[w.entries[start]].skill
}

// outwards visits the window from the nearest to the one that searches to the
// furthest, without itself.
func (s *searcher) outwards(w window) func(yield func(e int32) bool) {
	return func(yield func(e int32) bool) {
		entries := s.pools.entries
		own := entries[w.own()].skill
		before, after := w.at-1, w.at+1
		for before >= 0 || after < len(w.entries) {
			left := before >= 0
			if left && after < len(w.entries) && s.rules.bySkill {
				left = own-entries[w.entries[before]].skill <= entries[w.entries[after]].skill-own
			}
			e := int32(0)
			if left {
				e = w.entries[before]
				before--
			} else {
				e = w.entries[after]
				after++
			}
			if !yield(e) {
				return
			}
		}
	}
}
