package match

import (
	"tactus/game"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// playerSlot is what a match keeps of a slot, in whole cache lines: the session,
// which every tick needs, starts a line. The match owns the session, the seating
// owns the seat.
type playerSlot struct {
	session session.Session
	seat    seating.Seat
}

// makePlayers makes the players of all slots of a match, in one piece of memory, and
// their seating.
func makePlayers(m *Match) {
	m.players = make([]playerSlot, m.cfg.Match.Mode.MaxPlayers)
	seats := make([]*seating.Seat, len(m.players))
	for p := range m.players {
		m.players[p] = playerSlot{session: session.New(&m.shared, game.Slot(p)), seat: seating.NewSeat(game.Slot(p))}
		seats[p] = &m.players[p].seat
	}
	m.seating = seating.New(m.sim, m.cfg.Queue, seats)
	m.roster = roster{sim: m.sim, seating: m.seating, changed: make([]uint32, len(m.players))}
	m.online = make([]*session.Session, 0, len(m.players))
}
