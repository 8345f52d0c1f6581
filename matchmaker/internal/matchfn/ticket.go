package matchfn

import "time"

// Group is one search as a match function sees it: a player, or a party that
// stays together. It is read only.
type Group struct {
	ID      string
	Players []Player // one or more
	Created time.Time
	// Priority puts groups before others of the same fit: 1 for players whose
	// last match was lost.
	Priority   int
	Version    string                   // game version of the clients; empty: any
	Attributes map[string][]string      // what the attribute rules look at
	Latency    map[string]time.Duration // by region
}

// Player is one of a [Group].
type Player struct {
	ID    string
	Skill float64 // rating points
}

// Backfill is a running match that asks for players.
type Backfill struct {
	Match   string
	Server  string
	Region  string
	Version string
	Teams   []BackfillTeam // by number
	Started time.Time
	// Attributes are what the people in it have in common, by the attribute
	// rules' names: with equal the set that all have, with overlap the values
	// that all share. One that is not there is not known and keeps nobody out.
	Attributes map[string][]string
}

// BackfillTeam is one team of a [Backfill].
type BackfillTeam struct {
	Players int
	Seats   int     // in all, those of its people too
	Skill   float64 // mean of its people
}

// Capacity is somewhere that matches can be opened: servers of one region that run
// one version.
type Capacity struct {
	Region  string
	Version string
	Matches int // that could be opened now
}

// State is what a cycle may propose for.
type State struct {
	Now        time.Time
	Backfills  []Backfill
	Capacities []Capacity
}

// Proposal seats groups in one match.
type Proposal struct {
	Match   string  // a running match (a Backfill's); empty: a new one
	Region  string  // of the place
	Version string  // of the place
	Teams   [][]int // by number, indices of groups; a party is in one team
	Quality float64 // 1 is perfect, 0 the worst that the rules allow
}
