package matchfn

import (
	"math/bits"
	"slices"
	"time"
)

// entry is a group's place in a pool.
type entry struct {
	skill      float64
	distance   float64
	group      int32 // index of the cycle's groups
	players    int32
	prev, next int32 // entries of the same pool that are left; -1: none
}

// pools hold the groups that are left, one pool for each cell and region. All
// groups of a pool may be in one match as far as version, attributes and latency
// go. The entries of a pool are in the order of skill, or of waiting where skill
// does not matter, and lie side by side.
type pools struct {
	order   []int32 // groups by priority, then by waiting
	rank    []int32 // by group, its place in order
	taken   []bool
	left    int // players
	regions int
	starts  []int32 // by pool, its first entry; the next pool's is its end
	entries []entry
	mine    []int32 // entries of group i: mine[mineFrom[i]:mineFrom[i+1]]
	poolOf  []int32 // the pools of the same
	from    []int32
	sorter  sorter
}

// fillPools puts all groups in order and into their pools.
func (m *Matcher) fillPools(now time.Time) {
	p := &m.pools
	p.regions = 1
	if m.rules.Latency != nil {
		p.regions = max(len(m.regions), 1)
	}
	n := len(m.slots)
	p.taken = slices.Grow(p.taken[:0], n)[:n]
	clear(p.taken)
	m.orderByWait()
	m.countValues()
	m.countMemberships(now)
	m.enterPools()
	p.left = 0
	for _, slot := range m.slots {
		if slot >= 0 {
			p.left += int(m.candidates[slot].players)
		}
	}
}

func (m *Matcher) orderByWait() {
	p, s := &m.pools, &m.pools.sorter
	s.reset(len(m.slots))
	priorities := false
	for i, slot := range m.slots {
		s.ids[i] = int32(i)
		s.keys[i] = 0
		if slot >= 0 {
			s.keys[i] = intKey(m.candidates[slot].created)
			priorities = priorities || m.candidates[slot].group.Priority != 0
		}
	}
	s.sort()
	if priorities {
		for n, i := range s.ids {
			s.keys[n] = 0
			if slot := m.slots[i]; slot >= 0 {
				s.keys[n] = ^intKey(int64(m.candidates[slot].group.Priority))
			}
		}
		s.sort()
	}
	p.order = append(p.order[:0], s.ids...)
	p.rank = slices.Grow(p.rank[:0], len(p.order))[:len(p.order)]
	for n, i := range p.order {
		p.rank[i] = int32(n)
	}
}

// countValues notes whether groups that leave something open have to be asked
// to fit new values.
func (m *Matcher) countValues() {
	interned := 0
	for d := range m.dimensions {
		interned += len(m.dimensions[d].ids)
	}
	if interned != m.interned {
		m.known++
	}
	m.interned = interned
}

// countMemberships lays out the pools.
func (m *Matcher) countMemberships(now time.Time) {
	p := &m.pools
	limit := min(max(maxMemberships/len(m.slots)/p.regions, 4), maxCells)
	p.from = slices.Grow(p.from[:0], len(m.slots)+1)[:len(m.slots)+1]
	p.starts = p.starts[:0]
	total := int32(0)
	for i, slot := range m.slots {
		p.from[i] = total
		if slot < 0 {
			continue
		}
		c := &m.candidates[slot]
		class := &m.classes[c.class]
		m.listCells(class, limit, int(now.Unix()&0xffffffff))
		regions := c.regions & m.open
		for _, cell := range class.cells {
			if pools := len(m.cells)*p.regions + 1; len(p.starts) < pools {
				old := len(p.starts)
				p.starts = slices.Grow(p.starts, pools-old)[:pools]
				clear(p.starts[old:])
			}
			for rest := regions; rest != 0; rest &= rest - 1 {
				p.starts[int(cell)*p.regions+bits.TrailingZeros64(rest)]++
				total++
			}
		}
	}
	p.from[len(m.slots)] = total
	at := int32(0)
	for pool, n := range p.starts {
		p.starts[pool] = at
		at += n
	}
	p.entries = slices.Grow(p.entries[:0], int(total))[:total]
	p.mine = slices.Grow(p.mine[:0], int(total))[:total]
	p.poolOf = slices.Grow(p.poolOf[:0], int(total))[:total]
}

// enterPools enters all groups, in the order of pools. While it does, starts are
// where each pool's next entry goes; then they are where it ends, which is where
// the next begins.
func (m *Matcher) enterPools() {
	p := &m.pools
	for _, i := range m.poolOrder() {
		slot := m.slots[i]
		if slot < 0 {
			continue
		}
		c := &m.candidates[slot]
		regions := c.regions & m.open
		at := p.from[i]
		for _, cell := range m.classes[c.class].cells {
			for rest := regions; rest != 0; rest &= rest - 1 {
				pool := cell*int32(p.regions) + int32(bits.TrailingZeros64(rest))
				e := p.starts[pool]
				p.starts[pool]++
				p.entries[e] = entry{skill: c.skill, distance: c.distance, group: i, players: c.players, prev: e - 1, next: e + 1}
				p.mine[at], p.poolOf[at] = e, pool
				at++
			}
		}
	}
	if len(p.starts) > 0 {
		copy(p.starts[1:], p.starts)
		p.starts[0] = 0
	}
	for pool := range max(len(p.starts)-1, 0) {
		if from, end := p.starts[pool], p.starts[pool+1]; from < end {
			p.entries[from].prev, p.entries[end-1].next = -1, -1
		}
	}
}

func (m *Matcher) poolOrder() []int32 {
	if !m.bySkill {
		return m.pools.order
	}
	s := &m.pools.sorter
	s.reset(len(m.slots))
	for n, i := range m.pools.order {
		s.ids[n] = i
		s.keys[n] = 0
		if slot := m.slots[i]; slot >= 0 {
			s.keys[n] = floatKey(m.candidates[slot].skill)
		}
	}
	s.sort()
	return s.ids
}

// take removes a group from all its pools.
func (p *pools) take(i, players int32) {
	p.taken[i] = true
	p.left -= int(players)
	for _, e := range p.mine[p.from[i]:p.from[i+1]] {
		at := &p.entries[e]
		if at.prev >= 0 {
			p.entries[at.prev].next = at.next
		}
		if at.next >= 0 {
			p.entries[at.next].prev = at.prev
		}
	}
}
