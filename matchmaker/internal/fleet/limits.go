package fleet

import "time"

const (
	// What one server may tell.
	maxID               = 64
	maxGames            = 64
	maxModes            = 64
	maxMatchesPerServer = 20_000
	maxSeats            = 4096
	maxTeams            = maxSeats
	// News beyond this rate wait in the stream.
	newsPerSecond = 200
	newsBurst     = 400
	// storeAtOnce bounds the ends of one server's matches that are being stored;
	// more are told again.
	storeAtOnce = 64
	// storeTimeout bounds how long storing one takes.
	storeTimeout = 5 * time.Second

	registerTimeout = 5 * time.Second
	// A server that tells nothing, not even its load, for that long and for so
	// many loads is gone.
	leastSilence = 20 * time.Second
	silentLoads  = 5
	// outbound bounds what waits to be sent to one server.
	outbound = 1024
	// lostAfter is how long a server has to come back before its matches count as
	// lost.
	lostAfter = 10 * time.Second

	// Stand-ins for servers without a limit.
	unlimitedMatches = 10_000
	unlimitedPlayers = 100_000
	// Below this share of its cores a process's CPU says nothing about which
	// of two servers is the better one; seats and matches do.
	busyCPU = 0.5
	// crowdedCPU is the share from which on a server is not packed any fuller.
	crowdedCPU = 0.8
)
