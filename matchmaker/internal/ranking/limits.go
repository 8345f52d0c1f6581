package ranking

import "time"

// Bounds of what is stored.
const (
	maxMatchID  = 128
	maxQueue    = 128
	maxPlayerID = 64
	// The result of a match of maxPlayers must fit into one message of 1 MB.
	maxPlayers = 4000
	// historySize is how many matches of a player are kept in each queue.
	historySize = 20
	maxPage     = 100 // players of a leaderboard in one answer
	maxFill     = 1e5 // results that a power cut may have taken.
)

// Bounds of the archive.
const (
	archiveEvery   = time.Second
	archiveMatches = 4096 // of a round; the next takes the rest
	archiveWriters = 16   // concurrent writers of records
	retryAfter     = 20 * time.Millisecond
)
