package seating

import (
	"hash/fnv"
	"math"

	"tactus/game"
)

// Seat is a player's place in a match: the player who has it, until when, and by
// which token or secret they come to it. Not safe for concurrent use; owned by
// [Seating], others only read it.
type Seat struct {
	Player, Name string  // Name is as shown
	skill        float64 // in rating points, as the matchmaker sent it
	// deadline is when a reserved or dropped seat becomes free.
	deadline int64

	// issued is when the join token that claimed it last was made, or that of its first
	// reservation, in milliseconds by the matchmakers' clocks.
	issued int64

	reservation string // id of the join token that may claim the seat now
	holdUntil   int64
	// claimedBy is a sum over the id of the join token that claimed it last.
	claimedBy uint64

	team       int32  // as reserved, then as joined; -1: any
	generation uint32 // of the newest secret, see secretKey
	oldest     uint32 // generation that is good while the newest is not confirmed
	slot       game.Slot
	ahead      uint32 // milliseconds from issued to the newest reservation's join token
	state      State
}

// NewSeat makes the free seat of a slot.
func NewSeat(slot game.Slot) Seat { return Seat{slot: slot, team: -1} }

// Slot is the seat's number.
func (s *Seat) Slot() game.Slot { return s.slot }

// Issued is when the join token that claimed the seat last was made. A connection that
// comes back does not change it.
func (s *Seat) Issued() int64 { return s.issued }

// NewerThan reports whether the seat was claimed, or is reserved, by a join token that
// was made later.
func (s *Seat) NewerThan(issued int64) bool { return s.issued+int64(s.ahead) > issued }

// Generation is that of the newest secret.
func (s *Seat) Generation() uint32 { return s.generation }

// State is the seat's state.
func (s *Seat) State() State { return s.state }

// reserve holds the seat for the player until the given time. A seat that its
// player has already stays theirs while they fetch it with a new token.
func (s *Seat) reserve(r *Request, name string, team int32, until int64) {
	s.reservation, s.holdUntil, s.skill = r.Reservation, until, r.Skill
	if s.state == Free {
		s.issued = r.Issued
	}
	s.ahead = max(s.ahead, uint32(min(max(r.Issued-s.issued, 0), math.MaxUint32)))
	switch s.state {
	case Free:
		s.Player, s.Name, s.team, s.deadline = r.Player, name, team, until
	case Reserved, Dropped:
		s.deadline = max(s.deadline, until)
	case Connected: // played: no deadline
	}
	s.state.on(reserve)
}

// holds reports whether the reservation may claim the seat now.
func (s *Seat) holds(reservation string, now int64) bool {
	return reservation != "" && s.reservation == reservation && now < s.holdUntil
}

// wasClaimedBy reports whether the reservation claimed this seat before.
func (s *Seat) wasClaimedBy(reservation string) bool { return s.claimedBy == sumOf(reservation) }

func sumOf(reservation string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(reservation))
	return h.Sum64()
}

// connect gives the seat to a new connection, which gets a new secret. confirmed
// reports whether the connection before it had received its welcome: older secrets
// than that one's are void then.
func (s *Seat) connect(confirmed bool) {
	if s.reservation != "" {
		s.claimedBy, s.reservation = sumOf(s.reservation), ""
		s.issued, s.ahead = s.issued+int64(s.ahead), 0
	}
	if confirmed {
		s.oldest = s.generation
	}
	s.generation++
}

// clear forgets the player of a seat that has become free.
func (s *Seat) clear() {
	void := s.generation + 1 // no player gets it
	*s = Seat{slot: s.slot, team: -1, state: s.state, claimedBy: s.claimedBy, generation: void, oldest: void}
}

// accepts reports whether the secret of a generation is good. Those before the
// newest are, too, until its connection has received the welcome that brings it,
// which confirmed reports: any number of welcomes may be lost.
func (s *Seat) accepts(generation uint32, confirmed bool) bool {
	oldest := s.oldest
	if confirmed {
		oldest = s.generation
	}
	return generation >= oldest && generation <= s.generation
}
