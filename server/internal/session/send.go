package session

import (
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/replicate"
)

// Action is what happens when a snapshot is due for a session.
type Action uint8

// Actions of [Session.Next].
const (
	SendSnapshot Action = iota
	SkipBlocked         // part of an earlier frame is unsent: do not encode another
	SkipStalled         // a steady sender has gone silent
	NothingNew          // nothing changed for an inactive player
	CloseSlow           // too many answers are queued

	actions
)

// Views reports what a snapshot would contain.
type Views interface {
	// UpToDate reports whether the client has all changes.
	UpToDate(*replicate.View) bool
}

// Next decides what happens to the snapshot that is due, and counts it. A change of
// the pace of the match's clock is announced by a snapshot. result reports whether
// the match has a result. A session that must be closed is added to the lost ones of
// its tally.
func (s *Session) Next(result bool, views Views) (a Action) {
	p := &s.progress
	switch {
	case s.reliable.overflow():
		a = CloseSlow
	case s.link.stillBlocked(s.shared.Now):
		a = SkipBlocked
	case s.stalled():
		a = SkipStalled
	case p.pace == s.shared.Pace && s.Inactive() && views.UpToDate(&s.View) && s.ReliableBytes() == 0 &&
		s.shared.Now-p.lastSnapshot < int64(snapshotEvery) && s.link.lastPing < s.shared.Now && (!result || p.resultSent):
		a = NothingNew
	default:
		a = SendSnapshot
	}
	s.tally().actions[a]++
	if a == CloseSlow {
		s.tally().lose(s, closeError(protocol.CloseSlow))
	}
	return a
}

// Header is the private part of the next snapshot.
func (s *Session) Header() replicate.Header {
	h := replicate.Header{Ack: s.progress.ack, Percent: 100}
	if s.progress.inputSinceSnapshot {
		h.Slack = int32(s.progress.slack)
	}
	return h
}

// LastSnapshot is when the last snapshot was sent, and the pace of the match's clock
// then.
func (s *Session) LastSnapshot() (at, pace int64) { return s.progress.lastSnapshot, s.progress.pace }

// Frame makes a frame of a snapshot and puts the reliable messages in front of it.
// buf has ReliableBytes() + ws.FrameRoom free bytes, then the snapshot's payload. The
// frames are the end of buf, from the returned index.
func (s *Session) Frame(buf []byte) (from int) {
	n := s.ReliableBytes()
	frame := ws.Frame(buf[n:])
	from = len(buf) - len(frame) - n
	if n > 0 {
		s.copyTo(buf[from:from+n], s.shared)
	}
	return from
}

// Sent records whether a snapshot of the current tick and pace was sent, for
// [ws.Sender]. If it was not, the next snapshot contains all changes since the last
// one sent.
func (s *Session) Sent(sent ws.Sent) {
	if s.link.blocked = sent.Blocked; sent.Taken {
		s.View.Sent(s.shared.Tick)
		s.progress.inputSinceSnapshot, s.progress.lastSnapshot, s.progress.pace = false, s.shared.Now, s.shared.Pace
		s.tally().Snapshots++
		if s.sent(s.shared) {
			s.inputs.pingSent(s.shared.Now)
		}
	} else {
		s.tally().refused++
	}
	s.tally().bytesOut += uint64(sent.Bytes)
	if sent.Err != nil {
		s.tally().lose(s, sent.Err)
	}
}

// Flush sends answers, and the welcome, when no snapshot is due.
func (s *Session) Flush() error {
	if len(s.reliable.bytes) == 0 {
		if s.link.blocked {
			_, err := s.link.flush(s.shared.Now)
			return err
		}
		return nil
	}
	taken, err := s.link.write(s.shared.Now, s.reliable.bytes, s.tally())
	if taken {
		s.reliable.sent()
		s.inputs.pingSent(s.shared.Now)
	}
	return err
}
