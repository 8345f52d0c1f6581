package matchfn

import (
	"cmp"
	"math"
	"slices"
)

// splitter makes teams even.
type splitter struct {
	sums     []float64 // skill times players, by member
	sizes    []int     // players, by member
	rest     []int     // players of this member and those after it
	teamSums []float64
	teamSize []int
	pick     []bool
	bestPick []bool
	order    []int
	best     float64
}

// split makes the teams of a trial as even as it can without changing their
// sizes: two teams of a few groups in the best way there is; others by putting
// each player, the best first, into the weakest team, and by swaps of groups of
// a size between the strongest and the weakest team.
func (m *Matcher) split(t *draft) {
	t.split = true
	if m.rules.Teams.Max == 1 || t.teams == 1 {
		t.uneven = 0
		if t.teams > 1 {
			t.uneven = t.high - t.low
		}
		return
	}
	alone := m.readTeams(t)
	s := &m.search.splitter
	switch {
	case t.teams == 2 && len(t.members) <= maxSplit:
		s.bestOfAll(t)
	case alone:
		s.draft(t)
		s.swaps(t)
	default:
		s.swaps(t)
	}
	t.uneven = s.difference()
}

// keepSplit is split for teams that are even enough already, and are not to
// become less so.
func (m *Matcher) keepSplit(t *draft) {
	if t.teams == 2 && len(t.members) <= maxSplit {
		m.split(t)
		return
	}
	m.readTeams(t)
	t.split, t.uneven = true, m.search.splitter.difference()
}

// readTeams reads in a trial's members and teams. It reports whether nobody is
// in a party.
func (m *Matcher) readTeams(t *draft) (alone bool) {
	s := &m.search.splitter
	s.sums, s.sizes = s.sums[:0], s.sizes[:0]
	alone = true
	for _, i := range t.members {
		f := &m.pools.info[i]
		s.sums, s.sizes = append(s.sums, f.skill*float64(f.players)), append(s.sizes, int(f.players))
		alone = alone && f.players == 1
	}
	s.count(t)
	return alone
}

// count adds up the teams as they are.
func (s *splitter) count(t *draft) {
	s.teamSums = slices.Grow(s.teamSums[:0], t.teams)[:t.teams]
	s.teamSize = slices.Grow(s.teamSize[:0], t.teams)[:t.teams]
	clear(s.teamSums)
	clear(s.teamSize)
	for n, team := range t.team {
		s.teamSums[team] += s.sums[n]
		s.teamSize[team] += s.sizes[n]
	}
}

func (s *splitter) mean(team int) float64 { return s.teamSums[team] / float64(s.teamSize[team]) }

// difference is between the means of the strongest and the weakest team.
func (s *splitter) difference() float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for team := range s.teamSums {
		low, high = min(low, s.mean(team)), max(high, s.mean(team))
	}
	return high - low
}

// bestOfAll tries all ways to choose the first of two teams.
func (s *splitter) bestOfAll(t *draft) {
	n := len(t.members)
	s.pick = slices.Grow(s.pick[:0], n)[:n]
	s.bestPick = slices.Grow(s.bestPick[:0], n)[:n]
	s.rest = slices.Grow(s.rest[:0], n+1)[:n+1]
	s.rest[n] = 0
	for i := n - 1; i >= 0; i-- {
		s.rest[i] = s.rest[i+1] + s.sizes[i]
	}
	s.best = math.Inf(1)
	total := s.teamSums[0] + s.teamSums[1]
	s.choose(0, s.teamSize[0], 0, total)
	for i, first := range s.bestPick {
		t.team[i] = 1
		if first {
			t.team[i] = 0
		}
	}
	s.count(t)
}

// choose decides on the members from i on, with room left in the first team.
func (s *splitter) choose(i, room int, sum, total float64) {
	if room == 0 {
		uneven := math.Abs(sum/float64(s.teamSize[0]) - (total-sum)/float64(s.teamSize[1]))
		if uneven < s.best {
			s.best = uneven
			copy(s.bestPick, s.pick[:i])
			clear(s.bestPick[i:])
		}
		return
	}
	if s.rest[i] < room {
		return
	}
	if s.sizes[i] <= room {
		s.pick[i] = true
		s.choose(i+1, room-s.sizes[i], sum+s.sums[i], total)
	}
	if i == 0 && s.teamSize[0] == s.teamSize[1] {
		return // the other half are the same with the teams changed over
	}
	s.pick[i] = false
	s.choose(i+1, room, sum, total)
}

// draft seats single players anew, the best first, each in the weakest team that
// has room.
func (s *splitter) draft(t *draft) {
	s.order = s.order[:0]
	for n := range t.members {
		s.order = append(s.order, n)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(s.sums[b], s.sums[a]) })
	room := s.rest[:0]
	room = append(room, s.teamSize...)
	s.rest = room
	clear(s.teamSums)
	for _, n := range s.order {
		weakest := -1
		for team := range room {
			if room[team] > 0 && (weakest < 0 || s.teamSums[team] < s.teamSums[weakest]) {
				weakest = team
			}
		}
		room[weakest]--
		s.teamSums[weakest] += s.sums[n]
		t.team[n] = int32(weakest)
	}
}

// swaps groups of one size between the strongest and the weakest team while that
// brings these two closer to each other and no other further apart.
func (s *splitter) swaps(t *draft) {
	for range maxSwaps {
		strong, weak := 0, 0
		for team := range s.teamSums {
			if s.mean(team) > s.mean(strong) {
				strong = team
			}
			if s.mean(team) < s.mean(weak) {
				weak = team
			}
		}
		if !s.swap(t, int32(strong), int32(weak)) {
			return
		}
	}
}

func (s *splitter) swap(t *draft, strong, weak int32) bool {
	gap := s.mean(int(strong)) - s.mean(int(weak))
	perPoint := 1/float64(s.teamSize[strong]) + 1/float64(s.teamSize[weak])
	best, bestA, bestB := gap, -1, -1
	for a := range t.team {
		if t.team[a] != strong {
			continue
		}
		for b := range t.team {
			if t.team[b] != weak || s.sizes[a] != s.sizes[b] {
				continue
			}
			if left := math.Abs(gap - (s.sums[a]-s.sums[b])*perPoint); left < best {
				best, bestA, bestB = left, a, b
			}
		}
	}
	// What rounding leaves over is no gain, and could go back and forth.
	if bestA < 0 || gap-best < 1e-9*math.Max(gap, 1) {
		return false
	}
	moved := s.sums[bestA] - s.sums[bestB]
	t.team[bestA], t.team[bestB] = weak, strong
	s.teamSums[strong] -= moved
	s.teamSums[weak] += moved
	return true
}
