package matchfn

import (
	"cmp"
	"math"
	"slices"
)

// splitter makes the teams of drafts even.
type splitter struct {
	rules    *compiledRules
	pools    *pools
	sums     []float64 // skill times players, by member
	sizes    []int     // players, by member
	rest     []int     // players of this member and those after it.
	teamSums []float64
	teamSize []int
	pick     []bool
	bestPick []bool
	order    []int
	best     float64
}

// split makes the teams of a draft as even as it can without changing their sizes.
// Two teams of a few groups get the best split of all. Otherwise it puts each
// player, the best first, into the weakest team, and swaps groups of one size
// between the strongest and the weakest team.
func (s *splitter) split(d *draft) {
	d.split = true
	if s.rules.Teams.Max == 1 || d.teams == 1 {
		d.uneven = 0
		if d.teams > 1 {
			d.uneven = d.high - d.low
		}
		return
	}
	alone := s.readTeams(d)
	switch {
	case d.teams == 2 && len(d.members) <= maxSplit:
		s.bestOfTwo(d)
	case alone:
		s.byStrength(d)
		s.swaps(d)
	default:
		s.swaps(d)
	}
	d.uneven = s.difference()
}

// keepSplit is split for teams that are even enough already: it never makes them
// less even.
func (s *splitter) keepSplit(d *draft) {
	if d.teams == 2 && len(d.members) <= maxSplit {
		s.split(d)
		return
	}
	s.readTeams(d)
	d.split, d.uneven = true, s.difference()
}

// readTeams reads a draft's members and teams. alone reports whether no group is a
// party.
func (s *splitter) readTeams(d *draft) (alone bool) {
	s.sums, s.sizes = s.sums[:0], s.sizes[:0]
	alone = true
	for _, i := range d.members {
		f := &s.pools.info[i]
		s.sums, s.sizes = append(s.sums, f.skill*float64(f.players)), append(s.sizes, int(f.players))
		alone = alone && f.players == 1
	}
	s.count(d)
	return alone
}

// count adds up the teams as they are.
func (s *splitter) count(d *draft) {
	s.teamSums = slices.Grow(s.teamSums[:0], d.teams)[:d.teams]
	s.teamSize = slices.Grow(s.teamSize[:0], d.teams)[:d.teams]
	clear(s.teamSums)
	clear(s.teamSize)
	for n, team := range d.team {
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

// bestOfTwo tries all ways to choose the first of two teams.
func (s *splitter) bestOfTwo(d *draft) {
	n := len(d.members)
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
		d.team[i] = 1
		if first {
			d.team[i] = 0
		}
	}
	s.count(d)
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

// byStrength seats single players again, the best first, each in the weakest team
// that has room.
func (s *splitter) byStrength(d *draft) {
	s.order = s.order[:0]
	for n := range d.members {
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
		d.team[n] = int32(weakest)
	}
}

// swaps groups of one size between the strongest and the weakest team while that
// brings these two closer to each other and no other further apart.
func (s *splitter) swaps(d *draft) {
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
		if !s.swap(d, int32(strong), int32(weak)) {
			return
		}
	}
}

func (s *splitter) swap(d *draft, strong, weak int32) bool {
	gap := s.mean(int(strong)) - s.mean(int(weak))
	perPoint := 1/float64(s.teamSize[strong]) + 1/float64(s.teamSize[weak])
	best, bestA, bestB := gap, -1, -1
	for a := range d.team {
		if d.team[a] != strong {
			continue
		}
		for b := range d.team {
			if d.team[b] != weak || s.sizes[a] != s.sizes[b] {
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
	d.team[bestA], d.team[bestB] = weak, strong
	s.teamSums[strong] -= moved
	s.teamSums[weak] += moved
	return true
}
