package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// What a pilot is sent of a swarm. A picture shows 34 by 19 metres and looks
// ahead of the ship; a pulse flies 23 metres from where its row says it began.
const (
	interestCell = 24 * fixed.One
	viewNear     = 24 * fixed.One
	viewFar      = 40 * fixed.One
)

// Interest is a grid over a swarm's map; in the other modes everyone sees
// everything.
func (w *world) Interest() game.Interest {
	if !w.crowd {
		return game.Interest{}
	}
	return game.Interest{Max: w.match.Size, Cell: interestCell}
}

// View is around p's ship or wreck, or around the middle of the map.
func (w *world) View(p game.Slot) game.View {
	center := w.match.Size.Scale(fixed.One / 2)
	if _, s := w.shipOf(p); s != nil {
		center = s.Pos
	}
	return game.View{Center: center, Near: viewNear, Far: viewFar}
}

// Remaining is how many ticks the phase of play still has, 0 for unknown. A match
// that is over has 1: servers notice the end a moment later.
func (w *world) Remaining() game.Tick {
	m := w.match
	switch {
	case m.Phase == PhaseOver:
		return 1
	case m.Phase != PhasePlaying || m.EndsAt <= m.Now:
		return 0
	}
	return m.EndsAt - m.Now
}
