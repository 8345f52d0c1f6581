package server

import (
	"slices"
	"sync"
	"time"

	"tactus/game"
	"tactus/server/internal/match"
)

const (
	// participantsKept is how long the players of a match are known after its end.
	participantsKept = 10 * time.Minute
	// maxParticipants bounds the players that are known of one match, those that left
	// included. The first are forgotten first.
	maxParticipants = 4096
	// maxEnded bounds the matches that have ended.
	maxEnded = 4096
)

// participants knows who has played in which match, so that players can be reported
// who have left, and after the end. It is safe for concurrent use.
type participants struct {
	now func() time.Time

	mu      sync.Mutex
	matches map[string][]match.Occupant
	over    []endedMatch // oldest first
}

type endedMatch struct {
	id string
	at time.Time
}

func newParticipants() *participants {
	return &participants{now: time.Now, matches: map[string][]match.Occupant{}}
}

// add records that a player has a seat of a match.
func (p *participants) add(id string, o match.Occupant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.DeleteFunc(p.matches[id], func(other match.Occupant) bool { return other.Player == o.Player })
	if len(list) == maxParticipants {
		list = slices.Delete(list, 0, 1)
	}
	p.matches[id] = append(list, o)
}

// ended records that a match has ended.
func (p *participants) ended(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.matches[id] != nil {
		p.over = append(p.over, endedMatch{id, p.now()})
	}
	for len(p.over) > 0 && (len(p.over) > maxEnded || p.now().Sub(p.over[0].at) > participantsKept) {
		delete(p.matches, p.over[0].id)
		p.over = p.over[1:]
	}
}

// find reports whether the match is known, whether a player has played in it, and
// which one had the slot under that name; nil for none.
func (p *participants) find(id, player string, slot game.Slot, name string) (known, played bool, about *match.Occupant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, known := p.matches[id]
	for _, o := range list {
		played = played || o.Player == player
		if o.Slot == slot && o.Name == name {
			about = &o
		}
	}
	return known, played, about
}

// forget removes a player.
func (p *participants) forget(player string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, list := range p.matches {
		p.matches[id] = slices.DeleteFunc(list, func(o match.Occupant) bool { return o.Player == player })
	}
}
