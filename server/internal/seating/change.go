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

// change records what has changed about a seat.
func (s *Seating) change(kind ChangeKind, seat *Seat) *Change {
	s.changes = append(s.changes, Change{
		Kind: kind, Slot: seat.slot, Player: seat.Player, Name: seat.Name, Team: s.Team(seat.slot),
	})
	return &s.changes[len(s.changes)-1]
}

// changeBot records what has changed about a bot.
func (s *Seating) changeBot(kind ChangeKind, p game.Slot) *Change {
	s.changes = append(s.changes, Change{Kind: kind, Slot: p, Name: BotName(p), Team: s.Team(p)})
	return &s.changes[len(s.changes)-1]
}

// Changes returns what has changed since the last call, in order. The slice is
// valid until the next call of any method.
func (s *Seating) Changes() []Change {
	c := s.changes
	s.changes = s.changes[:0]
	return c
}
