package session

import (
	"tactus/game"
	"tactus/protocol"
)

// inputRing keeps a player's inputs until their ticks come: one place per tick
// ahead with tick, seq, lag and words, so that it needs no search and no removal.
// It begins with a few places, which are used again every few ticks and so stay
// near the processor, and grows when an input comes for a tick beyond them. A nil
// ring, that of players who never sent one, holds nothing.
type inputRing []uint32

// Places of a ring, powers of two.
const (
	fewPlaces  = 4
	ringPlaces = protocol.MaxAheadTicks
)

// entryHead is how many words of an entry come before those of the input.
const entryHead = 3

// verdict is what became of an input.
type verdict uint8

const (
	inputTaken verdict = iota
	inputLate          // its tick was simulated already
	inputEarly         // too far ahead
	inputStale         // a newer one for the same tick is there
	inputBad           // words out of their range

	verdicts
)

// place is the entry for a tick; stride is the number of words of an input.
func (r inputRing) place(t game.Tick, stride int) []uint32 {
	n := stride + entryHead
	at := int(t) & (len(r)/n - 1) * n
	return r[at : at+n : at+n]
}

// put keeps an input for a later tick; current is the last tick simulated.
func (r *inputRing) put(current game.Tick, h protocol.InputHeader, words []uint32) verdict {
	ahead := int64(h.Tick) - int64(current)
	switch {
	case ahead <= 0:
		return inputLate
	case ahead > ringPlaces:
		return inputEarly
	}
	if n := len(words) + entryHead; int(ahead) > len(*r)/n {
		r.grow(current, int(ahead), len(words))
	}
	e := r.place(game.Tick(h.Tick), len(words))
	if e[0] == h.Tick && e[1] >= h.Seq {
		return inputStale
	}
	e[0], e[1], e[2] = h.Tick, h.Seq, uint32(h.Lag)
	copy(e[entryHead:], words)
	return inputTaken
}

// grow makes room for inputs so many ticks ahead and keeps those that are still
// to come.
func (r *inputRing) grow(current game.Tick, ahead, stride int) {
	places := fewPlaces
	if ahead > fewPlaces {
		places = ringPlaces
	}
	old, n := *r, stride+entryHead
	*r = make(inputRing, places*n)
	for ; len(old) > 0; old = old[n:] {
		if t := game.Tick(old[0]); t > current {
			copy(r.place(t, stride), old[:n])
		}
	}
}

// take returns the input for exactly this tick; words are valid until put.
func (r inputRing) take(t game.Tick, stride int) (seq uint32, lag int32, words []uint32, ok bool) {
	if r == nil {
		return 0, 0, nil, false
	}
	e := r.place(t, stride)
	if e[0] != uint32(t) {
		return 0, 0, nil, false
	}
	return e[1], int32(e[2]), e[entryHead:], true
}

func (r inputRing) clear() { clear(r) }
