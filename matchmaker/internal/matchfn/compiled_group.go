package matchfn

import (
	"math"
	"slices"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// candidate is a group as the matcher works with it. It is kept as long as the
// group is among those given.
type compiledGroup struct {
	group    *matchfunc.Group
	created  int64 // Unix time in nanoseconds
	skill    float64
	players  int32
	set      int32 // what it says of itself: index of Matcher.attributeSets
	admitted bool  // false: the rules can never hold for it
	cycle    uint32
	at       int32  // place among the groups given, in the latest cycle
	fleet    uint32 // the Matcher.fleet that the fields below are of

	// What it accepts, while it has waited from from until until.
	from, until time.Duration
	level       uint8 // of distance: index of Matcher.distances
	balance     float64
	regions     uint64 // bit by index of Matcher.regions
	requirement int32  // index of Matcher.requirements
}

// admit takes the cycle's groups in and lets go of those that are gone.
func (m *Matcher) admit(groups []*matchfunc.Group, now time.Time) {
	m.cycle++
	m.now = now.UnixNano()
	m.slots = slices.Grow(m.slots[:0], len(groups))[:len(groups)]
	m.before, m.given = m.given, m.before[:0]
	next := int32(0) // of those of the cycle before, who mostly come again in their order
	for i, g := range groups {
		slot := int32(0)
		if int(next) < len(m.before) && m.before[next].group == g {
			slot = m.before[next].slot
		} else {
			slot = m.slotOf(g)
		}
		c := &m.groups[slot]
		next = c.at + 1
		c.at = int32(i)
		m.given = append(m.given, cycleGroup{g, slot})
		if c.cycle == m.cycle {
			slot = -1 // given twice
		} else if c.cycle = m.cycle; c.admitted {
			m.refresh(slot)
		} else {
			slot = -1
		}
		m.slots[i] = slot
	}
	clear(m.before)
	if len(m.bySlot) == len(groups) {
		return
	}
	for slot := range m.groups {
		if c := &m.groups[slot]; c.group != nil && c.cycle != m.cycle {
			delete(m.bySlot, c.group)
			*c = compiledGroup{}
			m.free = append(m.free, int32(slot))
		}
	}
}

// given is a group of a cycle and its candidate.
type cycleGroup struct {
	group *matchfunc.Group
	slot  int32
}

// slotOf finds or makes the candidate of a group.
func (m *Matcher) slotOf(g *matchfunc.Group) int32 {
	slot, ok := m.bySlot[g]
	if !ok {
		slot = m.newSlot()
		m.bySlot[g] = slot
		m.compile(slot, g)
	}
	return slot
}

func (m *Matcher) newSlot() int32 {
	if n := len(m.free); n > 0 {
		slot := m.free[n-1]
		m.free = m.free[:n-1]
		return slot
	}
	m.groups = append(m.groups, compiledGroup{})
	for range m.regions {
		m.latencies = append(m.latencies, 0)
	}
	return int32(len(m.groups) - 1)
}

// compile reads what does not change while the group waits.
func (m *Matcher) compile(slot int32, g *matchfunc.Group) {
	c := &m.groups[slot]
	*c = compiledGroup{group: g, created: g.Created.UnixNano(), players: int32(len(g.Players)), skill: meanSkill(g), at: math.MaxInt32 - 1}
	if Admit(m.rules, g) != nil {
		return
	}
	c.admitted = true
	c.set = m.attributeSetOf(g)
	m.measure(slot)
}

// measure reads the group's latencies to the regions that count now.
func (m *Matcher) measure(slot int32) {
	g := m.groups[slot].group
	of := m.latencies[int(slot)*len(m.regions):][:len(m.regions)]
	for r, name := range m.regions {
		of[r] = unmeasured
		if measured, ok := g.Latency[name]; ok {
			of[r] = measured
		}
	}
}

// unmeasured is the latency to a region that a group has no measure of.
const unmeasured = time.Duration(math.MaxInt64)

func (m *Matcher) latency(slot int32, region int) time.Duration {
	return m.latencies[int(slot)*len(m.regions)+region]
}

func (m *Matcher) waited(c *compiledGroup) time.Duration {
	return time.Duration(max(m.now-c.created, 0))
}

// refresh brings what the group accepts up to its wait.
func (m *Matcher) refresh(slot int32) {
	c := &m.groups[slot]
	waited := m.waited(c)
	if c.fleet == m.fleet && waited >= c.from && waited < c.until {
		return
	}
	c.fleet = m.fleet
	c.from, c.until = 0, math.MaxInt64
	for _, step := range m.steps {
		if waited < step {
			c.until = step
			break
		}
		c.from = step
	}
	q := m.rules
	distance := math.Inf(1)
	c.balance = math.Inf(1)
	if q.Skill != nil {
		distance = q.Skill.At(waited)
	}
	if q.Balance != nil {
		c.balance = q.Balance.At(waited)
		if q.Teams.Max == 1 {
			distance = min(distance, c.balance) // teams of one differ as their players do
		}
	}
	c.level = uint8(slices.Index(m.distances, distance))
	c.regions = 1
	if q.Latency != nil {
		c.regions = 0
		most := q.Latency.At(waited)
		for r := range m.regions {
			if m.latency(slot, r) <= most {
				c.regions |= 1 << r
			}
		}
	}
	var cares uint32
	for i := range q.Attributes {
		if q.Attributes[i].Cares(waited) {
			cares |= 1 << i
		}
	}
	c.requirement = m.requirementsOf(c.set, cares)
}

func meanSkill(g *matchfunc.Group) float64 {
	sum := 0.0
	for _, p := range g.Players {
		sum += p.Skill
	}
	return sum / float64(len(g.Players))
}

// relaxations lists the waits at which something of the rules changes.
func relaxations(q *rules.Queue) []time.Duration {
	var steps []time.Duration
	if q.Skill != nil {
		for _, s := range q.Skill.Relax {
			steps = append(steps, s.After)
		}
	}
	if q.Latency != nil {
		for _, s := range q.Latency.Relax {
			steps = append(steps, s.After)
		}
	}
	if q.Balance != nil {
		for _, s := range q.Balance.Relax {
			steps = append(steps, s.After)
		}
	}
	for _, s := range q.Teams.Fill {
		steps = append(steps, s.After)
	}
	for _, a := range q.Attributes {
		if a.DropAfter > 0 {
			steps = append(steps, a.DropAfter)
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps)
}

// distances lists what distances groups can accept, the least first. The least
// that the groups of a match accept is one of them.
func distances(q *rules.Queue) []float64 {
	var list []float64
	if q.Skill != nil {
		list = append(list, q.Skill.Distance)
		for _, s := range q.Skill.Relax {
			list = append(list, s.Distance)
		}
	}
	if q.Balance != nil && q.Teams.Max == 1 {
		list = append(list, q.Balance.Difference)
		for _, s := range q.Balance.Relax {
			list = append(list, s.Difference)
		}
	}
	if len(list) == 0 {
		return []float64{math.Inf(1)}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
