package match

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/fanout"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// roster is who sits in which slot, as clients see it: a new connection gets all
// seats, the others get what has changed.
type roster struct {
	delta []protocol.RosterEntry // since the last flush
	whole []byte                 // a frame with all seats; nil: out of date
}

// add notes what has changed about a seat, for the next flush.
func (r *roster) add(e protocol.RosterEntry) { r.delta = append(r.delta, e) }

// flush queues what has changed, in one message for each session.
func (r *roster) flush(sessions []*session.Session, pool *fanout.Pool) {
	r.whole = nil
	if len(r.delta) == 0 {
		return
	}
	frame := pool.Frame(func(dst []byte) []byte {
		return protocol.AppendRoster(dst, &protocol.Roster{Entries: r.delta})
	})
	for _, s := range sessions {
		s.QueueFrame(frame)
	}
	r.delta = r.delta[:0]
}

// frame is the frame with all seats. It is encoded once for all connections that
// come before the next flush, which brings them what the frame lacks.
func (r *roster) frame(entries func() []protocol.RosterEntry) []byte {
	if r.whole == nil {
		r.whole = ws.Frame(protocol.AppendRoster(make([]byte, ws.FrameRoom), &protocol.Roster{Entries: entries()}))
	}
	return r.whole
}

func (m *Match) rosterEntries() []protocol.RosterEntry {
	var entries []protocol.RosterEntry
	for p := range m.players {
		if e, ok := m.rosterEntry(game.Slot(p)); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

func (m *Match) rosterEntry(p game.Slot) (protocol.RosterEntry, bool) {
	seat := m.seating.Seat(p)
	e := protocol.RosterEntry{Slot: p, Name: seat.Name, Team: m.seating.Team(p)}
	taken, bot := m.sim.Taken(p)
	switch {
	case bot:
		e.Name, e.Flags = seating.BotName(p), protocol.RosterBot|protocol.RosterConnected
	case seat.State() == seating.Connected:
		e.Flags = protocol.RosterConnected
	}
	return e, taken
}

// announce adds a change of a seat to the roster.
func (m *Match) announce(c *seating.Change, flags protocol.RosterFlags) {
	m.roster.add(protocol.RosterEntry{Slot: c.Slot, Name: c.Name, Flags: flags, Team: c.Team})
}

func (m *Match) flushRoster() { m.roster.flush(m.online, m.pool) }
