package rehearsal

import (
	"math"
	"slices"
	"strconv"
	"time"

	"tactus/matchmaker/matchfunc"
)

// ending is how a search without a match ended.
type ending int

const (
	expired ending = iota
	cancelled
	refused // its party is larger than the rules allow
	endingCount
)

// tally counts the outcomes of searches. It is not safe for concurrent use.
type tally struct {
	unmatched [endingCount]int
	tickets   int
	players   int
	waits     []float64 // ms, of matched tickets
	regions   classes   // by home region
	// parties counts the tickets by their number of players.
	parties classes

	spreads  []float64 // points, of matches
	balances []float64 // points, of matches
	// latencies are in ms, of players with a measured latency.
	latencies []float64
	qualities []float64 // of matches
	seated    int       // players

	busiest int // matches at once
	// mostWaiting is the most tickets that waited at once.
	mostWaiting int
	full        int // cycles in which all servers of a region were in use
	noRoom      int // proposed matches that found no server
	cycles      []time.Duration
}

// classes counts tickets by a property.
type classes map[string]*class

type class struct {
	tickets int
	waits   []float64 // ms, of matched ones
}

func (c *classes) of(name string) *class {
	if *c == nil {
		*c = make(classes)
	}
	if (*c)[name] == nil {
		(*c)[name] = &class{}
	}
	return (*c)[name]
}

// count counts a ticket that has ended, matched or not.
func (t *tally) count(g *matchfunc.Group) (byRegion, byParty *class) {
	t.tickets++
	t.players += len(g.Players)
	byRegion, byParty = t.regions.of(home(g)), t.parties.of(strconv.Itoa(len(g.Players)))
	byRegion.tickets++
	byParty.tickets++
	return byRegion, byParty
}

// home returns the region that a group is nearest to, "-" if no latency is known.
func home(g *matchfunc.Group) string {
	nearest, least := "-", time.Duration(math.MaxInt64)
	for region, latency := range g.Latency {
		if latency < least || latency == least && region < nearest {
			nearest, least = region, latency
		}
	}
	return nearest
}

func (t *tally) ended(g *matchfunc.Group, how ending) {
	t.unmatched[how]++
	t.count(g)
}

func (t *tally) matched(g *matchfunc.Group, wait time.Duration, region string) {
	ms := milliseconds(wait)
	byRegion, byParty := t.count(g)
	t.waits = append(t.waits, ms)
	byRegion.waits = append(byRegion.waits, ms)
	byParty.waits = append(byParty.waits, ms)
	if latency, measured := g.Latency[region]; measured {
		for range g.Players {
			t.latencies = append(t.latencies, milliseconds(latency))
		}
	}
}

// opened counts a new match. busy is how many run now, with this one.
func (t *tally) opened(teams [][]*matchfunc.Group, quality float64, busy int) {
	t.busiest = max(t.busiest, busy)
	t.qualities = append(t.qualities, quality)
	var groups, means []float64
	for _, team := range teams {
		sum, players := 0.0, 0
		for _, g := range team {
			skill := 0.0
			for _, p := range g.Players {
				skill += p.Skill
			}
			groups = append(groups, skill/float64(len(g.Players)))
			sum, players = sum+skill, players+len(g.Players)
		}
		if players > 0 {
			means = append(means, sum/float64(players))
			t.seated += players
		}
	}
	if len(groups) > 0 {
		t.spreads = append(t.spreads, slices.Max(groups)-slices.Min(groups))
		t.balances = append(t.balances, slices.Max(means)-slices.Min(means))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// spread returns the distribution of the values, which it sorts.
func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	at := func(percent float64) float64 {
		return values[max(int(math.Ceil(percent/100*float64(len(values)))), 1)-1]
	}
	return Spread{Count: len(values), P50: at(50), P90: at(90), P99: at(99), Max: values[len(values)-1]}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

func share(part, whole int) float64 { return float64(part) / float64(max(whole, 1)) }

// result returns the figures of the tally.
func (t *tally) result() Result {
	cycles := make([]float64, len(t.cycles))
	for i, took := range t.cycles {
		cycles[i] = milliseconds(took)
	}
	return Result{
		Tickets: t.tickets, Players: t.players,
		Matched: len(t.waits), MatchedShare: share(len(t.waits), t.tickets),
		Expired: t.unmatched[expired], Cancelled: t.unmatched[cancelled], Refused: t.unmatched[refused],
		Unmatched: t.tickets - len(t.waits),
		WaitMS:    spread(t.waits), SkillSpread: spread(t.spreads), Balance: spread(t.balances), LatencyMS: spread(t.latencies),
		Matches: len(t.qualities), QualityMean: mean(t.qualities), PlayersPerMatch: share(t.seated, len(t.qualities)),
		MostMatches: t.busiest, MostWaiting: t.mostWaiting, FullShare: share(t.full, len(t.cycles)), NoRoom: t.noRoom,
		Regions: t.regions.figures(), Parties: t.parties.figures(),
		Cycles: len(t.cycles), CycleMeanMS: mean(cycles), CycleMS: spread(cycles),
	}
}

func (c classes) figures() map[string]Class {
	list := make(map[string]Class, len(c))
	for name, of := range c {
		list[name] = Class{Tickets: of.tickets, Matched: len(of.waits), MatchedShare: share(len(of.waits), of.tickets), WaitMS: spread(of.waits)}
	}
	return list
}
