package matchfn

import (
	"math/bits"
	"slices"
	"time"
)

// entry is a group's place in a pool. It holds what most searches need, in half a
// cache line.
type entry struct {
	skill      float64
	group      int32 // index of the cycle's groups
	prev, next int32 // entries of the same pool; -1: none. See pools.before and after
	// latency is that to the pool's region, as a share of the largest that is allowed,
	// times players.
	latency float32
	players uint16
	level   uint8 // of distance
	viable  bool  // enough players were around it at the beginning of the cycle.
}

// groupInfo is what else searches need of a group.
type groupInfo struct {
	skill   float64
	balance float64
	created int64
	players int32
	level   uint8
	viable  bool // in one of its pools
}

// membership is a group's place in one of its pools.
type membership struct {
	pool    int32
	entry   int32
	latency float32
}

// pools hold the groups that are left, one pool for each cell and region. All
// groups of a pool fit together by version, attributes and latency. The entries of
// a pool are in order of skill, or of waiting where skill does not matter, and lie
// side by side.
type pools struct {
	rules      *compiledRules
	fleet      *fleetIndex
	groups     *groupIndex
	attributes *attributeIndex

	order       []int32 // groups by priority, then by waiting
	rank        []int32 // by group: its place in order
	taken       []bool  // by group
	left        int     // players
	regions     int
	starts      []int32 // by pool: its first entry; the next pool's is its end
	entries     []entry
	info        []groupInfo  // by group
	memberships []membership // of group i: memberships[from[i]:from[i+1]]
	from        []int32
	sizes       sizeIndex
	sorter      sorter
}

// fill puts all groups in order and into their pools.
func (p *pools) fill(now time.Time, packer *packer) {
	p.regions = 1
	if p.rules.Latency != nil {
		p.regions = max(len(p.fleet.regions), 1)
	}
	n := len(p.groups.slots)
	p.taken = slices.Grow(p.taken[:0], n)[:n]
	clear(p.taken)
	p.orderByWait()
	p.attributes.countValues()
	p.countMemberships(now)
	p.enterGroups()
	p.sizes.begin(len(p.entries))
	p.markViable(packer)
}

