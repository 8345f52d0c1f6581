package match

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/fanout"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

const (
	// maxRosterPart bounds a roster message, in bytes of its frame. A client gets one in
	// a snapshot, when its socket has taken the last one.
	maxRosterPart = 16 << 10
	// rosterEntryRoom is the most bytes of an entry besides its name, rosterHead of a
	// frame besides its entries.
	rosterEntryRoom = 16
	rosterHead      = 16
)

// roster is the list of players by slot, as clients see it. A new connection gets all
// seats, the others get what has changed. Messages are made from the seats as they are
// when a socket can take them: a client that lacks many changes gets only the newest
// state of each seat.
type roster struct {
	sim     *game.Simulation
	seating *seating.Seating

	version uint32                 // counts flushes with changes
	changed []uint32               // version of each slot's last change; 0: it never had a player
	delta   []protocol.RosterEntry // since the last flush
	behind  bool                   // sessions lack some of the roster
	parts   []rosterPart           // made in this flush
}

// rosterPart is a part of the roster for clients that have a version: slots from first
// up to, but without, next.
type rosterPart struct {
	session.RosterCursor
	next  int
	frame []byte // nil: nothing has changed
}

// announce adds a change of a seat, for the next flush.
func (r *roster) announce(c *seating.Change, flags protocol.RosterFlags) {
	r.delta = append(r.delta, protocol.RosterEntry{Slot: c.Slot, Name: c.Name, Flags: flags, Team: c.Team})
}

// flush queues what has changed, in one message for the sessions that have everything
// before it, and a part of what they lack for others.
func (r *roster) flush(sessions []*session.Session, pool *fanout.Pool) {
	news := len(r.delta) > 0
	if !news && !r.behind {
		return
	}
	var frame []byte
	if news {
		frame = r.newest(pool)
	}
	r.behind = false
	for _, s := range sessions {
		if news && (frame == nil || s.Blocked() || !s.QueueRoster(frame)) {
			s.FallBehind(r.version - 1)
		}
		c, behind := s.CatchUp()
		if c != nil && !s.Blocked() {
			behind = !r.catchUp(s, c)
		}
		r.behind = r.behind || behind
	}
	r.delta, r.parts = nil, nil // changes are rare, matches are many
}

// newest counts what has changed, and makes the message with it: nil if that would be
// too long.
func (r *roster) newest(pool *fanout.Pool) []byte {
	r.version++
	size := rosterHead
	for i := range r.delta {
		e := &r.delta[i]
		r.changed[e.Slot] = r.version
		size += len(e.Name) + rosterEntryRoom
	}
	if size > maxRosterPart {
		return nil
	}
	return pool.Frame(func(dst []byte) []byte {
		return protocol.AppendRoster(dst, &protocol.Roster{Entries: r.delta})
	})
}

// catchUp queues the next part for a session. It reports whether the client has the
// newest version then.
func (r *roster) catchUp(s *session.Session, c *session.RosterCursor) (last bool) {
	if c.Next == 0 {
		c.Version = r.version
	}
	p := r.part(*c)
	if c.Next = p.next; c.Next == len(r.changed) {
		last = c.Version == r.version
		*c = session.RosterCursor{Seen: c.Version}
	}
	s.QueueRosterPart(p.frame, last)
	return last
}

// part makes the part of a cursor, once for all sessions with the same.
func (r *roster) part(c session.RosterCursor) rosterPart {
	for _, p := range r.parts {
		if p.RosterCursor == c {
			return p
		}
	}
	p := rosterPart{RosterCursor: c, next: c.Next}
	var entries []protocol.RosterEntry
	for size := rosterHead; p.next < len(r.changed); p.next++ {
		e, ok := r.entry(game.Slot(p.next), &c)
		if !ok {
			continue
		}
		if size += len(e.Name) + rosterEntryRoom; size > maxRosterPart {
			break
		}
		entries = append(entries, e)
	}
	if len(entries) > 0 || c.Seen == 0 && c.Next == 0 {
		p.frame = ws.Frame(protocol.AppendRoster(make([]byte, ws.FrameRoom), &protocol.Roster{Entries: entries}))
	}
	r.parts = append(r.parts, p)
	return p
}

// entry is a slot as clients see it, and whether it is news for a client.
func (r *roster) entry(p game.Slot, c *session.RosterCursor) (e protocol.RosterEntry, news bool) {
	taken, bot := r.sim.Taken(p)
	if !taken {
		known := c.Resumed || c.Seen > 0 && r.changed[p] > c.Seen
		return protocol.RosterEntry{Slot: p, Flags: protocol.RosterGone, Team: -1}, known && r.changed[p] > 0
	}
	seat := r.seating.Seat(p)
	e = protocol.RosterEntry{Slot: p, Name: seat.Name, Team: r.seating.Team(p)}
	switch {
	case bot:
		e.Name, e.Flags = seating.BotName(p), protocol.RosterBot|protocol.RosterConnected
	case seat.State() == seating.Connected:
		e.Flags = protocol.RosterConnected
	}
	return e, c.Seen == 0 || r.changed[p] > c.Seen
}
