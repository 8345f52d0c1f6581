package session

import (
	"hash/fnv"

	"tactus/game"
)

// State is where a seat stands.
type State uint8

// States of a seat. A reserved seat waits for its player's first connection, a
// dropped one for the next.
const (
	Free State = iota
	Reserved
	Connected
	Dropped
)

// Seat is a player's place in a match: who holds it, until when, and by which
// token or secret they come to it. Not safe for concurrent use; owned by the
// goroutine that runs the match.
type Seat struct {
	Player, Name string
	Skill        float64 // in rating points, as the matchmaker told it
	Deadline     int64   // when a reserved or dropped seat is free again

	reservation string // join token id that may claim the seat now
	holdUntil   int64
	claimedBy   uint64 // sum over the join token id that claimed it last

	Team       int32
	slot       game.Slot
	generation uint32 // of the resume token, see SecretKey
	oldest     uint32 // generation that is good while the newest is not confirmed
	State      State
}

// NewSeat makes the free seat of a slot.
func NewSeat(slot game.Slot) Seat { return Seat{slot: slot, Team: -1} }

// Slot is the seat's number.
func (s *Seat) Slot() game.Slot { return s.slot }

// Reserve holds the seat for whoever shows the reservation. A seat that its
// player already has stays theirs while they fetch it with a new token.
func (s *Seat) Reserve(player, name string, team int32, reservation string, until int64) {
	s.reservation, s.holdUntil = reservation, until
	switch s.State {
	case Free:
		s.State, s.Player, s.Name, s.Team, s.Deadline = Reserved, player, name, team, until
	case Reserved, Dropped:
		s.Deadline = max(s.Deadline, until)
	case Connected: // played
	}
}

// Holds reports whether the reservation may claim the seat now.
func (s *Seat) Holds(reservation string, now int64) bool {
	return reservation != "" && s.reservation == reservation && now < s.holdUntil
}

// Reservation is the id that may claim the seat, empty for none.
func (s *Seat) Reservation() string { return s.reservation }

// ClaimedBy reports whether the reservation claimed this seat before.
func (s *Seat) ClaimedBy(reservation string) bool { return s.claimedBy == sumOf(reservation) }

func sumOf(reservation string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(reservation))
	return h.Sum64()
}

// Cancel takes a reservation back that was not claimed. It reports whether the
// seat is free now.
func (s *Seat) Cancel(reservation string) bool {
	if s.reservation != reservation {
		return false
	}
	s.reservation = ""
	if s.State == Reserved {
		s.Free()
		return true
	}
	return false
}

// Connect gives the seat to a new connection, which gets a new secret. confirmed
// reports whether the connection before it had received its welcome: the secrets
// before that one's are void then.
func (s *Seat) Connect(confirmed bool) {
	s.State = Connected
	if s.reservation != "" {
		s.claimedBy, s.reservation = sumOf(s.reservation), ""
	}
	if confirmed {
		s.oldest = s.generation
	}
	s.generation++
}

// Disconnect keeps the seat of a lost connection until the deadline.
func (s *Seat) Disconnect(deadline int64) { s.State, s.Deadline = Dropped, deadline }

// Free empties the seat; its connection must be gone.
func (s *Seat) Free() {
	void := s.generation + 1 // it is given to nobody
	*s = Seat{slot: s.slot, Team: -1, claimedBy: s.claimedBy, generation: void, oldest: void}
}

// Secret is what the player has to show to come back.
func (s *Seat) Secret(key *SecretKey) string { return key.secret(s.slot, s.generation) }

// Accepts reports whether the secret of a generation is good. Those before the
// newest are, too, until its connection has received the welcome that brings it,
// which confirmed reports: any number of welcomes may be lost.
func (s *Seat) Accepts(generation uint32, confirmed bool) bool {
	oldest := s.oldest
	if confirmed {
		oldest = s.generation
	}
	return generation >= oldest && generation <= s.generation
}
