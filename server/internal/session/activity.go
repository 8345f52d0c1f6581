package session

import "time"

// activity is how often a player sends messages. Pings and answers to heartbeats do
// not count.
type activity struct {
	last   int64 // when the last message arrived
	window int64 // start of the second in which messages are counted
	// count is the number of messages since then.
	count  int32
	steady bool // many arrived in the last second in which any did
}

// record counts a message. rate is the match's, in ticks per second.
func (a *activity) record(now int64, rate int) {
	a.last = now
	if now-a.window >= int64(time.Second) {
		a.steady = a.many(rate)
		a.window, a.count = now, 0
	}
	a.count++
}

// many reports whether many messages have arrived in this second.
func (a *activity) many(rate int) bool { return int(a.count) >= rate/steadyShare }

// Inactive reports whether the player has sent no message for a second. Pings and
// answers to heartbeats do not count.
func (s *Session) Inactive() bool { return s.shared.Now-s.activity.last >= int64(parkAfter) }

// stalled reports whether a steady sender has gone silent. Such a player gets no
// snapshots. When messages arrive again, one snapshot contains all changes; the
// client first reads what the kernel has buffered for it.
func (s *Session) stalled() bool {
	silent := s.shared.Now - s.link.lastReceived
	return silent > int64(stallAfter) && (s.activity.steady || s.activity.many(s.shared.Rate))
}
