package rules

import "time"

// Limits of rules. Beyond them matches would still be found, but not within the time of
// a cycle.
const (
	maxFileBytes = 64 << 10
	maxQueues    = 256 // in all files together
	maxName      = 48
	maxGameName  = 32 // as games name themselves
	maxTitle     = 80
	maxPlayers   = 1000 // in a match
	maxTeams     = 1000
	// maxSteps bounds the steps of one relaxation.
	maxSteps      = 16
	maxAttributes = 8
	maxVersions   = 16
	maxVersion    = 64 // characters
	maxProblems   = 100
	maxPoints     = 1e6 // of skill
	maxWait       = 24 * time.Hour
	maxLatency    = 10 * time.Second
	maxAccept     = 5 * time.Minute
)

const (
	defaultTeams  = 2
	defaultAccept = 10 * time.Second
	defaultExpiry = time.Minute
)

const (
	defaultLeaveAfter = 10 * time.Second
	maxLeaveTime      = 10 * time.Minute // game servers keep no seat for longer
)
