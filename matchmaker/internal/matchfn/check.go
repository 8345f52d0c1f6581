package matchfn

import (
	"errors"
	"fmt"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Check returns everything that makes the proposals of a custom function impossible;
// nil if they are possible. Each group must exist, be in one proposal and have the
// version of the match. Teams must have sizes that the queue allows. Capacities and
// backfills must exist and have room. Skill, latency, attributes and balance are the
// function's own decision.
func Check(q *rules.Queue, groups []*matchfunc.Group, s matchfunc.State, proposals []matchfunc.Proposal) error {
	c := checker{queue: q, groups: groups, seated: make(map[int]int), backfills: make(map[string]*matchfunc.Backfill), capacities: make(map[capacityKey]int)}
	for i := range s.Backfills {
		c.backfills[s.Backfills[i].Match] = &s.Backfills[i]
	}
	for _, p := range s.Capacities {
		c.capacities[capacityKey{p.Region, p.Version}] += p.Matches
	}
	for i := range proposals {
		c.proposal(i, &proposals[i])
	}
	return errors.Join(c.faults...)
}

type capacityKey struct{ region, version string }

type checker struct {
	queue      *rules.Queue
	groups     []*matchfunc.Group
	seated     map[int]int // proposal of each group
	backfills  map[string]*matchfunc.Backfill
	capacities map[capacityKey]int // matches that can still be opened
	faults     []error
}

func (c *checker) fault(proposal int, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("proposal %d: %s", proposal, fmt.Sprintf(format, args...)))
}

func (c *checker) proposal(i int, p *matchfunc.Proposal) {
	if !(p.Quality >= 0 && p.Quality <= 1) {
		c.fault(i, "quality %v is not from 0 to 1", p.Quality)
	}
	sizes := make([]int, len(p.Teams))
	people := 0
	for t, team := range p.Teams {
		for _, g := range team {
			sizes[t] += c.group(i, g, p.Version)
		}
		people += sizes[t]
	}
	if people == 0 {
		c.fault(i, "it has no players")
		return
	}
	if p.Match != "" {
		c.intoBackfill(i, p, sizes)
		return
	}
	c.newMatch(i, p, sizes)
}

// group returns the number of the group's players.
func (c *checker) group(proposal, g int, version string) int {
	if g < 0 || g >= len(c.groups) {
		c.fault(proposal, "no group %d; there are %d", g, len(c.groups))
		return 0
	}
	if other, twice := c.seated[g]; twice {
		c.fault(proposal, "group %d is already in proposal %d", g, other)
		return 0
	}
	c.seated[g] = proposal
	if v := c.groups[g].Version; v != "" && version != "" && v != version {
		c.fault(proposal, "group %d has version %q, the match %q", g, v, version)
	}
	return len(c.groups[g].Players)
}

func (c *checker) intoBackfill(i int, p *matchfunc.Proposal, sizes []int) {
	backfill := c.backfills[p.Match]
	if backfill == nil {
		c.fault(i, "match %q asks for no players, or an earlier proposal fills it", p.Match)
		return
	}
	delete(c.backfills, p.Match)
	if p.Region != backfill.Region || p.Version != backfill.Version {
		c.fault(i, "match %q is in region %q with version %q, not %q with %q", p.Match, backfill.Region, backfill.Version, p.Region, p.Version)
	}
	for t, size := range sizes {
		switch {
		case size == 0:
		case t >= len(backfill.Teams):
			c.fault(i, "match %q has no team %d; it has %d", p.Match, t, len(backfill.Teams))
		case size > backfill.Teams[t].Seats-backfill.Teams[t].Players:
			c.fault(i, "team %d of match %q has %d free seats, not %d", t, p.Match, max(backfill.Teams[t].Seats-backfill.Teams[t].Players, 0), size)
		}
	}
}

func (c *checker) newMatch(i int, p *matchfunc.Proposal, sizes []int) {
	key := capacityKey{p.Region, p.Version}
	if left, ok := c.capacities[key]; !ok {
		c.fault(i, "no capacity in region %q with version %q", p.Region, p.Version)
	} else if left <= 0 {
		c.fault(i, "no capacity left in region %q with version %q", p.Region, p.Version)
	}
	c.capacities[key]--
	t := c.queue.Teams
	if len(sizes) < t.AtLeast || len(sizes) > t.Count {
		c.fault(i, "%d teams; the queue allows %d to %d", len(sizes), t.AtLeast, t.Count)
	}
	for number, size := range sizes {
		if size < t.Min || size > t.Max {
			c.fault(i, "team %d has %d players; the queue allows %d to %d", number, size, t.Min, t.Max)
		}
	}
}
