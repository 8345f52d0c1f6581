package matchfn

import (
	"slices"
	"sort"
)

// sizeIndex lists the entries of pools by the players of their groups. Where one
// size of party is plenty, it finds the others behind them. A pool is indexed
// when it is first asked for in a cycle.
type sizeIndex struct {
	sorted []int32         // entries, in the place of their pool; by size, then by place
	starts []int32         // for each indexed pool, where each size begins
	of     map[int32]int32 // where a pool's starts are
}

func (x *sizeIndex) begin(entries int) {
	x.sorted = slices.Grow(x.sorted[:0], entries)[:entries]
	x.starts = x.starts[:0]
	if x.of == nil {
		x.of = make(map[int32]int32)
	}
	clear(x.of)
}

// bySize lists the entries of a pool whose groups have so many players.
func (m *Matcher) bySize(pool int32, players int) []int32 {
	p := &m.pools
	x := &p.sizes
	from, end := p.starts[pool], p.starts[pool+1]
	at, ok := x.of[pool]
	if !ok {
		at = int32(len(x.starts))
		x.of[pool] = at
		x.starts = append(x.starts, make([]int32, m.rules.Party.Max+2)...)
		starts := x.starts[at:]
		for e := from; e < end; e++ {
			starts[p.entries[e].players+1]++
		}
		for size := 1; size < len(starts); size++ {
			starts[size] += starts[size-1]
		}
		for e := from; e < end; e++ {
			size := p.entries[e].players
			x.sorted[from+starts[size]] = e
			starts[size]++
		}
		copy(starts[1:], starts) // each has moved on to where the next begins
		starts[0] = 0
	}
	starts := x.starts[at:][:m.rules.Party.Max+2]
	return x.sorted[from+starts[players] : from+starts[players+1]]
}

// lookBySize lays out the window around an entry like look, with as many groups
// of each size on each side as a match could use, times so many.
func (m *Matcher) lookBySize(e, pool int32, level uint8, distance float64, times int) {
	s := &m.search
	s.window = append(s.window[:0], e)
	for size := 1; size <= m.rules.Party.Max; size++ {
		list := m.bySize(pool, size)
		at := sort.Search(len(list), func(n int) bool { return list[n] >= e })
		useful := times * m.rules.Teams.Count * (m.rules.Teams.Max / size)
		m.collect(e, list[:at], -1, level, distance, useful)
		if at < len(list) && list[at] == e {
			at++
		}
		m.collect(e, list[at:], 1, level, distance, useful)
	}
	slices.Sort(s.window)
	s.at = slices.Index(s.window, e)
}

// collect takes entries of a list into the window, from its end if the step is
// back.
func (m *Matcher) collect(e int32, list []int32, step int, level uint8, distance float64, useful int) {
	p, s := &m.pools, &m.search
	own := p.entries[e].skill
	n := 0
	if step < 0 {
		n = len(list) - 1
	}
	most := useful + maxSizeLook
	for looked := 0; n >= 0 && n < len(list) && useful > 0 && looked < most; n, looked = n+step, looked+1 {
		at := &p.entries[list[n]]
		if m.bySkill && (at.skill-own)*float64(step) > distance {
			break
		}
		m.work++
		if at.level >= level && !p.taken[at.group] {
			s.window = append(s.window, list[n])
			useful--
		}
	}
}
