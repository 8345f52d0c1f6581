// Package seating decides which player has which seat in a match.
//
// It keeps the seats and their reservations, chooses seats and teams, lets bots
// take free seats and give way to players, and finds names that do not look alike.
// It changes the world's players through [game.Simulation] and records every
// change, in order, for the match to log and announce; see [Seating.Changes].
//
// It knows which players are connected and by which secrets they come back, but holds
// no connection. Errors say why a player gets no seat; the
// match decides how it closes their connection.
package seating

import (
	"cmp"
	"errors"

	"tactus/game"
)

// Errors of [Seating.Reserve], [Seating.Claim] and [Seating.Resume].
var (
	ErrFull           = errors.New("full")
	ErrOverloaded     = errors.New("overloaded") // players without a seat are not let in
	ErrTokenUsed      = errors.New("join token used")
	ErrTokenExpired   = errors.New("join token expired")
	ErrUnknownSession = errors.New("unknown session")
)

// Request asks for one seat.
type Request struct {
	Player, Name string
	Public       string // the player's id as players see it; empty: Player
	Team         int32  // -1: any
	Reservation  string // the join token's id
	Issued       int64  // when the join token was made, see [Seat.Issued]
	Skill        float64
	Queue        string // that asks; empty: none
}

// Seating decides which player has which seat in one match. CheckSecret is safe for
// concurrent use. All else is not safe for concurrent use; owned by the goroutine that
// runs the match.
type Seating struct {
	sim     *game.Simulation
	mode    *game.Mode
	queue   string // that made the match; empty: none
	key     secretKey
	seats   []*Seat // by slot
	names   names
	public  map[game.Slot]string // ids that players see, where they are others
	visited bool                 // a player has been in the match
	changes []Change
}

// New makes the seating of a match that the queue made. seats are the free seats of
// all slots; they belong to the seating from then on.
func New(sim *game.Simulation, queue string, seats []*Seat) *Seating {
	return &Seating{sim: sim, mode: &sim.Config().Mode, queue: queue, key: newSecretKey(), seats: seats, public: make(map[game.Slot]string)}
}

// Reserve holds a seat for each request until the given time: for all or for none.
// Players without a seat get one only if open is set. Errors: ErrFull, ErrOverloaded.
func (s *Seating) Reserve(until int64, open bool, requests []Request) ([]game.Slot, error) {
	slots := make([]game.Slot, 0, len(requests))
	var taken []*Seat
	for i := range requests {
		r := &requests[i]
		seat, name := s.seatOf(r.Player), ""
		if seat == nil {
			var err error
			if seat, err = s.seatFor(r, open); err != nil {
				for _, f := range taken {
					s.free(f, release)
				}
				s.changes = s.changes[:0]
				return nil, err
			}
			taken = append(taken, seat)
			name = s.names.add(s, seat.slot, r.Name)
			if r.Public != "" {
				s.public[seat.slot] = r.Public
			}
		}
		seat.reserve(r, name, s.wanted(r.Team), until)
		s.record(seat.change(ReservationMade))
		slots = append(slots, seat.slot)
	}
	return slots, nil
}

// PublicID is the id of a seat's player as players see it.
func (s *Seating) PublicID(slot game.Slot) string {
	return cmp.Or(s.public[slot], s.seats[slot].Player)
}

// Cancel takes back reservations that were not claimed.
func (s *Seating) Cancel(reservations []string) {
	for _, id := range reservations {
		for _, seat := range s.seats {
			if seat.reservation != id {
				continue
			}
			seat.reservation = ""
			if seat.state == Reserved {
				s.endReservation(seat)
			}
		}
	}
}

// Claim gives a seat to a connection of its player, by the reservation of their
// join token. confirmed reports whether the connection before it had received its
// welcome. If first is set, the player is new: the caller calls Join when the
// connection has its welcome. Errors: ErrTokenUsed, ErrTokenExpired.
func (s *Seating) Claim(now int64, slot game.Slot, player, reservation string, confirmed bool) (first bool, err error) {
	seat := s.seats[slot]
	switch {
	case seat.wasClaimedBy(reservation):
		return false, ErrTokenUsed
	case !seat.holds(reservation, now) || seat.Player != player:
		return false, ErrTokenExpired
	}
	first = seat.state == Reserved
	seat.state.on(claim)
	seat.connect(confirmed)
	return first, nil
}

// Enter puts the player of a seat that was claimed for the first time into the
// world; a bot gives way if necessary.
func (s *Seating) Enter(slot game.Slot) {
	seat := s.seats[slot]
	team := seat.team
	if team < 0 {
		team = s.smallestTeam(false)
	}
	if taken, _ := s.sim.Taken(slot); taken {
		s.removeBot(slot)
	} else if players, bots := s.count(); bots > 0 && players+bots >= s.mode.Fill {
		s.removeBot(s.botOf(team))
	}
	s.makeRoom(team)
	s.visited = true
	if info := (game.PlayerInfo{Team: team}); s.sim.Join(slot, info) {
		c := seat.change(PlayerJoined)
		c.Info = info
		s.record(c)
	}
	seat.team = s.Team(slot)
	s.record(seat.change(PlayerConnected))
}

