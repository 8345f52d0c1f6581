package fleet

import "time"

const (
	// What one server may report.
	maxID               = 64
	maxProcess          = 64
	maxGames            = 64
	maxModes            = 64
	maxMatchesPerServer = 20_000
	maxSeatsPerServer   = 100_000
	maxSeats            = 4096
	maxTeams            = maxSeats
	// Messages beyond this rate wait in the stream.
	newsPerSecond = 200
	newsBurst     = 400
	// storeAtOnce bounds the ends of one server's matches that are being stored. The
	// server reports the others again.
	storeAtOnce = 64
	// storeTimeout bounds storing one end.
	storeTimeout = 5 * time.Second

	registerTimeout = 5 * time.Second
	// A server is gone when it has sent nothing, not even its load, for leastSilence
	// and for silentLoads intervals.
	leastSilence = 20 * time.Second
	silentLoads  = 5
	// A server keeps its id while it answers a ping within pingTimeout, or was heard of
	// within idSilence. One that knows no pings is heard of by its loads alone.
	pingTimeout = time.Second
	idSilence   = 2 * time.Second
	// awayLasts is how long a mode stays known without a live server.
	awayLasts = 10 * time.Minute
	// outbound bounds the messages that wait to be sent to one server.
	outbound = 1024
	// lostAfter is how long a server may be gone before its matches count as lost.
	lostAfter = 10 * time.Second

	// Stand-ins for servers without a limit.
	unlimitedMatches = 10_000
	unlimitedPlayers = 100_000
	// busyCPU is the share of its cores below which a server's CPU does not count for
	// its load. Only its seats and matches do.
	busyCPU = 0.5
	// crowdedCPU is the share of its cores from which a server is not packed further.
	crowdedCPU = 0.8
)
