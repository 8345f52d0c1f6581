package seating

// State is the state of a seat.
type State uint8

// States of a seat.
const (
	Free      State = iota
	Reserved        // the player has not come yet
	Connected       // the player is there
	Dropped         // the player's connection was lost; they may come back
)

// event is what happens to a seat.
type event uint8

const (
	reserve event = iota // a reservation is made for its player
	release              // the reservation is cancelled, or its time is over
	// On claim the player comes with a join token.
	claim
	resume     // the player comes with a secret
	disconnect // the player's connection is lost
	// On leave the player leaves, is removed, or does not come back in time.
	leave
)

// transitions are the state that follows on an event. An event that is not listed
// changes nothing.
var transitions = [...][leave + 1]struct {
	next State
	ok   bool
}{
	Free: {
		reserve: {Reserved, true},
	},
	Reserved: {
		reserve: {Reserved, true}, // held longer
		release: {Free, true},
		claim:   {Connected, true},
		leave:   {Free, true},
	},
	Connected: {
		reserve:    {Connected, true}, // for another connection of the same player
		claim:      {Connected, true}, // replaces the connection
		resume:     {Connected, true},
		disconnect: {Dropped, true},
		leave:      {Free, true},
	},
	Dropped: {
		reserve: {Dropped, true}, // held longer
		claim:   {Connected, true},
		resume:  {Connected, true},
		leave:   {Free, true},
	},
}

// on changes the state as the event asks for. It reports whether the event is
// possible in the state.
func (s *State) on(e event) bool {
	t := transitions[*s][e]
	if t.ok {
		*s = t.next
	}
	return t.ok
}
