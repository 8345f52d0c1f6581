// Package matchfunc has the types of match functions.
//
// A match function proposes the matches of a queue in place of the queue's
// rules. The rules name it (`function: pairs`), and the Functions of
// matchmaker.Config hold it under this name. The matchmaker calls it in each
// cycle of the queue with the groups that wait and the [State] of the fleet. It
// checks the proposals and carries them out: it asks the players to accept,
// reserves seats and assigns them.
//
// A proposal must be possible: each group is in one proposal at most, its version
// is that of the match, and teams and capacity are not exceeded. Skill, latency,
// attributes and balance are the function's own decision. After a proposal that is
// not possible, or a panic, none of the cycle's proposals count, and the next cycle
// calls the function again.
package matchfunc

import "time"

// Func is a match function. It must be pure: the same groups and state give the
// same proposals, and it keeps and changes nothing of what it receives. The
// matchmaker calls it from one goroutine for each queue.
type Func func(groups []*Group, state State) []Proposal

// Group is one search: a player, or a party that stays together. It is read only.
type Group struct {
	ID      string
	Players []Player // one or more
	Created time.Time
	// Priority puts a group before others that match as well: 1 if the last match of
	// its players was lost, else 0.
	Priority   int
	Version    string                   // game version of the clients; empty: any
	Attributes map[string][]string      // values by name of the attribute
	Latency    map[string]time.Duration // measured round trip, by region
}

// Player is a player of a [Group].
type Player struct {
	ID    string
	Skill float64 // rating points
}

// State is the state of the fleet at the beginning of a cycle.
type State struct {
	Now        time.Time
	Backfills  []Backfill
	Capacities []Capacity
}

// Backfill is a running match that asks for players.
type Backfill struct {
	Match   string // its ID
	Server  string
	Region  string
	Version string
	Teams   []BackfillTeam // by number
	Started time.Time
	// Attributes are the values that all players of the match share, by name of the
	// attribute: the set that all have (equal), or the values common to all
	// (overlap). An empty list: they share none. An attribute without an entry is
	// unknown and excludes no group.
	Attributes map[string][]string
}

// BackfillTeam is a team of a [Backfill].
type BackfillTeam struct {
	Players int     // present or on their way
	Seats   int     // free and taken
	Skill   float64 // mean of its players
}

// Capacity is room for new matches on the servers of one region that run one
// version.
type Capacity struct {
	Region  string
	Version string
	Matches int // that can be opened now
}

// Proposal puts groups into one match.
type Proposal struct {
	Match   string  // ID of a [Backfill]; empty: a new match
	Region  string  // of the backfill or the capacity
	Version string  // of the backfill or the capacity
	Teams   [][]int // by number: indices of groups. A party is in one team
	Quality float64 // 1: perfect, 0: the worst that the rules allow
}
