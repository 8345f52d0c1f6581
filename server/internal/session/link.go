package session

import (
	"tactus/internal/ws"
	"tactus/protocol"
)

// link is the state of a session's connection. Two conditions are independent of
// each other: for reading, the connection is polled or parked; for writing, it is
// ready or blocked.
type link struct {
	conn         *ws.Conn // nil: none
	lastReceived int64    // when the last bytes arrived, as of the last read
	// lastPing is when the last heartbeat was sent.
	lastPing int64
	features protocol.Features
	shard    uint8 // of the match, see [Session.SetShard]
	parked   bool
	blocked  bool // part of a frame is unsent
	left     bool // the player has left for good
	// keyframeRequested means that the client requested a keyframe that was not sent
	// yet.
	keyframeRequested bool
	welcomeConfirmed  bool // a message has arrived since the welcome
}

// write sends frames unless part of an earlier one is unsent. It adds the bytes to t.
func (l *link) write(now int64, frames []byte, t *Tally) (taken bool, err error) {
	before := l.conn.BytesOut()
	taken, err = l.conn.Write(now, frames)
	l.blocked = l.conn.Blocked()
	t.bytesOut += l.conn.BytesOut() - before
	return taken, err
}

// flush sends the unsent part of a frame and reports whether nothing remains.
func (l *link) flush(now int64) (idle bool, err error) {
	idle, err = l.conn.Flush(now)
	l.blocked = l.conn.Blocked()
	return idle, err
}

// stillBlocked sends the unsent part of a frame and reports whether some remains.
func (l *link) stillBlocked(now int64) bool {
	if !l.blocked {
		return false
	}
	idle, err := l.flush(now)
	return err == nil && !idle
}

// blockedFor is how long the socket has accepted no byte, 0 for a ready connection.
func (l *link) blockedFor(now int64) int64 {
	if l.blocked {
		if since := l.conn.BlockedSince(); since != 0 {
			return now - since
		}
	}
	return 0
}

// leave handles the message that the player leaves.
func (l *link) leave(b []byte) error {
	if err := protocol.ParseBye(b); err != nil {
		return protocolError(err)
	}
	l.left = true
	return nil
}

// requestKeyframe handles the message that the client needs a keyframe.
func (l *link) requestKeyframe(b []byte) error {
	if err := protocol.ParseResync(b); err != nil {
		return protocolError(err)
	}
	l.keyframeRequested = true
	return nil
}

func (l *link) unpark(p *ws.Poller) {
	if l.parked {
		p.Unpark(l.conn)
		l.parked = false
	}
}

func (l *link) close(code protocol.CloseCode, reason string) {
	l.conn.Close(code, reason)
	l.conn = nil
}

// Park hands the socket to the poller if the player has sent no message for a
// second, so that it needs no system call per tick. The answer to a heartbeat
// unparks it for one read.
func (s *Session) Park(p *ws.Poller) {
	if s.link.parked || s.link.conn == nil || !s.Inactive() || s.link.blocked {
		return
	}
	s.link.parked = p.Park(s.link.conn, uint32(s.Slot()))
}

// Unparked records that the poller no longer watches the socket.
func (s *Session) Unparked() { s.link.parked = false }

// Parked reports whether the socket is watched instead of read.
func (s *Session) Parked() bool { return s.link.parked }

// Blocked reports whether part of a frame was unsent after the last read or write.
func (s *Session) Blocked() bool { return s.link.blocked }

// CheckTimeouts sends heartbeats. It returns an error if the connection must be
// closed: the client was silent or blocked for too long.
func (s *Session) CheckTimeouts() error {
	now := s.shared.Now
	if s.link.blockedFor(now) > int64(slowAfter) {
		return closeError(protocol.CloseSlow)
	}
	silent := now - s.link.lastReceived
	switch {
	case silent > int64(idleAfter):
		return closeError(protocol.CloseIdle)
	case silent > int64(pingAfter) && now-s.link.lastPing >= int64(pingEvery):
		// Do not wait for the next snapshot, which a stalled player may not get. A
		// blocked connection gets the ping later.
		sent, err := s.link.write(now, ping, s.tally())
		if sent {
			s.link.lastPing = now
		}
		return err
	}
	return nil
}

// ping is the frame of a heartbeat.
var ping = ws.AppendPing(nil)
