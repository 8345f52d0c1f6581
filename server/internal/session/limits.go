package session

import "time"

// Limits of what one player may cost.
const (
	// maxMessagesPerSecond is per tick of rate; a client sends one input a tick
	// and little else, and may send a burst after a stall of its network.
	messagesPerTick = 4
	messagesBurst   = 240

	// maxFaults is how many invalid messages are forgiven; one is forgotten
	// every faultMemory.
	maxFaults   = 30
	faultMemory = time.Second

	maxCommandsPerTick = 8
	chatBurst          = 5
	chatEvery          = 2 * time.Second
	resyncEvery        = time.Second

	// maxCold bounds the reliable messages a player has not taken yet.
	maxCold = 64 << 10

	// keepCold is the room for such messages that a seat keeps when it has none.
	keepCold = 512

	pingAfter  = 10 * time.Second // silence before a heartbeat
	pingEvery  = 5 * time.Second  // between heartbeats that are not answered
	idleAfter  = 30 * time.Second // silence before the connection counts as lost
	slowAfter  = 10 * time.Second // without taking a byte
	parkAfter  = time.Second      // silence before the socket is only watched
	secretSize = 16

	// Who has sent something in at least a quarter of the ticks of a second and
	// then nothing for stallAfter is taken to have stopped (a stopped process, a
	// link that died): his kernel would still take seconds of snapshots.
	stallAfter  = time.Second
	livelyShare = 4
)
