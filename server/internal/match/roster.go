package match

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
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

// flush queues what has changed in one message for each session. It encodes into
// scratch, which it returns.
func (r *roster) flush(sessions []*session.Session, scratch []byte) []byte {
	r.whole = nil
	if len(r.delta) == 0 {
		return scratch
	}
	scratch = protocol.AppendRoster(append(scratch[:0], make([]byte, ws.FrameRoom)...), &protocol.Roster{Entries: r.delta})
	frame := ws.Frame(scratch)
	for _, s := range sessions {
		s.QueueFrame(frame)
	}
	r.delta = r.delta[:0]
	return scratch
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
	for _, s := range m.seats {
		if e, ok := m.rosterEntry(s); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

func (m *Match) rosterEntry(s *session.Seat) (protocol.RosterEntry, bool) {
	e := protocol.RosterEntry{Slot: s.Slot(), Name: s.Name, Team: m.teamOf(s.Slot())}
	taken, bot := m.sim.Taken(s.Slot())
	switch {
	case bot:
		e.Name, e.Flags = botName(s.Slot()), protocol.RosterBot|protocol.RosterConnected
	case s.State == session.Connected:
		e.Flags = protocol.RosterConnected
	}
	return e, taken
}

// announce adds to the roster what became of a seat.
func (m *Match) announce(s *session.Seat, flags protocol.RosterFlags) {
	m.roster.add(protocol.RosterEntry{Slot: s.Slot(), Name: s.Name, Flags: flags, Team: m.teamOf(s.Slot())})
}

func (m *Match) announceBot(p game.Slot, flags protocol.RosterFlags) {
	m.roster.add(protocol.RosterEntry{Slot: p, Name: botName(p), Flags: flags, Team: m.teamOf(p)})
}

func (m *Match) flushRoster() { m.own.bench.frame = m.roster.flush(m.online, m.own.bench.frame) }