func (p *pools) orderByWait() {
	s, slots := &p.sorter, p.groups.slots
	s.reset(len(slots))
	priorities := false
	for i, slot := range slots {
		s.ids[i] = int32(i)
		s.keys[i] = 0
		if slot >= 0 {
			s.keys[i] = intKey(p.groups.groups[slot].created)
			priorities = priorities || p.groups.groups[slot].group.Priority != 0
		}
	}
	s.sort()
	if priorities {
		for n, i := range s.ids {
			s.keys[n] = 0
			if slot := slots[i]; slot >= 0 {
				s.keys[n] = ^intKey(int64(p.groups.groups[slot].group.Priority))
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

// countMemberships lists the pools of each group, and lays out the pools.
func (p *pools) countMemberships(now time.Time) {
	slots := p.groups.slots
	limit := min(max(maxMemberships/len(slots)/p.regions, 4), maxCells)
	turn := int(now.Unix() & 0xffffffff)
	p.from = slices.Grow(p.from[:0], len(slots)+1)[:len(slots)+1]
	p.starts = p.starts[:0]
	p.info = slices.Grow(p.info[:0], len(slots))[:len(slots)]
	p.memberships = p.memberships[:0]
	p.left = 0
	widest := 1.0
	if p.rules.Latency != nil {
		widest = float64(p.rules.Latency.Widest())
	}
	for i, slot := range slots {
		p.from[i] = int32(len(p.memberships))
		if slot < 0 {
			p.info[i] = groupInfo{}
			continue
		}
		c := &p.groups.groups[slot]
		p.info[i] = groupInfo{skill: c.skill, balance: c.balance, created: c.created, players: c.players, level: c.level}
		p.left += int(c.players)
		p.addMemberships(slot, p.attributes.cellsOf(c.requirement, limit, turn), widest)
	}
	p.from[len(slots)] = int32(len(p.memberships))
	at := int32(0)
	for pool, n := range p.starts {
		p.starts[pool] = at
		at += n
	}
	p.entries = slices.Grow(p.entries[:0], len(p.memberships))[:len(p.memberships)]
}

// addMemberships counts a group in the pools of its cells and regions. widest is the
// largest latency that the rules allow.
func (p *pools) addMemberships(slot int32, cells []int32, widest float64) {
	c := &p.groups.groups[slot]
	if pools := len(p.attributes.cells)*p.regions + 1; len(p.starts) < pools {
		old := len(p.starts)
		p.starts = slices.Grow(p.starts, pools-old)[:pools]
		clear(p.starts[old:])
	}
	for _, cell := range cells {
		for rest := c.regions & p.fleet.open; rest != 0; rest &= rest - 1 {
			region := bits.TrailingZeros64(rest)
			member := membership{pool: cell*int32(p.regions) + int32(region)}
			if p.rules.Latency != nil {
				member.latency = float32(float64(p.groups.latency(slot, region)) / widest * float64(c.players))
			}
			p.starts[member.pool]++
			p.memberships = append(p.memberships, member)
		}
	}
}

// enterGroups enters all groups, in the order of pools. Meanwhile starts are where
// each pool's next entry goes. At the end this is where the next pool begins.
func (p *pools) enterGroups() {
	for _, i := range p.poolOrder() {
		f := &p.info[i]
		for n := p.from[i]; n < p.from[i+1]; n++ {
			member := &p.memberships[n]
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

// poolOrder is the order of the entries of all pools.
func (p *pools) poolOrder() []int32 {
	if !p.rules.bySkill {
		return p.order
	}
	s := &p.sorter
	s.reset(len(p.groups.slots))
	for n, i := range p.order {
		s.ids[n] = i
		s.keys[n] = floatKey(p.info[i].skill)
	}
	s.sort()
	return s.ids
}

// markViable marks the entries with enough players around them for the smallest
// match, in one sweep over each pool for each distance. A party that fills no team
// with any others of its pool is not viable. In a queue where few groups can be
// matched this saves the searches of the others.
func (p *pools) markViable(packer *packer) {
	for pool := range max(len(p.starts)-1, 0) {
		from, end := p.starts[pool], p.starts[pool+1]
		if end-from < int32(p.rules.minGroups) {
			continue
		}
		fit := p.fittingSizes(p.entries[from:end], packer)
		for level, distance := range p.rules.distances {
			p.sweep(p.entries[from:end], uint8(level), distance, fit)
		}
	}
}

// fittingSizes are the sizes of parties that could be in a match if all groups of
// the pool were near enough, by number of players; nil: all.
func (p *pools) fittingSizes(pool []entry, s *packer) []bool {
	if !s.parties || p.rules.minPlayers < p.rules.maxPlayers {
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

// sweep moves a window of the distance over a pool, and marks its entries when they
// have enough players that accept the distance.
func (p *pools) sweep(pool []entry, level uint8, distance float64, fit []bool) {
	last, marked, players := -1, -1, 0
	for first := range pool {
		if pool[first].level < level {
			continue
		}
		for last+1 < len(pool) && (!p.rules.bySkill || pool[last+1].skill-pool[first].skill <= distance) {
			last++
			if pool[last].level >= level {
				players += int(pool[last].players)
			}
		}
		if players >= p.rules.minPlayers {
			for marked = max(marked+1, first); marked <= last; marked++ {
				if e := &pool[marked]; e.level >= level && !e.viable && (fit == nil || fit[e.players]) {
					e.viable = true
					p.info[e.group].viable = true
				}
			}
			marked = last
		}
		players -= int(pool[first].players)
	}
}

// of lists the pools of a group.
func (p *pools) of(i int32) []membership { return p.memberships[p.from[i]:p.from[i+1]] }

// pool is the number of the pool of a cell and region; its entries are
// entries[from:end].
func (p *pools) pool(cell, region int) (from, end int32) {
	pool := cell*p.regions + region
	return p.starts[pool], p.starts[pool+1]
}

// take removes a group from all its pools. Walks drop its entries when they meet
// them, which is cheaper than to visit all of them here.
func (p *pools) take(i int32) {
	p.taken[i] = true
	p.left -= int(p.info[i].players)
}

// meanLatency is the mean latency of the players in groups that have measured the
// region; 0 if none has.
func (p *pools) meanLatency(members []int32, region int) time.Duration {
	sum, n := time.Duration(0), time.Duration(0)
	for _, i := range members {
		if latency := p.groups.latency(p.groups.slots[i], region); latency != unmeasured {
			players := time.Duration(p.info[i].players)
			sum += latency * players
			n += players
		}
	}
	return sum / max(n, 1)
}

// before is the nearest entry before e in its pool that is left; -1: none.
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

// after is the nearest entry after e in its pool that is left; -1: none.
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
