package session

import (
	"tactus/game"
	"tactus/protocol"
)

// inputRing keeps a player's inputs until their ticks come: one place per tick
// ahead with tick, seq, lag and words, so that it needs no search and no removal.
// A nil ring, that of players who never sent one, holds nothing.
type inputRing []uint32

func newInputRing(stride int) inputRing { return make(inputRing, ringPlaces*(stride+3)) }

const ringPlaces = protocol.MaxAheadTicks

// verdict is what became of an input.
type verdict uint8

const (
	inputTaken verdict = iota
	inputLate          // its tick was simulated already
	inputEarly         // too far ahead
	inputStale         // a newer one for the same tick is there
)

func (r inputRing) place(t game.Tick) []uint32 {
	n := len(r) / ringPlaces
	at := int(t%ringPlaces) * n
	return r[at : at+n : at+n]
}

// put keeps an input for a later tick; current is the last tick simulated.
func (r inputRing) put(current game.Tick, h protocol.InputHeader, words []uint32) verdict {
	ahead := int64(h.Tick) - int64(current)
	switch {
	case ahead <= 0:
		return inputLate
	case ahead > ringPlaces:
		return inputEarly
	}
	e := r.place(game.Tick(h.Tick))
	if e[0] == h.Tick && e[1] >= h.Seq {
		return inputStale
	}
	e[0], e[1], e[2] = h.Tick, h.Seq, uint32(h.Lag)
	copy(e[3:], words)
	return inputTaken
}

// take returns the input for exactly this tick; words are valid until put.
func (r inputRing) take(t game.Tick) (seq uint32, lag int32, words []uint32, ok bool) {
	if r == nil {
		return 0, 0, nil, false
	}
	e := r.place(t)
	if e[0] != uint32(t) {
		return 0, 0, nil, false
	}
	return e[1], int32(e[2]), e[3:], true
}

func (r inputRing) clear() { clear(r) }
