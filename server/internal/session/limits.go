package session

import "time"

// Limits of what one player may cost.
const (
	// messagesPerTick is what a client may send for long; it sends one input a
	// tick and little else, and may send a burst after a stall of its network.
	messagesPerTick = 4
	messagesBurst   = 240

	maxCommandsPerTick = 8
	resyncEvery        = time.Second
	noticeEvery        = 5 * time.Second // between notices of refused chat

	// maxReliable bounds the reliable messages a player has not taken yet.
	maxReliable = 64 << 10

	// keepReliable is the room for such messages that a seat keeps when it has none.
	keepReliable = 64

	pingAfter = 10 * time.Second // silence before a heartbeat
	pingEvery = 5 * time.Second  // between heartbeats that are not answered
	idleAfter = 30 * time.Second // silence before the connection counts as lost
	slowAfter = 10 * time.Second // without taking a byte
	parkAfter = time.Second      // silence before the socket is only watched

	// snapshotEvery is the time between snapshots to a silent player to whom nothing
	// happens. Heartbeats come a little more often, and carry one.
	snapshotEvery = 12 * time.Second

	// Who has sent something in at least a quarter of the ticks of a second and
	// then nothing for stallAfter is taken to have stopped (a stopped process, a
	// link that died): his kernel would still take seconds of snapshots.
	stallAfter  = time.Second
	steadyShare = 4
)

var (
	// violationRate is how many invalid messages are forgiven, and how soon one is
	// forgotten.
	violationRate = rate{burst: 30, every: int64(time.Second)}
	chatRate      = rate{burst: 5, every: int64(2 * time.Second)}
)

// messageRate bounds the messages of a player in a match of so many ticks a
// second.
func messageRate(ticks int) rate {
	return rate{burst: messagesBurst, every: int64(time.Second) / int64(messagesPerTick*ticks)}
}
