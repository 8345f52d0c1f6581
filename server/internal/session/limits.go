package session

import "time"

// Limits per player.
const (
	// messagesPerTick is the sustained rate. A client sends one input per tick and
	// little else, and a burst after its network has stalled.
	messagesPerTick = 4
	messagesBurst   = 240

	maxCommandsPerTick = 8
	resyncEvery        = time.Second
	noticeEvery        = 5 * time.Second // between notices of refused chat

	// maxReliable bounds the queued answers to a player's own messages, in bytes.
	maxReliable = 64 << 10

	// keepReliable is the capacity that an empty queue of them keeps.
	keepReliable = 64

	pingAfter = 10 * time.Second // silence before a heartbeat
	pingEvery = 5 * time.Second  // between unanswered heartbeats
	// idleAfter is the silence before the connection counts as lost.
	idleAfter = 30 * time.Second
	slowAfter = 10 * time.Second // without accepting a byte
	parkAfter = time.Second      // silence before the socket is watched instead of read

	// snapshotEvery is the time between snapshots for an inactive player without
	// changes. Heartbeats are a little more frequent, and a snapshot goes with each.
	snapshotEvery = 12 * time.Second

	// A player is stalled after messages in at least a quarter of the ticks of a
	// second and then nothing for stallAfter. The process has stopped, or the link is
	// dead, but the kernels would still buffer seconds of snapshots.
	stallAfter  = time.Second
	steadyShare = 4
)

var (
	// violationRate is how many invalid messages are tolerated.
	violationRate = rate{burst: 30, every: int64(time.Second)}
	chatRate      = rate{burst: 5, every: int64(2 * time.Second)}
)

// messageRate bounds the messages of a player in a match with a rate in ticks per
// second.
func messageRate(ticks int) rate {
	return rate{burst: messagesBurst, every: int64(time.Second) / int64(messagesPerTick*ticks)}
}
