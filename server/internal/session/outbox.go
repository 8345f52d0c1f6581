package session

// outbox is what waits for a client until a snapshot, or a flush, takes it. Not safe
// for concurrent use; owned by its session.
type outbox struct {
	reliable reliableQueue
	backlog  *backlog // nil: nothing that is long waits
}

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

func (o *outbox) ensureBacklog() *backlog {
	if o.backlog == nil {
		o.backlog = &backlog{}
	}
	return o.backlog
}

// knowsRoster reports whether the client has the whole roster, or gets the rest with
// the next snapshot. Before that it gets no texts: it may not know their authors.
func (o *outbox) knowsRoster() bool { return o.backlog == nil || !o.backlog.behind }

// QueueRoster adds a frame with the newest changes of the roster. It reports false if
// the client lacks earlier ones, or did not take the last one yet. Then the session must
// catch up.
func (o *outbox) QueueRoster(frame []byte) bool {
	if o.backlog != nil || o.reliable.others() {
		return false
	}
	o.reliable.bytes = append(o.reliable.bytes, frame...)
	return true
}

// FallBehind records that the client has the roster of a version only.
func (o *outbox) FallBehind(seen uint32) {
	if o.knowsRoster() {
		b := o.ensureBacklog()
		b.behind, b.roster = true, RosterCursor{Seen: seen}
	}
}

// CatchUp returns the cursor of a client that can take another part of the roster, nil
// if it can't or lacks none. behind reports whether it lacks some.
func (o *outbox) CatchUp() (c *RosterCursor, behind bool) {
	b := o.backlog
	if b == nil || !b.behind {
		return nil, false
	}
	if b.part != nil {
		return nil, true
	}
	return &b.roster, true
}

// QueueRosterPart adds a part of the roster, nil for an empty one. With last the client
// has the newest version then. The session keeps the frame, which is shared.
func (o *outbox) QueueRosterPart(frame []byte, last bool) {
	o.backlog.part, o.backlog.behind = frame, !last
	if last && frame == nil && o.backlog.result == nil {
		o.backlog = nil
	}
}

// QueueWelcome adds the welcome; fill appends its payload.
func (o *outbox) QueueWelcome(fill func(dst []byte) []byte) { o.reliable.add(fill) }

// size is that of everything that the next snapshot brings, in bytes.
func (o *outbox) size(shared *Shared) int {
	n := len(o.reliable.bytes)
	if o.backlog != nil {
		n += len(o.backlog.part) + len(o.backlog.result)
	}
	if o.knowsRoster() {
		n += shared.Notices.bytesAfter(o.reliable.notices) + shared.Chat.bytesAfter(o.reliable.chat)
	}
	return n
}

// copyTo copies everything to dst, which has room for its size.
func (o *outbox) copyTo(dst []byte, shared *Shared) {
	dst = dst[copy(dst, o.reliable.bytes):]
	if b := o.backlog; b != nil {
		dst = dst[copy(dst, b.part):]
		dst = dst[copy(dst, b.result):]
	}
	if o.knowsRoster() {
		dst = dst[shared.Notices.copyAfter(dst, o.reliable.notices):]
		shared.Chat.copyAfter(dst, o.reliable.chat)
	}
}

// sent records that everything was sent. It reports whether messages of the queue were
// among it.
func (o *outbox) sent(shared *Shared) (queued bool) {
	if queued = len(o.reliable.bytes) > 0; queued {
		o.reliable.sent()
	}
	if o.knowsRoster() {
		o.reliable.notices, o.reliable.chat = shared.Notices.newest(), shared.Chat.newest()
	}
	if b := o.backlog; b != nil {
		b.part, b.result = nil, nil
		if !b.behind {
			o.backlog = nil
		}
	}
	return queued
}
