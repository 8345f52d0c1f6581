package replicate

import (
	"tactus/game"
)

// View is what is known of one client: its last snapshot and what its player
// saw then. Not safe for concurrent use; owned by the client's session. The
// owner of the tracker prepares it, then one encoder uses it.
type View struct {
	Slot     game.Slot
	Baseline game.Tick // tick of the last snapshot that was sent; 0: the next is a keyframe
	Event    uint32    // seq of the newest event that was sent

	team      int32
	nextTeam  int32
	nextEvent uint32

	state *viewState // in worlds with interest
}

// viewState is the part of a View that only worlds with interest need.
type viewState struct {
	viewpoint game.View  // now
	words     []viewWord // of the last snapshot
	next      []viewWord
	inPlace   [2][wordsInPlace]viewWord // initial memory of words and next
}

// wordsInPlace is more words than most views have: one for each row of cells.
const wordsInPlace = 10

func newViewState() *viewState {
	v := &viewState{}
	v.words, v.next = v.inPlace[0][:0], v.inPlace[1][:0]
	return v
}

// Sent records that the snapshot encoded last for v was sent.
func (v *View) Sent(tick game.Tick) {
	v.Baseline, v.Event, v.team = tick, v.nextEvent, v.nextTeam
	if s := v.state; s != nil {
		s.words, s.next = s.next, s.words
	}
}
