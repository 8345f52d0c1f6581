package match

import (
	"tactus/game"
	"tactus/server/internal/session"
)

// playerSlot is what a match keeps of a slot, in whole cache lines: the session,
// which every tick needs, begins at the begin of one.
type playerSlot struct {
	session session.Session
	seat    session.Seat
	_       [8]byte
}

// makePlayers makes the players of all slots, in one piece of memory.
func (m *Match) makePlayers() {
	m.players = make([]playerSlot, m.cfg.Match.Mode.MaxPlayers)
	m.seats = make([]*session.Seat, len(m.players))
	for p := range m.players {
		m.players[p] = playerSlot{session: session.New(&m.shared, game.Slot(p)), seat: session.NewSeat(game.Slot(p))}
		m.seats[p] = &m.players[p].seat
	}
	m.online = make([]*session.Session, 0, len(m.players))
}
