package matchfn

import (
	"math/bits"
	"slices"
	"time"
)

// entry is a group's place in a pool. It has all that most searches look at, in
// half a cache line.
type entry struct {
	skill      float64
	group      int32   // index of the cycle's groups
	prev, next int32   // entries of the same pool; -1: none. See pools.before and after
	latency    float32 // to the pool's region, as a share of the largest that is allowed, times players
	players    uint16
	level      uint8 // of distance
	viable     bool  // there were enough players around it when the cycle began
}

// fact is what else searches look at of a group.
type groupInfo struct {
	skill   float64
	balance float64
	created int64
	players int32
	level   uint8
	viable  bool // in one of its pools
}

// membership is a group's being in a pool.
type membership struct {
	pool    int32
	entry   int32
	latency float32
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
	info    []groupInfo  // by group
	mine    []membership // of group i: mine[from[i]:from[i+1]]
	from    []int32
	sizes   sizeIndex
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
	p.sizes.begin(len(p.entries))
	m.markViable()
}

func (m *Matcher) orderByWait() {
	p, s := &m.pools, &m.pools.sorter
	s.reset(len(m.slots))
	priorities := false
	for i, slot := range m.slots {
		s.ids[i] = int32(i)
		s.keys[i] = 0
		if slot >= 0 {
			s.keys[i] = intKey(m.groups[slot].created)
			priorities = priorities || m.groups[slot].group.Priority != 0
		}
	}
	s.sort()
	if priorities {
		for n, i := range s.ids {
			s.keys[n] = 0
			if slot := m.slots[i]; slot >= 0 {
				s.keys[n] = ^intKey(int64(m.groups[slot].group.Priority))
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
	p.info = slices.Grow(p.info[:0], len(m.slots))[:len(m.slots)]
	p.mine = p.mine[:0]
	p.left = 0
	widest := 1.0
	if m.rules.Latency != nil {
		widest = float64(m.rules.Latency.Widest())
	}
	for i, slot := range m.slots {
		p.from[i] = int32(len(p.mine))
		if slot < 0 {
			p.info[i] = groupInfo{}
			continue
		}
		c := &m.groups[slot]
		p.info[i] = groupInfo{skill: c.skill, balance: c.balance, created: c.created, players: c.players, level: c.level}
		p.left += int(c.players)
		requirement := &m.requirements[c.requirement]
		m.listCells(requirement, limit, int(now.Unix()&0xffffffff))
		regions := c.regions & m.open
		for _, cell := range requirement.cells {
			if pools := len(m.cells)*p.regions + 1; len(p.starts) < pools {
				old := len(p.starts)
				p.starts = slices.Grow(p.starts, pools-old)[:pools]
				clear(p.starts[old:])
			}
			for rest := regions; rest != 0; rest &= rest - 1 {
				region := bits.TrailingZeros64(rest)
				member := membership{pool: cell*int32(p.regions) + int32(region)}
				if m.rules.Latency != nil {
					member.latency = float32(float64(m.latency(slot, region)) / widest * float64(c.players))
				}
				p.starts[member.pool]++
				p.mine = append(p.mine, member)
			}
		}
	}
	p.from[len(m.slots)] = int32(len(p.mine))
	at := int32(0)
	for pool, n := range p.starts {
		p.starts[pool] = at
		at += n
	}
	p.entries = slices.Grow(p.entries[:0], len(p.mine))[:len(p.mine)]
}

// enterPools enters all groups, in the order of pools. While it does, starts are
// where each pool's next entry goes; then they are where it ends, which is where
// the next begins.
func (m *Matcher) enterPools() {
	p := &m.pools
	for _, i := range m.poolOrder() {
		f := &p.info[i]
		for n := p.from[i]; n < p.from[i+1]; n++ {
			member := &p.mine[n]
			e := p.starts[member.pool]
			p.starts[member.pool]++
			member.entry = e
			p.entries[e] = entry{
				skill: f.skill, group: i, prev: e - 1, next: e + 1,
				latency: member.latency, players: uint16(f.players), level: f.level,
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
		s.keys[n] = floatKey(m.pools.info[i].skill)
	}
	s.sort()
	return s.ids
}

// markViable finds those who have enough players around them for the smallest
// match, in one sweep over each pool for each distance, and leaves out parties
// that fill no team with all that are in the pool. In a queue where few can be
// matched it spares the others their searches.
func (m *Matcher) markViable() {
	p := &m.pools
	for pool := range max(len(p.starts)-1, 0) {
		from, end := p.starts[pool], p.starts[pool+1]
		if end-from < int32(m.minGroups) {
			continue
		}
		fit := m.fitting(p.entries[from:end])
		for level, distance := range m.distances {
			m.sweep(p.entries[from:end], uint8(level), distance, fit)
		}
	}
}

// fitting is what sizes of parties could be in a match if all of the pool were
// near enough, by their players; nil: all.
func (m *Matcher) fitting(pool []entry) []bool {
	s := &m.search.packer
	if !s.parties || m.minPlayers < m.maxPlayers {
		return nil
	}
	s.clear()
	for n := range pool {
		s.add(pool[n].players)
	}
	s.fitting = slices.Grow(s.fitting[:0], len(s.counts))[:len(s.counts)]
	for size, n := range s.counts {
		s.fitting[size] = n > 0 && (s.fits(uint16(size)) || s.gaveUp())
	}
	return s.fitting
}

// sweep moves a window of the distance over a pool and marks what is in it
// whenever it has enough players who accept the distance.
func (m *Matcher) sweep(pool []entry, level uint8, distance float64, fit []bool) {
	last, marked, players := -1, -1, 0
	for first := range pool {
		if pool[first].level < level {
			continue
		}
		for last+1 < len(pool) && (!m.bySkill || pool[last+1].skill-pool[first].skill <= distance) {
			last++
			if pool[last].level >= level {
				players += int(pool[last].players)
			}
		}
		if players >= m.minPlayers {
			for marked = max(marked+1, first); marked <= last; marked++ {
				if e := &pool[marked]; e.level >= level && !e.viable && (fit == nil || fit[e.players]) {
					e.viable = true
					m.pools.info[e.group].viable = true
				}
			}
			marked = last
		}
		players -= int(pool[first].players)
	}
}

// take removes a group from all its pools. Its entries are let go of when
// somebody comes across them, which spares the way to all of them now.
func (p *pools) take(i int32) {
	p.taken[i] = true
	p.left -= int(p.info[i].players)
}

// before is the entry next to one that is left, towards the start of its pool;
// -1: none.
func (p *pools) before(e int32) int32 {
	at := p.entries[e].prev
	if at < 0 || !p.taken[p.entries[at].group] {
		return at
	}
	for at >= 0 && p.taken[p.entries[at].group] {
		at = p.entries[at].prev
	}
	p.entries[e].prev = at
	if at >= 0 {
		p.entries[at].next = e
	}
	return at
}

// after is the same towards the end.
func (p *pools) after(e int32) int32 {
	at := p.entries[e].next
	if at < 0 || !p.taken[p.entries[at].group] {
		return at
	}
	for at >= 0 && p.taken[p.entries[at].group] {
		at = p.entries[at].next
	}
	p.entries[e].next = at
	if at >= 0 {
		p.entries[at].prev = e
	}
	return at
}
