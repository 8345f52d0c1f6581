package session

import (
	"tactus/internal/ws"
	"tactus/protocol"
)

// link is what a session knows of its connection. It has two conditions that do
// not depend on each other: reading, the connection is polled or parked; writing,
// it is ready or blocked.
type link struct {
	conn              *ws.Conn // nil: none
	lastReceived      int64   // when anything was heard, as of the last poll
	features          protocol.Features
	parked            bool
	blocked           bool // the rest of a frame waits in the socket
	left              bool // the player said that they leave
	keyframeRequested bool // the player waits for a keyframe
	welcomeConfirmed  bool // a message came behind the welcome: it has arrived
}

// write sends frames if no earlier one waits. It counts the bytes in t.
func (l *link) write(now int64, frames []byte, t *Tally) (taken bool, err error) {
	before := l.conn.BytesOut()
	taken, err = l.conn.Write(now, frames)
	l.blocked = l.conn.Blocked()
	t.bytesOut += l.conn.BytesOut() - before
	return taken, err
}

// flush sends the rest of a frame, if there is one, and reports whether nothing is
// left of it.
func (l *link) flush(now int64) (idle bool, err error) {
	idle, err = l.conn.Flush(now)
	l.blocked = l.conn.Blocked()
	return idle, err
}

// blockedFor is for how long the connection has taken no byte, 0 when it is ready.
func (l *link) blockedFor(now int64) int64 {
	if l.blocked {
		if since := l.conn.BlockedSince(); since != 0 {
			return now - since
		}
	}
	return 0
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

// Park moves the seat's socket to the poller when its player has been silent
// for a second, so that it costs no call per tick. The answer to a heartbeat
// wakes it for one look only.
func (s *Session) Park(p *ws.Poller) {
	if s.link.parked || s.link.conn == nil || !s.Inactive() || s.link.blocked {
		return
	}
	s.link.parked = p.Park(s.link.conn, uint32(s.Slot()))
}

// Unparked notes that the poller has let go of the socket.
func (s *Session) Unparked() { s.link.parked = false }

// Parked reports whether the socket is only watched.
func (s *Session) Parked() bool { return s.link.parked }

// CheckTimeouts looks after silence and stuck writes, and sends heartbeats. It returns why
// the connection is to be ended, if it is.
func (s *Session) CheckTimeouts(t *Tally) error {
	now := s.shared.Now
	if s.link.blockedFor(now) > int64(slowAfter) {
		return closeError(protocol.CloseSlow)
	}
	silent := now - s.link.lastReceived
	switch {
	case silent > int64(idleAfter):
		return closeError(protocol.CloseIdle)
	case silent > int64(pingAfter) && now-s.lastPing >= int64(pingEvery):
		return s.heartbeat(t)
	}
	return nil
}

// ping is a heartbeat's frame.
var ping = ws.AppendPing(nil)

// heartbeat asks whether the player is still there. It goes out at once, whatever
// else waits for a snapshot to go with: there may be none for a stalled player.
// Behind a frame that is stuck it is tried again.
func (s *Session) heartbeat(t *Tally) error {
	sent, err := s.link.write(s.shared.Now, ping, t)
	if sent {
		s.lastPing = s.shared.Now
	}
	return err
}
