// Package rules describes queues as data: who may play with whom, and how far
// that relaxes while they wait.
package rules

import "time"

// Queue is one queue's rules, read from a YAML or JSON file. A file that holds
// a zero value gets the default named.
type Queue struct {
	Name  string `yaml:"queue"` // 1 to 48 of a-z, 0-9, - and _
	Game  string `yaml:"game"`
	Mode  string `yaml:"mode"`
	Title string `yaml:"title"` // for people; default: the name

	Teams      Teams       `yaml:"teams"`
	Party      Party       `yaml:"party"`
	Skill      *Skill      `yaml:"skill"`      // nil: skill does not matter
	Latency    *Latency    `yaml:"latency"`    // nil: played anywhere
	Attributes []Attribute `yaml:"attributes"` // each has to hold
	Balance    *Balance    `yaml:"balance"`    // nil: teams are made as even as the players allow
	Accept     *Accept     `yaml:"accept"`     // nil: nobody is asked
	Backfill   bool        `yaml:"backfill"`   // running matches get players first
	Rated      bool        `yaml:"rated"`      // results change ratings
	Search     Search      `yaml:"search"`
	Assignment Assignment  `yaml:"assignment"`
	// Function names a match function registered in Go that proposes the
	// matches instead; sizes and parties hold all the same.
	Function string `yaml:"function"`

	// Version names these rules: it changes whenever they do. It is computed
	// when the file is read.
	Version string `yaml:"-"`
}

// Teams says how a match is made up. In free-for-all every player is a team of
// one: count says how many are wanted at most, at_least how many will do.
type Teams struct {
	Count   int `yaml:"count"`    // at most; default 2
	AtLeast int `yaml:"at_least"` // teams that a match may start with; default: the least of fill, else count
	Min     int `yaml:"min"`      // players in a team; default: the least of fill, else max
	Max     int `yaml:"max"`      // default 1
	// Fill relaxes how full a match has to be: it is a full one at first, and
	// after a wait, one of fewer teams or players is good enough. The wait of
	// the group of a match that has waited longest counts, since whoever comes
	// in makes a match only fuller. Without it, a match starts as soon as
	// at_least and min are reached and nobody better is at hand.
	Fill []Fill `yaml:"fill"`
}

// Fill is how full a match has to be from a wait on.
type Fill struct {
	After   time.Duration `yaml:"after"`
	AtLeast int           `yaml:"at_least"` // teams; default: teams.at_least
	Min     int           `yaml:"min"`      // players in a team; default: teams.min
}

// Party bounds groups that stay together.
type Party struct {
	Max int `yaml:"max"` // players; default: teams.max
}

// Skill bounds how far apart the players of a match are, in rating points. A
// party counts by the mean of its members.
type Skill struct {
	Distance float64        `yaml:"distance"`
	Relax    []DistanceStep `yaml:"relax"`
}

// DistanceStep is a wider bound from a wait on.
type DistanceStep struct {
	After    time.Duration `yaml:"after"`
	Distance float64       `yaml:"distance"`
}

// Latency bounds everybody's round trip to the region that a match is played
// in.
type Latency struct {
	Max   time.Duration `yaml:"max"`
	Relax []LatencyStep `yaml:"relax"`
}

// LatencyStep is a wider bound from a wait on.
type LatencyStep struct {
	After time.Duration `yaml:"after"`
	Max   time.Duration `yaml:"max"`
}

// Attribute compares what tickets say of themselves.
type Attribute struct {
	Name string `yaml:"name"`
	// Rule is equal (the same set of values) or overlap (at least one value
	// that all have).
	Rule string `yaml:"rule"`
	// DropAfter is the wait after which a ticket does not care any more; 0: it
	// always does.
	DropAfter time.Duration `yaml:"drop_after"`
	// Optional lets tickets in that do not say; they fit everybody.
	Optional bool `yaml:"optional"`
}

// The rules of an [Attribute].
const (
	RuleEqual   = "equal"
	RuleOverlap = "overlap"
)

// Balance bounds the difference between the teams' mean skills, in points.
type Balance struct {
	Difference float64          `yaml:"difference"`
	Relax      []DifferenceStep `yaml:"relax"`
}

// DifferenceStep is a wider bound from a wait on.
type DifferenceStep struct {
	After      time.Duration `yaml:"after"`
	Difference float64       `yaml:"difference"`
}

// Accept asks the players of a found match.
type Accept struct {
	Within time.Duration `yaml:"within"` // default 10 s
}

// Search is how a search goes.
type Search struct {
	Expiry time.Duration `yaml:"expiry"` // default 60 s
	// Duplicate is what a player's second search does: replace (default) ends
	// the first, keep returns it.
	Duplicate string `yaml:"duplicate"`
}

// The policies of [Search].
const (
	DuplicateReplace = "replace"
	DuplicateKeep    = "keep"
)

// Assignment is how a server is chosen.
type Assignment struct {
	// Policy is spread (default: the least loaded server) or pack (the fullest
	// that has room, so that others become empty).
	Policy string `yaml:"policy"`
	// Versions weighs versions of the game against each other for clients that
	// can play several (a canary). Versions that are not named get no matches;
	// none named: all are alike.
	Versions []VersionWeight `yaml:"versions"`
}

// The policies of [Assignment].
const (
	PolicySpread = "spread"
	PolicyPack   = "pack"
)

// VersionWeight is a version's share of the new matches.
type VersionWeight struct {
	Version string  `yaml:"version"`
	Weight  float64 `yaml:"weight"`
}
