package matchfn

import "slices"

// teamSlab cuts the slices of proposals from large pieces.
type teamSlab struct {
	groups []int
	teams  [][]int
	counts []int
}

// of are the teams of a draft, for a proposal.
func (s *teamSlab) of(d *draft) [][]int {
	teams := carve(&s.teams, d.teams)
	s.counts = slices.Grow(s.counts[:0], d.teams)[:d.teams]
	clear(s.counts)
	for _, team := range d.team {
		s.counts[team]++
	}
	for i := range teams {
		teams[i] = carve(&s.groups, s.counts[i])[:0]
	}
	for n, i := range d.members {
		teams[d.team[n]] = append(teams[d.team[n]], int(i))
	}
	return teams
}

// carve cuts n elements from a slab.
func carve[T any](slab *[]T, n int) []T {
	if len(*slab) < n {
		*slab = make([]T, max(n, 4096))
	}
	piece := (*slab)[:n:n]
	*slab = (*slab)[n:]
	return piece
}
