package matchfn

import "math"

// draft is a match that a search has found.
type draft struct {
	members []int32 // groups; the one that searches comes first
	team    []int32 // of each member
	teams   int
	players int
	low     float64 // skill
	high    float64
	latency float64 // sum of the shares of the largest that is allowed.
	uneven  float64 // difference of the teams' mean skills, once they are split
	cost    float64 // among matches of as many players, the least is the best.
	region  int     // of the pool
	version int32
	split   bool // the teams are as even as they can be.
}

func (d *draft) clear(teams int) {
	d.members, d.team, d.teams = d.members[:0], d.team[:0], teams
	d.players, d.latency, d.split = 0, 0, false
	d.low, d.high = math.Inf(1), math.Inf(-1)
}

func (d *draft) add(e *entry, team int32) {
	d.members, d.team = append(d.members, e.group), append(d.team, team)
	d.players += int(e.players)
	d.latency += float64(e.latency)
	d.low, d.high = min(d.low, e.skill), max(d.high, e.skill)
}

// bounds are what the groups of a match have in common.
type bounds struct {
	low, high         float64 // skill
	distance, balance float64 // the least that they accept
	since             int64   // the longest wait's begin
}

// with are the bounds when another group joins.
func (b bounds) with(e *entry, distance float64, g *groupInfo) bounds {
	return bounds{
		low: min(b.low, e.skill), high: max(b.high, e.skill), distance: min(b.distance, distance),
		balance: min(b.balance, g.balance), since: min(b.since, g.created),
	}
}
