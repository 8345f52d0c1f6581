package replicate

import (
	"tactus/game"
)

// View is what the engine remembers of one client.
type View struct {
	Slot     game.Slot
	Baseline game.Tick // last snapshot that was sent; 0: a keyframe is due
	Event    uint32    // newest event seq that was sent

	team      int32
	nextTeam  int32
	nextEvent uint32

	state *viewState // in worlds with interest
}

// viewState is where a player looks.
type viewState struct {
	viewpoint game.View  // now
	words     []viewWord // of the last snapshot
	next      []viewWord
	inPlace   [2][wordsInPlace]viewWord // for both, in the same piece of memory while it is enough
}

// wordsInPlace is more words of cells than players mostly have in view: one for
// each row.
const wordsInPlace = 10

func newViewState() *viewState {
	v := &viewState{}
	v.words, v.next = v.inPlace[0][:0], v.inPlace[1][:0]
	return v
}

// Sent notes that the client's last Frame is on its way.
func (v *View) Sent(tick game.Tick) {
	v.Baseline, v.Event, v.team = tick, v.nextEvent, v.nextTeam
	if s := v.state; s != nil {
		s.words, s.next = s.next, s.words
	}
}
