package session

import (
	"tactus/game"
	"tactus/protocol"
)

// inputs is what a session keeps of a player that has sent inputs. Not safe for
// concurrent use; owned by the session.
type inputs struct {
	buffer inputBuffer
	timing
}

// reset forgets the inputs of a connection.
func (in *inputs) reset() {
	if in != nil {
		in.buffer.clear()
		in.timing = timing{}
	}
}

// inputBuffer keeps a player's inputs for later ticks. It has one place per tick
// ahead, with tick, seq, lag and words, so it needs no search and no removal. It
// starts with a few places: they are reused every few ticks and stay in the
// processor's cache. An input for a tick beyond them makes it grow. A nil buffer is
// empty.
type inputBuffer []uint32

// Places of a buffer, powers of two.
const (
	minPlaces = 4
	maxPlaces = protocol.MaxAheadTicks
)

// entryHead is the number of words in an entry before those of the input.
const entryHead = 3

// inputResult is what happened to an input.
type inputResult uint8

const (
	inputAccepted inputResult = iota
	inputLate                 // its tick is over
	inputEarly                // too far ahead
	inputStale                // superseded by a newer one for the same tick
	inputInvalid              // words out of range

	inputResults
)

// place is the entry for a tick; stride is the number of words of an input.
func (r inputBuffer) place(t game.Tick, stride int) []uint32 {
	n := stride + entryHead
	at := int(t) & (len(r)/n - 1) * n
	return r[at : at+n : at+n]
}

// add keeps an input for a later tick. current is the last simulated tick.
func (r *inputBuffer) add(current game.Tick, h protocol.InputHeader, words []uint32) inputResult {
	ahead := int64(h.Tick) - int64(current)
	switch {
	case ahead <= 0:
		return inputLate
	case ahead > maxPlaces:
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
	return inputAccepted
}

// grow makes room for inputs up to ahead ticks ahead, and keeps those for later
// ticks.
func (r *inputBuffer) grow(current game.Tick, ahead, stride int) {
	places := minPlaces
	if ahead > minPlaces {
		places = maxPlaces
	}
	old, n := *r, stride+entryHead
	*r = make(inputBuffer, places*n)
	for ; len(old) > 0; old = old[n:] {
		if t := game.Tick(old[0]); t > current {
			copy(r.place(t, stride), old[:n])
		}
	}
}

// at returns the input for tick t. words are valid until the next add.
func (r inputBuffer) at(t game.Tick, stride int) (seq uint32, lag int32, words []uint32, ok bool) {
	if r == nil {
		return 0, 0, nil, false
	}
	e := r.place(t, stride)
	if e[0] != uint32(t) {
		return 0, 0, nil, false
	}
	return e[1], int32(e[2]), e[entryHead:], true
}

func (r inputBuffer) clear() { clear(r) }
