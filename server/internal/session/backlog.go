package session

// backlog is what a session must still be sent of things that others make and that can
// be long: the roster and the result. What it holds is shared with other sessions, and
// of the roster it holds one part at most. So nothing that others do can make much of
// it, and a client that reads nothing gets only the newest state of each seat.
type backlog struct {
	roster RosterCursor
	behind bool   // the client lacks more of the roster than part
	part   []byte // a frame; nil: none
	result []byte // a frame; nil: none
}

// RosterCursor is how far a client is with the roster of its match. The client has all
// changes up to a version; a pass over the seats brings those since, in parts.
type RosterCursor struct {
	Seen    uint32 // version that the client has; 0: nothing
	Resumed bool   // it may know players of an earlier connection that have left
	// Of the pass:
	Version uint32 // that the client has after it
	Next    int    // slot; 0: it has not begun
}

func (s *Session) ensureBacklog() *backlog {
	if s.backlog == nil {
		s.backlog = &backlog{}
	}
	return s.backlog
}

// knowsRoster reports whether the client has the whole roster, or gets the rest with
// the next snapshot. Before that it gets no texts: it may not know their authors.
func (s *Session) knowsRoster() bool { return s.backlog == nil || !s.backlog.behind }

// QueueRoster adds a frame with the newest changes of the roster. It reports false if
// the session can't take it: its client lacks earlier ones, or does not read. Then the
// session must catch up.
func (s *Session) QueueRoster(frame []byte) bool {
	if s.backlog != nil || s.link.blocked || s.reliable.others() {
		return false
	}
	s.reliable.bytes = append(s.reliable.bytes, frame...)
	return true
}

// FallBehind records that the client has the roster of a version only.
func (s *Session) FallBehind(seen uint32) {
	if s.knowsRoster() {
		b := s.ensureBacklog()
		b.behind, b.roster = true, RosterCursor{Seen: seen}
	}
}

// CatchUp returns the cursor of a session that can take another part of the roster now,
// nil if it can't or lacks none. behind reports whether the client lacks some.
func (s *Session) CatchUp() (c *RosterCursor, behind bool) {
	b := s.backlog
	if b == nil || !b.behind {
		return nil, false
	}
	if b.part != nil || s.link.blocked {
		return nil, true
	}
	return &b.roster, true
}

// QueueRosterPart adds a part of the roster, nil for an empty one. With last the client
// has the newest version then. The session keeps the frame, which is shared.
func (s *Session) QueueRosterPart(frame []byte, last bool) {
	s.backlog.part, s.backlog.behind = frame, !last
	if last && frame == nil && s.backlog.result == nil {
		s.backlog = nil
	}
}
