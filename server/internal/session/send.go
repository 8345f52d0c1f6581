package session

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/server/internal/replicate"
)

// Action is what a session does when a snapshot is due.
type Action uint8

// Actions of [Session.Next].
const (
	SendSnapshot Action = iota
	SkipBlocked         // an earlier frame waits in the socket: to encode another would be for nothing
	SkipStalled         // the player has gone silent in the middle of their inputs
	NothingNew          // nothing to say to a player who says nothing
	CloseSlow           // too many reliable messages wait

	actions
)

// Views reports what a snapshot would bring a player.
type Views interface {
	// UpToDate reports whether the player has everything that changed.
	UpToDate(*replicate.View) bool
}

// Next decides what the session does with the snapshot that is due. pace is that
// of the match's clock, which players are told by a snapshot; result reports
// whether the match has a result.
func (s *Session) Next(pace int64, result bool, views Views, t *Tally) Action {
	a := s.next(pace, result, views)
	t.actions[a]++
	return a
}

func (s *Session) next(pace int64, result bool, views Views) Action {
	p := &s.progress
	switch {
	case s.reliable.overflow():
		return CloseSlow
	case s.link.blocked && s.stillBlocked():
		return SkipBlocked
	case s.stalled():
		return SkipStalled
	case p.pace == pace && s.Inactive() && views.UpToDate(&s.View) && len(s.reliable.bytes) == 0 &&
		s.shared.Now-p.lastSnapshot < int64(snapshotEvery) && s.lastPing < s.shared.Now && (!result || p.resultSent):
		return NothingNew
	default:
		return SendSnapshot
	}
}

// stillBlocked sends the rest of an earlier frame and reports whether some of it
// is left.
func (s *Session) stillBlocked() bool {
	idle, err := s.link.flush(s.shared.Now)
	return err == nil && !idle
}

// Header is the private part of the seat's next snapshot.
func (s *Session) Header() replicate.Header {
	h := replicate.Header{Ack: s.progress.ack, Percent: 100}
	if s.progress.inputSinceSnapshot {
		h.Slack = int32(s.progress.slack)
	}
	return h
}

// LastSnapshot is when the last snapshot went out.
func (s *Session) LastSnapshot() int64 { return s.progress.lastSnapshot }

// Pace is that of the match's clock as of the last snapshot.
func (s *Session) Pace() int64 { return s.progress.pace }

// ReliableBytes is the number of bytes of reliable messages that wait.
func (s *Session) ReliableBytes() int { return len(s.reliable.bytes) }

// Frame makes a frame of a snapshot and puts what waits in front of it, all to be
// sent in one call. buf has ReliableBytes() + ws.FrameRoom free bytes, then the
// snapshot's payload; what is to be sent is the end of it, from the index that is
// returned.
func (s *Session) Frame(buf []byte) (from int) {
	n := len(s.reliable.bytes)
	frame := ws.Frame(buf[n:])
	from = len(buf) - len(frame) - n
	copy(buf[from:], s.reliable.bytes)
	return from
}

// Post adds what Frame made to a batch; Posted is to be told what became of it.
func (s *Session) Post(b *ws.Batch, frames []byte) { b.Add(s.link.conn, frames) }

// Posted notes what became of a snapshot of tick, sent at the pace of the match's
// clock. If it was not taken, the player's next one tells all that changed since
// their last.
func (s *Session) Posted(sent ws.Sent, tick game.Tick, pace int64, t *Tally) {
	if s.link.blocked = sent.Blocked; sent.Taken {
		s.View.Sent(tick)
		s.progress.inputSinceSnapshot, s.progress.lastSnapshot, s.progress.pace = false, s.shared.Now, pace
		t.Snapshots++
		s.reliable.sent()
	} else {
		t.refused++
	}
	t.bytesOut += uint64(sent.Bytes)
}

// Flush writes what waits where no snapshot is due.
func (s *Session) Flush(t *Tally) error {
	if len(s.reliable.bytes) == 0 {
		if s.link.blocked {
			_, err := s.link.flush(s.shared.Now)
			return err
		}
		return nil
	}
	taken, err := s.link.write(s.shared.Now, s.reliable.bytes, t)
	if taken {
		s.reliable.sent()
	}
	return err
}
