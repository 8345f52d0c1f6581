package matchfn

import (
	"slices"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Matcher proposes the matches of one queue. It is not safe for concurrent use;
// owned by the goroutine of the queue. It remembers groups by pointer as long as
// each call has them, so a group must not change while it waits.
type Matcher struct {
	rules      *compiledRules
	fleet      fleetIndex
	groups     groupIndex
	attributes attributeIndex
	pools      pools
	search     searcher
	exhaustive exhaustiveSearch
	backfill   backfiller
	teams      teamSlab
	proposed   int // proposals of the cycle before
}

// NewMatcher makes the matcher of a queue. Its rules are complete, as [rules.Parse]
// and [rules.Queue.Complete] leave them.
func NewMatcher(q *rules.Queue) *Matcher {
	r := compileRules(q)
	m := &Matcher{rules: r}
	m.fleet.rules = r
	m.attributes.fleet = &m.fleet
	m.groups.rules, m.groups.fleet, m.groups.attributes = r, &m.fleet, &m.attributes
	m.pools.rules, m.pools.fleet, m.pools.groups, m.pools.attributes = r, &m.fleet, &m.groups, &m.attributes
	s := &m.search
	s.rules, s.fleet, s.groups, s.attributes, s.pools = r, &m.fleet, &m.groups, &m.attributes, &m.pools
	s.splitter.rules, s.splitter.pools = r, &m.pools
	m.exhaustive.searcher, m.backfill.searcher = s, s
	m.reset()
	return m
}

// reset forgets all groups and values.
func (m *Matcher) reset() {
	m.fleet.reset()
	m.groups.reset()
	m.attributes.reset(m.rules.Attributes)
}

// Propose proposes matches among the groups. Their order does not matter; the
// oldest first saves time. Propose neither keeps nor changes groups and state; the
// proposals belong to the caller.
//
// A match is legal when every rule holds for every group in it. A group accepts more
// after a wait: a wider spread of all skills, a longer latency to the region, other
// attributes, teams that are less even. The version is always the same. The group that
// has waited longest decides how full the match must be.
//
// Backfills come first, under the same rules together with the players of the
// match. Then each group, by priority, then by its wait, gets the best match near
// it: the fullest, then the one with the least spread and latency.
//
// No group starves. After backfills, the first group in order for which a legal
// match exists is always part of a proposal. A group that could be matched is passed
// over only in cycles that match a group before it. So it waits for at most as many
// cycles as groups were before it, later ones of higher priority included.
//
// Limits stretch this bound. Balanced teams, and parties in teams that need not be full,
// may need an exhaustive search: it tries all combinations of the 24 nearest groups
// where the plain search finds no match. A cycle has steps for a part of these
// searches: the first groups in order get one half, groups in turn the other.
// Groups without values for which others ask, in more combinations than can be held,
// take turns of a second each. No match is sought in more than 64 regions.
func (m *Matcher) Propose(groups []*matchfunc.Group, s matchfunc.State) []matchfunc.Proposal {
	m.search.begin()
	if len(groups) == 0 {
		return nil
	}
	if m.attributes.size() > max(maxKnown, 8*len(groups)) {
		m.reset()
	}
	regionsChanged, versionsChanged := m.fleet.update(s, &m.attributes.dimensions[0])
	if regionsChanged {
		m.groups.measureAll()
	}
	if versionsChanged {
		m.attributes.generation++
	}
	m.groups.update(groups, s.Now)
	m.exhaustive.begin()
	m.pools.fill(s.Now, &m.search.packer)
	proposals := make([]matchfunc.Proposal, 0, m.proposed+m.proposed/8)
	proposals = m.fillBackfills(proposals)
	proposals = m.openMatches(proposals)
	proposals = m.takeTurns(proposals)
	m.proposed = len(proposals)
	m.fleet.backfills = m.fleet.backfills[:0]
	return proposals
}

// fillBackfills lets groups into the running matches that ask for players, those
// with the largest share of free seats first.
func (m *Matcher) fillBackfills(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	if len(m.fleet.backfills) == 0 {
		return proposals
	}
	slices.SortStableFunc(m.fleet.backfills, byNeed)
	filled := make(map[string]bool, len(m.fleet.backfills))
	for _, b := range m.fleet.backfills {
		region := slices.Index(m.fleet.regions, b.Region)
		if region < 0 || filled[b.Match] || freeShare(b) <= 0 {
			continue
		}
		filled[b.Match] = true
		d := m.backfill.bestFor(b, m.fleet.poolRegion(region))
		if d == nil {
			continue
		}
		m.take(d)
		proposals = append(proposals, matchfunc.Proposal{
			Match: b.Match, Region: b.Region, Version: b.Version, Teams: m.teams.of(d), Quality: m.search.quality(d),
		})
	}
	return proposals
}

// openMatches finds a match for each group in order.
func (m *Matcher) openMatches(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	m.fleet.closeBackfills()
	for _, i := range m.pools.order {
		if m.fleet.open == 0 || m.pools.left < m.rules.minPlayers {
			break
		}
		if m.pools.taken[i] || !m.pools.info[i].viable {
			continue
		}
		d := m.search.bestFor(i)
		if d == nil && m.exhaustive.wanted {
			d = m.exhaustive.bestFor(i)
		}
		if d != nil {
			proposals = append(proposals, m.open(d))
		}
	}
	return proposals
}

// takeTurns makes exhaustive searches for groups in turn, whatever their place in
// the order: the groups ahead have had theirs.
func (m *Matcher) takeTurns(proposals []matchfunc.Proposal) []matchfunc.Proposal {
	if !m.exhaustive.beginTurns() {
		return proposals
	}
	for range m.exhaustive.bySlot {
		if m.exhaustive.left <= 0 || m.fleet.open == 0 {
			break
		}
		i := m.exhaustive.nextTurn()
		if i < 0 {
			continue
		}
		if d := m.exhaustive.bestFor(i); d != nil {
			proposals = append(proposals, m.open(d))
		}
	}
	return proposals
}

// open proposes a new match.
func (m *Matcher) open(d *draft) matchfunc.Proposal {
	if !d.split {
		m.search.splitter.split(d)
	}
	c := m.fleet.take(d, &m.pools)
	m.take(d)
	return matchfunc.Proposal{Region: c.Region, Version: c.Version, Teams: m.teams.of(d), Quality: m.search.quality(d)}
}

// take removes the groups of a match from those that are left.
func (m *Matcher) take(d *draft) {
	for _, i := range d.members {
		m.pools.take(i)
	}
}
