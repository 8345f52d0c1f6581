package session

import (
	"tactus/game"
	"tactus/internal/ws"
)

// Conn returns the connection, nil if there is none, to be added to a [ws.ReadBatch]
// or [ws.WriteBatch] with the session as its receiver or sender. Sessions with
// different tallies can be in batches of different goroutines at the same time, while
// nothing changes [Shared].
func (s *Session) Conn() *ws.Conn { return s.link.conn }

// Received records the result of a read, for [ws.Receiver]. After the
// connection's end the session is added to the lost ones of its tally.
func (s *Session) Received(r ws.Received) {
	// Copied, so that the next tick does not load the connection of a silent player
	// into the cache.
	s.link.blocked, s.link.lastReceived = r.Blocked, r.LastReceived
	s.tally().bytesIn += uint64(r.Bytes)
	err := r.Err
	if err == nil {
		if s.link.keyframeRequested {
			s.grantKeyframe()
		}
		err = s.CheckTimeouts()
	}
	if err != nil {
		s.tally().lose(s, err)
	}
}

// Input returns the player's input for tick t, if one came.
func (s *Session) Input(t game.Tick) (lag int32, words []uint32, ok bool) {
	if s.inputs == nil {
		return 0, nil, false
	}
	seq, lag, words, ok := s.inputs.buffer.at(t, s.shared.Input.Stride)
	if ok {
		s.progress.ack = max(s.progress.ack, seq)
	}
	return lag, words, ok
}
