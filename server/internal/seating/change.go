package seating

import "tactus/game"

// ChangeKind is what has changed.
type ChangeKind uint8

// Kinds of changes.
const (
	ReservationMade ChangeKind = iota
	ReservationEnded
	PlayerConnected
	PlayerDisconnected
	PlayerJoined // the world
	PlayerLeft   // the world
	BotJoined
	BotLeft
	SeatFreed // by a player, not by the end of a reservation
)

// Change is one change of a seat or of the world's players, as of its moment.
type Change struct {
	Kind   ChangeKind
	Slot   game.Slot
	Player string           // empty: a bot
	Name   string           // as shown
	Team   int32            // of the slot, -1: none
	Info   game.PlayerInfo  // of joins
	Why    game.LeaveReason // of leaves
}

// change is a change of a seat, to be recorded.
func (s *Seat) change(kind ChangeKind) Change {
	return Change{Kind: kind, Slot: s.slot, Player: s.Player, Name: s.Name}
}

// botChange is a change of a bot, to be recorded.
func botChange(kind ChangeKind, p game.Slot) Change {
	return Change{Kind: kind, Slot: p, Name: BotName(p)}
}

// record adds a change. It asks the rules for the team last: if they panic, the
// change has happened all the same.
func (s *Seating) record(c Change) {
	c.Team = -1
	s.changes = append(s.changes, c)
	s.changes[len(s.changes)-1].Team = s.Team(c.Slot)
}

// Changes returns what has changed since the last call, in order. The slice is the
// caller's: seats change rarely, so matches at rest hold no memory for it.
func (s *Seating) Changes() []Change {
	c := s.changes
	s.changes = nil
	return c
}
