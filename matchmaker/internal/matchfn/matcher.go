package matchfn

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Matcher proposes the matches of one queue. It is owned by one goroutine. It
// remembers groups by pointer while they are among those given, so a group must
// not change as long as it waits; what it remembers saves time and has no say in
// what is proposed, but for the turns of searches that are too large for one
// cycle (see [Matcher.Propose]).
type Matcher struct {
	rules      *rules.Queue
	steps      []time.Duration // waits at which the rules change
	distances  []float64       // that groups can accept
	bySkill    bool            // pools are in the order of skill, else of waiting
	maxPlayers int             // of a full match
	minPlayers int             // of the smallest match
	minGroups  int             // of the smallest match

	cycle     uint32
	now       int64 // Unix time in nanoseconds
	slots     []int32
	groups    []compiledGroup // by slot
	latencies []time.Duration
	bySlot    map[*matchfunc.Group]int32
	given     []cycleGroup // of this cycle
	before    []cycleGroup // of the one before; scratch after that
	free      []int32

	fleet        uint32 // counts changes of regions
	regions      []string
	versions     []int32 // ids of those that places and gaps run
	anything     bool    // one of them runs any version
	capacities   []capacity
	capacitiesAt [][]int32 // indices of places, by the region of pools
	open         uint64    // regions of pools with a place or a gap
	backfills    []*matchfunc.Backfill

	dimensions    []dimension
	attributeSets []attributeSet
	setIndex      map[string]int32
	requirements  []requirement
	cells         [][]int32
	cellIndex     map[string]int32
	known         int // counts changes of what groups can be asked to fit
	interned      int
	key           []byte // scratch, as the next two
	ids, all      []int32
	options       [][]int32

	pools  pools
	search search
	seats  seatSlab

	last int // proposals of the cycle before
	work int // groups looked at and steps of searches, for tests
}

// NewMatcher makes the matcher of a queue, whose rules are complete, as
// [rules.Parse] and [rules.Queue.Complete] leave them.
func NewMatcher(q *rules.Queue) *Matcher {
	m := &Matcher{
		rules: q, steps: relaxations(q), distances: distances(q),
		bySkill:    q.Skill != nil || q.Balance != nil && q.Teams.Max == 1,
		maxPlayers: q.Teams.Players(), minPlayers: q.Teams.AtLeast * q.Teams.Min,
	}
	m.minGroups = max(m.minPlayers/q.Party.Max, 1)
	m.reset()
	return m
}

// reset forgets all groups and values.
func (m *Matcher) reset() {
	m.groups, m.latencies, m.free = nil, nil, nil
	m.given, m.before = nil, nil
	m.bySlot = make(map[*matchfunc.Group]int32)
	m.regions, m.versions = nil, nil
	m.dimensions = make([]dimension, 1+len(m.rules.Attributes))
	m.options = make([][]int32, len(m.dimensions))
	for d := range m.dimensions {
		m.dimensions[d].ids = make(map[string]int32)
		if d > 0 {
			m.dimensions[d].rule = &m.rules.Attributes[d-1]
		}
	}
	m.attributeSets, m.requirements, m.cells = nil, nil, nil
	m.setIndex, m.cellIndex = make(map[string]int32), make(map[string]int32)
	m.interned = 0
}

// Propose proposes matches among the groups, which are free to be in any order;
// the oldest first saves time. Neither groups nor situation are kept or changed;
// the proposals are the caller's.
//
// A match is legal when every rule holds for every group in it, each with what
// it accepts after its own wait: the spread of all skills within its distance,
// its latency to the region within its maximum, the attributes it cares for,
// one version, the difference of the teams within its balance. How full the
// match has to be is up to the group that has waited longest. Backfills come first,
// under the same rules with the people in them. Then each group in turn, by
// priority, then by its wait, gets the best match near it: the fullest, then
// the one of the least spread and latency.
//
// Nobody starves: of those whom the gaps have left, the first in that order of
// all groups that a legal match exists for is in a proposal. So a group that could be matched is passed over
// only in cycles in which one before it is matched, and waits for as many cycles
// as groups were before it at most, later ones of higher priority included.
// Limits stretch this bound. Where teams have to be balanced, or parties make
// teams that need not be full, and no match is found at once, a search through
// all combinations is made among the nearest groups, 24 of them, and only so
// many searches fit a cycle; those ahead and those whose turn it is share them
// half and half. Groups that leave open what others insist on, in more ways than
// can be held, take turns too, a second each. And in more than 64 regions no
// match is sought.
func (m *Matcher) Propose(groups []*matchfunc.Group, s matchfunc.State) []matchfunc.Proposal {
	m.work = 0
	if len(groups) == 0 {
		return nil
	}
	if max(m.interned, len(m.attributeSets), len(m.requirements), len(m.cells)) > max(maxKnown, 8*len(groups)) {
		m.reset()
	}
	m.updateFleet(s)
	m.admit(groups, s.Now)
	m.search.begin(m)
	m.fillPools(s.Now)
	proposals := m.fillGaps(make([]matchfunc.Proposal, 0, m.last+m.last/8))
	proposals = m.takeTurns(m.openMatches(proposals))
	m.last = len(proposals)
	m.backfills = m.backfills[:0]
	return proposals
}

