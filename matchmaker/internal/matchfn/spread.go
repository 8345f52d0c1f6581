package matchfn

import (
	"math"
	"slices"
	"time"
)

// spreadOut drafts a match that need not be full from a window: as many players as
// possible in as many teams as possible, as evenly as parties allow. It returns the
// number of players; 0 if they are too few, or fewer than wanted.
func (s *searcher) spreadOut(w window, wanted int) int {
	t := s.rules.Teams
	players := 0
	for _, e := range w.entries {
		players += int(s.pools.entries[e].players)
	}
	if players < max(s.rules.minPlayers, wanted) {
		return 0
	}
	best, bestTeams := 0, 0
	for teams := min(t.Count, len(w.entries)); teams >= t.AtLeast; teams-- {
		if n := s.spreadOver(w, teams); n > best {
			best, bestTeams = n, teams
		}
		if best > 0 && !s.packer.parties {
			break
		}
	}
	if best > 0 {
		s.spreadOver(w, bestTeams)
	}
	return best
}

// spreadOver puts the largest groups first, each into the smallest team if it has
// room. Two groups come before all others: the one that searches, and the one that
// has waited longest. The wait of the latter decides how full the match must be.
func (s *searcher) spreadOver(w window, teams int) int {
	d, entries := &s.draft, s.pools.entries
	own := &entries[w.own()]
	d.clear(teams)
	s.packer.sizes = slices.Grow(s.packer.sizes[:0], teams)[:teams]
	clear(s.packer.sizes)
	s.seatSmallest(own)
	oldest := int32(-1)
	if len(s.rules.Teams.Fill) > 0 {
		e := s.oldest(w)
		if oldest = entries[e].group; oldest != own.group {
			s.seatSmallest(&entries[e])
		}
	}
	for size := uint16(s.rules.Party.Max); size > 0; size-- {
		for e := range s.outwards(w) {
			at := &entries[e]
			s.work++
			if at.players == size && at.group != oldest {
				s.seatSmallest(at)
			}
		}
	}
	since := s.groups.now
	for _, i := range d.members {
		since = min(since, s.pools.info[i].created)
	}
	wantTeams, wantPlayers := s.rules.Teams.Need(time.Duration(s.groups.now - since))
	if teams < wantTeams || slices.Min(s.packer.sizes) < wantPlayers {
		return 0
	}
	return d.players
}

// oldest is the entry of the window that has waited longest.
func (s *searcher) oldest(w window) int32 {
	oldest, since := int32(-1), int64(math.MaxInt64)
	for _, e := range w.entries {
		if created := s.pools.info[s.pools.entries[e].group].created; created < since {
			oldest, since = e, created
		}
	}
	return oldest
}

// seatSmallest puts a group into the smallest team if it has room.
func (s *searcher) seatSmallest(e *entry) {
	d, sizes := &s.draft, s.packer.sizes
	team := 0
	if s.rules.Teams.Max == 1 {
		if team = len(d.members); team >= len(sizes) {
			return
		}
	} else {
		team = slices.Index(sizes, slices.Min(sizes))
	}
	if sizes[team]+int(e.players) > s.rules.Teams.Max {
		return
	}
	sizes[team] += int(e.players)
	d.add(e, int32(team))
}
