package ranking

import "time"

// What is stored has bounds, whatever a server tells.
const (
	maxMatchID  = 128
	maxQueue    = 128
	maxPlayerID = 64
	maxPlayers  = 4000 // of a match; its result has to fit one message of 1 MB
	historySize = 20   // matches of a player in a queue
	maxPage     = 100  // players of a leaderboard in one answer
	maxFill     = 1e5  // results that a power cut may have taken
)

// The archive writes what was played since its last round.
const (
	archiveEvery   = time.Second
	archiveMatches = 4096 // of a round; more wait for the next
	archiveWriters = 16   // records on their way at once
	retryAfter     = 20 * time.Millisecond
)
