package match

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/fanout"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// roster is the list of players by slot, as clients see it: a new connection gets all
// seats, the others get what has changed.
type roster struct {
	sim     *game.Simulation
	seating *seating.Seating
	slots   int

	delta []protocol.RosterEntry // since the last flush
	whole []byte                 // a frame with all seats; nil: out of date
}

// announce adds a change of a seat, for the next flush.
func (r *roster) announce(c *seating.Change, flags protocol.RosterFlags) {
	r.delta = append(r.delta, protocol.RosterEntry{Slot: c.Slot, Name: c.Name, Flags: flags, Team: c.Team})
}

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
	r.delta = nil // changes are rare, matches are many
}

// frame is the frame with all seats. It is encoded once for all connections that
// come before the next flush, which brings them what the frame lacks.
func (r *roster) frame() []byte {
	if r.whole == nil {
		r.whole = ws.Frame(protocol.AppendRoster(make([]byte, ws.FrameRoom), &protocol.Roster{Entries: r.entries()}))
	}
	return r.whole
}

func (r *roster) entries() []protocol.RosterEntry {
	var entries []protocol.RosterEntry
	for p := range r.slots {
		if e, ok := r.entry(game.Slot(p)); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

// entry is a slot as clients see it, and whether it has a player or bot.
func (r *roster) entry(p game.Slot) (protocol.RosterEntry, bool) {
	seat := r.seating.Seat(p)
	e := protocol.RosterEntry{Slot: p, Name: seat.Name, Team: r.seating.Team(p)}
	taken, bot := r.sim.Taken(p)
	switch {
	case bot:
		e.Name, e.Flags = seating.BotName(p), protocol.RosterBot|protocol.RosterConnected
	case seat.State() == seating.Connected:
		e.Flags = protocol.RosterConnected
	}
	return e, taken
}