// place is a [Capacity] that has room.
type capacity struct {
	matchfunc.Capacity
	region  int   // index of Matcher.regions
	version int32 // unnamed: any
	weight  float64
}

// survey takes in the places and gaps of the cycle.
func (m *Matcher) updateFleet(s matchfunc.State) {
	m.backfills = m.backfills[:0]
	if m.rules.Backfill {
		for i := range s.Backfills {
			m.backfills = append(m.backfills, &s.Backfills[i])
		}
	}
	m.updateRegions(s)
	versions, anything := m.versions, m.anything
	m.versions, m.anything = nil, false
	m.capacities = m.capacities[:0]
	m.open = 0
	pools := max(len(m.regions), 1)
	m.capacitiesAt = slices.Grow(m.capacitiesAt[:0], pools)[:pools]
	for r := range m.capacitiesAt {
		m.capacitiesAt[r] = m.capacitiesAt[r][:0]
	}
	for _, p := range s.Capacities {
		weight, named := m.weight(p.Version)
		region := slices.Index(m.regions, p.Region)
		if p.Matches <= 0 || !named || region < 0 {
			continue
		}
		r := m.poolRegion(region)
		m.open |= 1 << r
		m.capacitiesAt[r] = append(m.capacitiesAt[r], int32(len(m.capacities)))
		m.capacities = append(m.capacities, capacity{Capacity: p, region: region, version: m.offer(p.Version), weight: weight})
	}
	for _, g := range m.backfills {
		if region := slices.Index(m.regions, g.Region); region >= 0 {
			m.open |= 1 << m.poolRegion(region)
			m.offer(g.Version)
		}
	}
	if anything != m.anything || !slices.Equal(versions, m.versions) {
		m.known++
	}
}

// poolRegion is the region of the pools in which a match in the region is
// sought: without a rule on latency there is one for all.
func (m *Matcher) poolRegion(region int) int {
	if m.rules.Latency == nil {
		return 0
	}
	return region
}

// offer notes that the version is run somewhere.
func (m *Matcher) offer(version string) int32 {
	if version == "" {
		m.anything = true
		return unnamed
	}
	id := m.dimensions[0].id(version)
	if !slices.Contains(m.versions, id) {
		m.versions = append(m.versions, id)
	}
	return id
}

// weight is the version's share of new matches; false: it gets none.
func (m *Matcher) weight(version string) (float64, bool) {
	list := m.rules.Assignment.Versions
	for _, v := range list {
		if v.Version == version {
			return v.Weight, true
		}
	}
	return 1, len(list) == 0
}

// surveyRegions makes regions known. A new one has all groups measured again.
func (m *Matcher) updateRegions(s matchfunc.State) {
	names := make([]string, 0, maxRegions)
	note := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, p := range s.Capacities {
		note(p.Region)
	}
	for _, g := range m.backfills {
		note(g.Region)
	}
	slices.SortFunc(names, strings.Compare)
	names = names[:min(len(names), maxRegions)]
	isNew := func(name string) bool { return !slices.Contains(m.regions, name) }
	if !slices.ContainsFunc(names, isNew) {
		return
	}
	m.regions = names
	m.fleet++
	m.latencies = make([]time.Duration, len(m.groups)*len(names))
	for slot := range m.groups {
		if m.groups[slot].group != nil {
			m.measure(int32(slot))
		}
	}
}

// openMatches lets each group in turn look for its match.
func (m *Matcher) openMatches(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	m.countOpen()
	for _, i := range m.pools.order {
		if m.open == 0 || m.pools.left < m.minPlayers {
			break
		}
		if m.pools.taken[i] || !m.pools.info[i].viable {
			continue
		}
		if best := m.best(i); best != nil {
			proposals = append(proposals, m.propose(best))
		}
	}
	return proposals
}

