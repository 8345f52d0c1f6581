package matchfn

import (
	"math"
	"slices"
	"time"

	"tactus/matchmaker/matchfunc"
)

// groupIndex knows what the groups of a cycle accept. It remembers a group, by its
// pointer, as long as each cycle has it, and looks at it again when its wait
// reaches a relaxation.
type groupIndex struct {
	rules      *compiledRules
	fleet      *fleetIndex
	attributes *attributeIndex

	now       int64           // of the cycle, Unix time in nanoseconds
	slots     []int32         // by number of the group in the cycle; -1: it takes no part
	groups    []compiledGroup // by slot
	latencies []time.Duration // by slot, then by region
	regions   uint32          // counts changes of the regions' numbers
	cycle     uint32
	slotOf    map[*matchfunc.Group]int32
	current   []cycleGroup // of this cycle
	previous  []cycleGroup // of the cycle before; scratch after update
	free      []int32      // slots
}

// compiledGroup is a group as searches need it.
type compiledGroup struct {
	group       *matchfunc.Group
	created     int64 // Unix time in nanoseconds
	skill       float64
	players     int32
	set         int32 // index of attributeIndex.sets
	admitted    bool  // false: the rules can never hold for it
	cycle       uint32
	at          int32  // its number in the latest cycle
	regionsSeen uint32 // groupIndex.regions when the fields below were set.

	// What it accepts while its wait is between from and until.
	from, until time.Duration
	level       uint8 // of distance: index of compiledRules.distances
	balance     float64
	regions     uint64 // bits of indices of fleetIndex.regions
	requirement int32  // index of attributeIndex.requirements
}

// cycleGroup is a group of a cycle and its slot.
type cycleGroup struct {
	group *matchfunc.Group
	slot  int32
}

// unmeasured is the latency to a region that a group has not measured.
const unmeasured = time.Duration(math.MaxInt64)

// reset forgets all groups.
func (x *groupIndex) reset() {
	x.groups, x.latencies, x.free = nil, nil, nil
	x.current, x.previous = nil, nil
	x.slotOf = make(map[*matchfunc.Group]int32)
}

// update makes the groups those of the cycle. It forgets groups that are gone.
func (x *groupIndex) update(groups []*matchfunc.Group, now time.Time) {
	x.cycle++
	x.now = now.UnixNano()
	x.slots = slices.Grow(x.slots[:0], len(groups))[:len(groups)]
	x.previous, x.current = x.current, x.previous[:0]
	next := int32(0) // in previous: most groups come again in the same order
	for i, g := range groups {
		slot := int32(0)
		if int(next) < len(x.previous) && x.previous[next].group == g {
			slot = x.previous[next].slot
		} else {
			slot = x.find(g)
		}
		c := &x.groups[slot]
		next = c.at + 1
		c.at = int32(i)
		x.current = append(x.current, cycleGroup{g, slot})
		if c.cycle == x.cycle {
			slot = -1 // a duplicate
		} else if c.cycle = x.cycle; c.admitted {
			x.refresh(slot)
		} else {
			slot = -1
		}
		x.slots[i] = slot
	}
	clear(x.previous)
	if len(x.slotOf) != len(groups) {
		x.forgetGone()
	}
}

func (x *groupIndex) forgetGone() {
	for slot := range x.groups {
		if c := &x.groups[slot]; c.group != nil && c.cycle != x.cycle {
			delete(x.slotOf, c.group)
			*c = compiledGroup{}
			x.free = append(x.free, int32(slot))
		}
	}
}

// find returns the slot of a group, which may be new.
func (x *groupIndex) find(g *matchfunc.Group) int32 {
	slot, ok := x.slotOf[g]
	if !ok {
		slot = x.newSlot()
		x.slotOf[g] = slot
		x.compile(slot, g)
	}
	return slot
}

func (x *groupIndex) newSlot() int32 {
	if n := len(x.free); n > 0 {
		slot := x.free[n-1]
		x.free = x.free[:n-1]
		return slot
	}
	x.groups = append(x.groups, compiledGroup{})
	for range x.fleet.regions {
		x.latencies = append(x.latencies, 0)
	}
	return int32(len(x.groups) - 1)
}

// compile sets what does not change while the group waits.
func (x *groupIndex) compile(slot int32, g *matchfunc.Group) {
	c := &x.groups[slot]
	*c = compiledGroup{
		group: g, created: g.Created.UnixNano(), players: int32(len(g.Players)), skill: meanSkill(g), at: math.MaxInt32 - 1,
	}
	if Admit(x.rules.Queue, g) != nil {
		return
	}
	c.admitted = true
	c.set = x.attributes.setOf(g)
	x.measure(slot)
}

// measureAll sets the latencies of all groups, for regions with new numbers.
func (x *groupIndex) measureAll() {
	x.regions++
	x.latencies = make([]time.Duration, len(x.groups)*len(x.fleet.regions))
	for slot := range x.groups {
		if x.groups[slot].group != nil {
			x.measure(int32(slot))
		}
	}
}

// measure sets the group's latencies to the regions.
func (x *groupIndex) measure(slot int32) {
	g := x.groups[slot].group
	regions := x.fleet.regions
	latencies := x.latencies[int(slot)*len(regions):][:len(regions)]
	for r, name := range regions {
		latencies[r] = unmeasured
		if measured, ok := g.Latency[name]; ok {
			latencies[r] = measured
		}
	}
}

// refresh sets what the group accepts after its wait.
func (x *groupIndex) refresh(slot int32) {
	c := &x.groups[slot]
	waited := time.Duration(max(x.now-c.created, 0))
	if c.regionsSeen == x.regions && waited >= c.from && waited < c.until {
		return
	}
	c.regionsSeen = x.regions
	c.from, c.until = 0, math.MaxInt64
	for _, step := range x.rules.relaxations {
		if waited < step {
			c.until = step
			break
		}
		c.from = step
	}
	c.level, c.balance = x.rules.tolerance(waited)
	c.regions = x.acceptedRegions(slot, waited)
	var cares uint32
	for i := range x.rules.Attributes {
		if x.rules.Attributes[i].Cares(waited) {
			cares |= 1 << i
		}
	}
	c.requirement = x.attributes.requirementOf(c.set, cares)
}

// acceptedRegions are the bits of the regions that the group accepts after a wait.
func (x *groupIndex) acceptedRegions(slot int32, waited time.Duration) uint64 {
	if x.rules.Latency == nil {
		return 1
	}
	accepted := uint64(0)
	limit := x.rules.Latency.At(waited)
	for r := range x.fleet.regions {
		if x.latency(slot, r) <= limit {
			accepted |= 1 << r
		}
	}
	return accepted
}

// id is the ID of a group of the cycle.
func (x *groupIndex) id(i int32) string { return x.groups[x.slots[i]].group.ID }

func (x *groupIndex) latency(slot int32, region int) time.Duration {
	return x.latencies[int(slot)*len(x.fleet.regions)+region]
}

func meanSkill(g *matchfunc.Group) float64 {
	sum := 0.0
	for _, p := range g.Players {
		sum += p.Skill
	}
	return sum / float64(len(g.Players))
}
