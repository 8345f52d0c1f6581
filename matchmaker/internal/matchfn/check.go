package matchfn

import (
	"errors"
	"fmt"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Check says what is wrong with proposals that a custom function made, all of
// it; nil when they can be carried out: groups exist, are there once and speak
// the place's version, teams have the sizes that the queue allows, places and
// gaps exist and have room. Skill, latency, attributes and balance are the
// function's own affair.
func Check(q *rules.Queue, groups []*matchfunc.Group, s matchfunc.State, proposals []matchfunc.Proposal) error {
	c := checker{queue: q, groups: groups, seated: make(map[int]int), gaps: make(map[string]*matchfunc.Backfill), capacities: make(map[placeKey]int)}
	for i := range s.Backfills {
		c.gaps[s.Backfills[i].Match] = &s.Backfills[i]
	}
	for _, p := range s.Capacities {
		c.capacities[placeKey{p.Region, p.Version}] += p.Matches
	}
	for i := range proposals {
		c.proposal(i, &proposals[i])
	}
	return errors.Join(c.faults...)
}

type placeKey struct{ region, version string }

type checker struct {
	queue      *rules.Queue
	groups     []*matchfunc.Group
	seated     map[int]int // the proposal of each group
	gaps       map[string]*matchfunc.Backfill
	capacities map[placeKey]int // matches that can still be opened
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
		c.fault(i, "it seats nobody")
		return
	}
	if p.Match != "" {
		c.intoGap(i, p, sizes)
		return
	}
	c.newMatch(i, p, sizes)
}

// group returns how many players the group seats.
func (c *checker) group(proposal, g int, version string) int {
	if g < 0 || g >= len(c.groups) {
		c.fault(proposal, "there is no group %d; there are %d", g, len(c.groups))
		return 0
	}
	if other, twice := c.seated[g]; twice {
		c.fault(proposal, "group %d is seated already, by proposal %d", g, other)
		return 0
	}
	c.seated[g] = proposal
	if v := c.groups[g].Version; v != "" && version != "" && v != version {
		c.fault(proposal, "group %d plays version %q, the match %q", g, v, version)
	}
	return len(c.groups[g].Players)
}

func (c *checker) intoGap(i int, p *matchfunc.Proposal, sizes []int) {
	gap := c.gaps[p.Match]
	if gap == nil {
		c.fault(i, "there is no gap in a match %q, or it was filled before", p.Match)
		return
	}
	delete(c.gaps, p.Match)
	if p.Region != gap.Region || p.Version != gap.Version {
		c.fault(i, "match %q is in region %q with version %q, not %q with %q", p.Match, gap.Region, gap.Version, p.Region, p.Version)
	}
	for t, size := range sizes {
		switch {
		case size == 0:
		case t >= len(gap.Teams):
			c.fault(i, "match %q has no team %d; it has %d", p.Match, t, len(gap.Teams))
		case size > gap.Teams[t].Seats-gap.Teams[t].Players:
			c.fault(i, "team %d of match %q has %d free seats, not %d", t, p.Match, max(gap.Teams[t].Seats-gap.Teams[t].Players, 0), size)
		}
	}
}

func (c *checker) newMatch(i int, p *matchfunc.Proposal, sizes []int) {
	key := placeKey{p.Region, p.Version}
	if left, ok := c.capacities[key]; !ok {
		c.fault(i, "there is no place in region %q with version %q", p.Region, p.Version)
	} else if left <= 0 {
		c.fault(i, "no more matches can be opened in region %q with version %q", p.Region, p.Version)
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
