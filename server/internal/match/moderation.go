package match

import (
	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/seating"
)

// maxRemovals bounds the removed players that a match remembers. The oldest are
// forgotten first.
const maxRemovals = 64

// moderation is what operators have done in a match.
type moderation struct {
	removals []removal // oldest first; nil for most matches
	endText  string    // for the players of a match that was stopped
}

// removal remembers a player that was taken out of the match, for as long as a dropped
// seat would be kept: a client that comes back later learns why its seat is gone.
type removal struct {
	slot       game.Slot
	generation uint32 // of the player's newest secret
	until      int64
	text       string
}

// Occupant is a player that has a seat, or a reservation.
type Occupant struct {
	Player, Name string
	Slot         game.Slot
	Connected    bool
}

// OccupantOf returns the player of a slot, if the connection has that seat.
func (m *Match) OccupantOf(slot game.Slot, conn *ws.Conn) (o Occupant, ok bool) {
	if int(slot) >= len(m.players) || m.players[slot].session.Conn() != conn {
		return o, false
	}
	seat := &m.players[slot].seat
	return Occupant{Player: seat.Player, Name: seat.Name, Slot: slot, Connected: true}, true
}

// Moderator does what operators ask for. It belongs to its match.
type Moderator struct{ match *Match }

// Moderator returns the match's.
func (m *Match) Moderator() Moderator { return Moderator{m} }

// Remove takes a player out of the match. The connection is closed with
// [protocol.CloseKicked] and the text, also one that is resumed later. It reports
// whether the player had a seat.
func (o Moderator) Remove(now int64, player, text string, why game.LeaveReason) bool {
	m := o.match
	m.request(now)
	slot, ok := m.seating.SlotOf(player)
	if !ok || m.ended == EndError {
		return false
	}
	m.moderation.remember(removal{slot, m.seating.Seat(slot).Generation(), now + int64(m.cfg.Grace), text})
	s := &m.players[slot].session
	if s.Conn() != nil {
		m.offline(s)
		s.Drop(&ws.CloseError{Code: protocol.CloseKicked, Reason: text}, m.poller)
	}
	m.seating.Vacate(slot, why)
	m.applySeating()
	m.cfg.Log.Info("player removed", m.cfg.LogFields(zap.Uint32("slot", uint32(slot)), zap.String("player", player), zap.String("text", text))...)
	return true
}

// EndWith ends the match after the turn, by an operator. Its players' connections are
// closed with the text.
func (o Moderator) EndWith(now int64, text string) {
	m := o.match
	m.request(now)
	if m.ended == "" {
		m.moderation.endText = text
	}
	m.End(EndStopped)
}

// Occupants lists the players that have a seat or a reservation, by slot. The slice is
// the caller's.
func (o Moderator) Occupants() []Occupant {
	m := o.match
	list := make([]Occupant, 0, m.seating.Players())
	for i := range m.players {
		if seat := &m.players[i].seat; seat.State() != seating.Free {
			list = append(list, Occupant{
				Player: seat.Player, Name: seat.Name, Slot: game.Slot(i), Connected: m.players[i].session.Conn() != nil,
			})
		}
	}
	return list
}

// removedBy returns the text for a player whose seat was taken, by the generation of
// the secret that a client shows.
func (md *moderation) removedBy(slot game.Slot, generation uint32, now int64) (text string, ok bool) {
	for _, r := range md.removals {
		if r.slot == slot && generation <= r.generation && now < r.until {
			return r.text, true
		}
	}
	return "", false
}

// remember keeps why a player's seat was taken.
func (md *moderation) remember(r removal) {
	if len(md.removals) == maxRemovals {
		md.removals = append(md.removals[:0], md.removals[1:]...)
	}
	md.removals = append(md.removals, r)
}
