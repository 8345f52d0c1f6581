package session

import "tactus/game"

// Poll adds the seat's connection to what the reader reads.
func (s *Session) Poll(r *Reader) { r.intake.Add(s.link.conn) }

// Take takes what the player sent, as number i of those that the reader has read.
// It returns why the connection ended, nil while it lives; the caller drops the
// seat then. Several seats may be polled at once, each with a reader of its own,
// as long as nobody changes what they share.
func (s *Session) Take(r *Reader, i int) error {
	r.seat = s
	taken := r.intake.Take(i, s.shared.Now, r.scratch, r)
	// Kept where a silent player's connection need not be fetched into the cache
	// for it.
	s.link.blocked, s.link.lastReceived = taken.Blocked, taken.LastReceived
	r.bytesIn += uint64(taken.Bytes)
	if taken.Err != nil {
		return taken.Err
	}
	if s.link.keyframeRequested {
		s.grantKeyframe()
	}
	return s.CheckTimeouts(&r.Tally)
}

// Input returns the player's input for tick t, if one came.
func (s *Session) Input(t game.Tick) (lag int32, words []uint32, ok bool) {
	seq, lag, words, ok := s.inputs.at(t, s.shared.Input.Stride)
	if ok {
		s.progress.ack = max(s.progress.ack, seq)
	}
	return lag, words, ok
}
