// Package rules reads the rules of queues: which players may be in one match, and how
// the rules relax while they wait.
//
// [Load] and [Parse] read files in YAML or JSON, fill in defaults, check everything and
// report all mistakes together. [Queue.Complete] does the same for rules made in Go.
package rules

import (
	"cmp"
	"time"
)

// Queue is the rules of one queue. A zero value becomes the default.
type Queue struct {
	Name  string `yaml:"queue"` // 1 to 48 of a-z, 0-9, - and _
	Game  string `yaml:"game"`
	Mode  string `yaml:"mode"`
	Title string `yaml:"title"` // shown to players; default: the name

	Teams      Teams       `yaml:"teams"`
	Party      Party       `yaml:"party"`
	Skill      *Skill      `yaml:"skill"`      // nil: skill does not matter
	Latency    *Latency    `yaml:"latency"`    // nil: played anywhere
	Attributes []Attribute `yaml:"attributes"` // each must hold
	Balance    *Balance    `yaml:"balance"`    // nil: teams are made as even as the players allow
	Accept     *Accept     `yaml:"accept"`     // nil: matches need no acceptance
	Backfill   bool        `yaml:"backfill"`   // running matches get players first
	Rated      bool        `yaml:"rated"`      // results change ratings
	Leave      *Leave      `yaml:"leave"`      // nil: as [Queue.LeavePolicy] says
	// Guests says whether guests may search. Nil: they may.
	Guests     *bool      `yaml:"guests"`
	Search     Search     `yaml:"search"`
	Assignment Assignment `yaml:"assignment"`
	// Function is the name of a match function in Go that proposes the matches
	// instead. Sizes and parties hold for it, too.
	Function string `yaml:"function"`

	// Version changes whenever the rules change. It is computed, not read.
	Version string `yaml:"-"`
}

// Teams are the number and the sizes of teams in a match. In free-for-all each player
// is a team of one.
type Teams struct {
	Count   int `yaml:"count"`    // at most; default 2
	AtLeast int `yaml:"at_least"` // teams that a match may start with; default: the least of fill, else count
	Min     int `yaml:"min"`      // players in a team; default: the least of fill, else max
	Max     int `yaml:"max"`      // default 1
	// Fill relaxes how full a match must be: full at first, and with fewer teams or
	// players after a wait. The longest wait in the match counts, since other groups
	// only make the match fuller. Without Fill a match starts as soon as at_least and
	// min are reached and no better groups are there.
	Fill []Fill `yaml:"fill"`
}

// Fill is how full a match must be after a wait.
type Fill struct {
	After   time.Duration `yaml:"after"`
	AtLeast int           `yaml:"at_least"` // teams; default: teams.at_least
	Min     int           `yaml:"min"`      // players in a team; default: teams.min
}

// Party bounds the size of parties.
type Party struct {
	Max int `yaml:"max"` // players; default: teams.max
}

// Skill bounds the differences of skill in a match, in rating points. A party counts
// by the mean of its members.
type Skill struct {
	Distance float64        `yaml:"distance"`
	Relax    []DistanceStep `yaml:"relax"`
}

// DistanceStep is a wider bound after a wait.
type DistanceStep struct {
	After    time.Duration `yaml:"after"`
	Distance float64       `yaml:"distance"`
}

// Latency bounds the round trip of each player to the region of the match.
type Latency struct {
	Max   time.Duration `yaml:"max"`
	Relax []LatencyStep `yaml:"relax"`
}

// LatencyStep is a wider bound after a wait.
type LatencyStep struct {
	After time.Duration `yaml:"after"`
	Max   time.Duration `yaml:"max"`
}

// Attribute compares an attribute of tickets.
type Attribute struct {
	Name string `yaml:"name"`
	// Rule is equal (all have the same set of values) or overlap (all have one value
	// in common).
	Rule string `yaml:"rule"`
	// DropAfter is the wait after which a ticket no longer insists on the rule; 0: it
	// always does.
	DropAfter time.Duration `yaml:"drop_after"`
	// Optional admits tickets without the attribute. They fit all others.
	Optional bool `yaml:"optional"`
}

// Values of [Attribute.Rule].
const (
	RuleEqual   = "equal"
	RuleOverlap = "overlap"
)

// Balance bounds the difference between the teams' mean skills, in points.
type Balance struct {
	Difference float64          `yaml:"difference"`
	Relax      []DifferenceStep `yaml:"relax"`
}

// DifferenceStep is a wider bound after a wait.
type DifferenceStep struct {
	After      time.Duration `yaml:"after"`
	Difference float64       `yaml:"difference"`
}

// Accept makes found matches wait until their players accept.
type Accept struct {
	Within time.Duration `yaml:"within"` // default 10 s
}

// Leave is what becomes of players that leave a rated match before its result.
type Leave struct {
	// Result is none (they keep their rating) or loss (they are rated as the last, and
	// wait before their next searches). Default: none for queues with backfill, loss for
	// others.
	Result string        `yaml:"result"`
	After  time.Duration `yaml:"after"` // who leaves earlier loses nothing; default 10 s
	// Grace is how long the seat of a lost connection is kept; default: as the game
	// server is configured.
	Grace time.Duration `yaml:"grace"`
}

// Values of [Leave.Result].
const (
	LeaveNone = "none"
	LeaveLoss = "loss"
)

// LeavePolicy is what becomes of leavers, with its defaults. A queue without ratings
// has nothing to lose.
func (q *Queue) LeavePolicy() Leave {
	l := Leave{Result: LeaveLoss, After: defaultLeaveAfter}
	if q.Backfill {
		l.Result = LeaveNone
	}
	if own := q.Leave; own != nil {
		l.Result, l.After, l.Grace = cmp.Or(own.Result, l.Result), cmp.Or(own.After, l.After), own.Grace
	}
	if !q.Rated {
		l.Result = LeaveNone
	}
	return l
}

// AllowsGuests reports whether guests may search in the queue.
func (q *Queue) AllowsGuests() bool { return q.Guests == nil || *q.Guests }

// CoolsDown reports whether players that leave or decline matches wait before they
// may search in the queue again.
func (q *Queue) CoolsDown() bool { return q.Accept != nil || q.LeavePolicy().Result == LeaveLoss }

// Search bounds searches.
type Search struct {
	Expiry time.Duration `yaml:"expiry"` // default 60 s
	// Duplicate is the effect of a player's second search: replace (default) ends the
	// first, keep returns it.
	Duplicate string `yaml:"duplicate"`
}

// Values of [Search.Duplicate].
const (
	DuplicateReplace = "replace"
	DuplicateKeep    = "keep"
)

// Assignment is how the server of a match is chosen.
type Assignment struct {
	// Policy is spread (default: the least loaded server) or pack (the fullest with
	// room, so that others become empty).
	Policy string `yaml:"policy"`
	// Versions are weights for clients that can play several versions of the game (a
	// canary). A version without a weight gets no matches. Empty: all are equal.
	Versions []VersionWeight `yaml:"versions"`
}

// Values of [Assignment.Policy].
const (
	PolicySpread = "spread"
	PolicyPack   = "pack"
)

// VersionWeight is a version's share of new matches.
type VersionWeight struct {
	Version string  `yaml:"version"`
	Weight  float64 `yaml:"weight"`
}