// Resume gives a seat to a new connection of its player, by the generation of their
// secret. confirmed reports whether the connection before it had received its
// welcome. Error: ErrUnknownSession.
func (s *Seating) Resume(slot game.Slot, generation uint32, confirmed bool) error {
	seat := s.seats[slot]
	if !seat.accepts(generation, confirmed) || !seat.state.on(resume) {
		return ErrUnknownSession
	}
	seat.connect(confirmed)
	return nil
}

// Connected records that the player of a seat has come back: the caller calls it
// when the connection has its welcome.
func (s *Seating) Connected(slot game.Slot) { s.record(s.seats[slot].change(PlayerConnected)) }

// Disconnect keeps the seat of a lost connection until the given time.
func (s *Seating) Disconnect(slot game.Slot, until int64) {
	seat := s.seats[slot]
	if seat.state.on(disconnect) {
		seat.deadline = until
		s.record(seat.change(PlayerDisconnected))
	}
}

// Vacate ends a player's stay for good.
func (s *Seating) Vacate(slot game.Slot, why game.LeaveReason) {
	seat := s.seats[slot]
	if seat.state == Free {
		return
	}
	if taken, bot := s.sim.Taken(slot); taken && !bot {
		s.sim.Leave(slot, why)
		c := seat.change(PlayerLeft)
		c.Why = why
		s.record(c)
	}
	s.record(seat.change(SeatFreed))
	s.free(seat, leave)
}

// Expire frees the seats of players that did not come in time.
func (s *Seating) Expire(now int64) {
	for _, seat := range s.seats {
		switch {
		case seat.state == Reserved && now >= seat.deadline:
			s.endReservation(seat)
		case seat.state == Dropped && now >= seat.deadline:
			s.Vacate(seat.slot, game.LeaveTimeout)
		}
	}
}

// Seat is the seat of a slot, for reading.
func (s *Seating) Seat(slot game.Slot) *Seat { return s.seats[slot] }

// SlotOf is the slot of a player that has a seat or a reservation.
func (s *Seating) SlotOf(player string) (slot game.Slot, ok bool) {
	if seat := s.seatOf(player); seat != nil {
		return seat.slot, true
	}
	return game.NoSlot, false
}

// Players is how many seats players have, reservations included.
func (s *Seating) Players() int { return len(s.seats) - s.Count(Free) }

// Count is how many seats are in a state.
func (s *Seating) Count(state State) int {
	n := 0
	for _, seat := range s.seats {
		if seat.state == state {
			n++
		}
	}
	return n
}

// Secret is what the player of a seat has to show to come back.
func (s *Seating) Secret(slot game.Slot) string { return s.key.secret(slot, s.seats[slot].generation) }

// CheckSecret returns the generation of a secret, and whether it was made for the
// slot. [Seating.Resume] reports whether it is still good. It is safe for
// concurrent use.
func (s *Seating) CheckSecret(slot game.Slot, secret string) (generation uint32, ok bool) {
	return s.key.check(slot, secret)
}

func (s *Seating) seatOf(player string) *Seat {
	for _, seat := range s.seats {
		if seat.state != Free && seat.Player == player {
			return seat
		}
	}
	return nil
}

// seatFor finds a seat for a player without one, in a team that has room. A match of
// a queue is full for all others.
func (s *Seating) seatFor(r *Request, open bool) (*Seat, error) {
	if !open {
		return nil, ErrOverloaded
	}
	team := s.wanted(r.Team)
	if (s.queue == "" || r.Queue == s.queue) && (team < 0 || s.teamPlayers(team) < s.teamSeats()) {
		if seat := s.freeSeat(team); seat != nil {
			return seat, nil
		}
	}
	return nil, ErrFull
}

// freeSeat prefers an empty seat to one that a bot would have to leave, and a bot of
// the team to others.
func (s *Seating) freeSeat(team int32) *Seat {
	var botted *Seat
	for _, seat := range s.seats {
		if seat.state != Free {
			continue
		}
		if taken, _ := s.sim.Taken(seat.slot); !taken {
			return seat
		}
		if botted == nil || s.Team(botted.slot) != team && s.Team(seat.slot) == team {
			botted = seat
		}
	}
	return botted
}

// endReservation frees a reserved seat that was not claimed.
func (s *Seating) endReservation(seat *Seat) {
	s.record(seat.change(ReservationEnded))
	s.free(seat, release)
}

func (s *Seating) free(seat *Seat, e event) {
	if seat.state.on(e) {
		s.names.remove(seat)
		seat.clear()
		delete(s.public, seat.slot)
	}
}