// propose takes the groups and a match of the place out of what is left.
func (m *Matcher) propose(t *draft) matchfunc.Proposal {
	if !t.split {
		m.split(t)
	}
	p := &m.capacities[m.chooseCapacity(t)]
	p.Matches--
	if p.Matches <= 0 {
		m.closeCapacity(p)
	}
	for _, i := range t.members {
		m.pools.take(i)
	}
	return matchfunc.Proposal{Region: p.Region, Version: p.Version, Teams: m.seats.teams(t), Quality: m.quality(t)}
}

func (m *Matcher) closeCapacity(p *capacity) {
	r := m.poolRegion(p.region)
	m.capacitiesAt[r] = slices.DeleteFunc(m.capacitiesAt[r], func(i int32) bool { return m.capacities[i].Matches <= 0 })
	m.countOpen()
}

// countOpen notes the regions in which a match can be opened.
func (m *Matcher) countOpen() {
	m.open = 0
	for r, list := range m.capacitiesAt {
		if len(list) > 0 {
			m.open |= 1 << r
		}
	}
}

// hasPlace reports whether a match of the version could be opened.
func (m *Matcher) hasCapacity(region int, version int32) bool {
	for _, i := range m.capacitiesAt[region] {
		if m.capacities[i].version == version || m.capacities[i].version == unnamed || version == unnamed {
			return true
		}
	}
	return false
}

// choosePlace is among places that the match may be played at: the version by
// its weight where the clients can play several, then the region nearest to the
// players, then the place with the most room.
func (m *Matcher) chooseCapacity(t *draft) int {
	list := m.capacitiesAt[t.region]
	version := t.version
	if version == unnamed && len(m.rules.Assignment.Versions) > 0 {
		version = m.weighedVersion(t)
	}
	if len(list) == 1 {
		return int(list[0])
	}
	best, bestLatency := -1, time.Duration(0)
	for _, i := range list {
		p := &m.capacities[i]
		if p.version != version && p.version != unnamed && version != unnamed {
			continue
		}
		latency := m.meanLatency(t.members, p.region)
		if best < 0 || cmp.Or(cmp.Compare(latency, bestLatency), cmp.Compare(m.capacities[best].Matches, p.Matches)) < 0 {
			best, bestLatency = int(i), latency
		}
	}
	return best
}

// weighedVersion chooses by a hash of the first group's ID, so that the same
// group comes to the same version again and a version gets its share over many.
func (m *Matcher) weighedVersion(t *draft) int32 {
	total := 0.0
	share := func(use func(version int32, weight float64) bool) {
		for n, i := range m.capacitiesAt[t.region] {
			p := &m.capacities[i]
			first := !slices.ContainsFunc(m.capacitiesAt[t.region][:n], func(o int32) bool { return m.capacities[o].version == p.version })
			if first && use(p.version, p.weight) {
				return
			}
		}
	}
	share(func(_ int32, weight float64) bool { total += weight; return false })
	at := hashToUnit(m.groups[m.slots[t.members[0]]].group.ID) * total
	chosen := unnamed
	share(func(version int32, weight float64) bool {
		chosen = version
		at -= weight
		return at < 0
	})
	return chosen
}

// unit maps a text to a number from 0 to below 1, evenly (FNV-1a with the
// finalizer of MurmurHash3).
func hashToUnit(s string) float64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return float64((h^h>>33)>>11) / (1 << 53)
}

// seatSlab hands out the slices of proposals from large pieces.
type seatSlab struct {
	seats  []int
	lists  [][]int
	counts []int
}

func carve[T any](slab *[]T, n int) []T {
	if len(*slab) < n {
		*slab = make([]T, max(n, 4096))
	}
	piece := (*slab)[:n:n]
	*slab = (*slab)[n:]
	return piece
}

func (s *seatSlab) teams(t *draft) [][]int {
	teams := carve(&s.lists, t.teams)
	s.counts = slices.Grow(s.counts[:0], t.teams)[:t.teams]
	clear(s.counts)
	for _, team := range t.team {
		s.counts[team]++
	}
	for i := range teams {
		teams[i] = carve(&s.seats, s.counts[i])[:0]
	}
	for n, i := range t.members {
		teams[t.team[n]] = append(teams[t.team[n]], int(i))
	}
	return teams
}
