package session

import "time"

// activity is how much a player sends: messages, without pings and the answers to
// heartbeats.
type activity struct {
	last   int64 // when the last one came
	window int64 // begin of the second that they are counted in
	count  int32 // since then
	steady bool  // many came in the second before it in which any came
}

// record counts a message. rate is the match's, in ticks a second.
func (a *activity) record(now int64, rate int) {
	a.last = now
	if now-a.window >= int64(time.Second) {
		a.steady = a.many(rate)
		a.window, a.count = now, 0
	}
	a.count++
}

// many reports whether many messages came in this second.
func (a *activity) many(rate int) bool { return int(a.count) >= rate/steadyShare }

// Inactive reports whether the player has sent no message for a second; pings and
// answers to heartbeats are none.
func (s *Session) Inactive() bool { return s.shared.Now-s.activity.last >= int64(parkAfter) }

// stalled reports whether a player who sent inputs all the time has gone silent.
// They get no snapshots meanwhile, and all that changed in one when they are heard
// again; what the kernel has taken for them already they read first.
func (s *Session) stalled() bool {
	silent := s.shared.Now - s.link.lastReceived
	return silent > int64(stallAfter) && (s.activity.steady || s.activity.many(s.shared.Rate))
}
