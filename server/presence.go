package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	// presenceKept is how long a player is remembered after the last connection.
	presenceKept = 24 * time.Hour
	// maxPresence bounds the players that are remembered. Those who connected longest
	// ago are forgotten first.
	maxPresence = 50_000
)

// presence remembers, in memory, when and from where players came. It is safe for
// concurrent use.
type presence struct {
	now func() time.Time

	mu      sync.Mutex
	players map[string]*list.Element
	order   list.List // of *visitor, by the time of the last connection, oldest first
}

// visitor is a player that came.
type visitor struct {
	player  string
	address netip.Addr // of the last connection; may be invalid
	last    time.Time  // of the last connection
	seated  time.Time  // when the player took the present, or last, seat
}

func newPresence() *presence {
	return &presence{now: time.Now, players: map[string]*list.Element{}}
}

// connected records a connection of a player.
func (p *presence) connected(player string, address netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.visitorLocked(player)
	v.address, v.last = address.Unmap().WithZone(""), p.now()
	p.pruneLocked()
}

// tookSeat records that a player has taken a seat, and returns their address.
func (p *presence) tookSeat(player string) netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.visitorLocked(player)
	v.seated = p.now()
	p.pruneLocked()
	return v.address
}

// of returns what is known of a player.
func (p *presence) of(player string) (visitor, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pruneLocked()
	if e := p.players[player]; e != nil {
		return *e.Value.(*visitor), true
	}
	return visitor{}, false
}

// within returns up to most players whose last connection came from the range.
func (p *presence) within(r netip.Prefix, most int) (players []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pruneLocked()
	for e := p.order.Back(); e != nil && len(players) < most; e = e.Prev() {
		if v := e.Value.(*visitor); v.address.IsValid() && r.Contains(v.address) {
			players = append(players, v.player)
		}
	}
	return players
}

// forget removes a player.
func (p *presence) forget(player string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.players[player]; e != nil {
		p.order.Remove(e)
		delete(p.players, player)
	}
}

// visitorLocked returns the player's entry, as the newest.
func (p *presence) visitorLocked(player string) *visitor {
	e := p.players[player]
	if e == nil {
		e = p.order.PushBack(&visitor{player: player, last: p.now()})
		p.players[player] = e
	}
	p.order.MoveToBack(e)
	return e.Value.(*visitor)
}

func (p *presence) pruneLocked() {
	oldest := p.now().Add(-presenceKept)
	for e := p.order.Front(); e != nil; e = p.order.Front() {
		v := e.Value.(*visitor)
		if len(p.players) <= maxPresence && !v.last.Before(oldest) {
			return
		}
		p.order.Remove(e)
		delete(p.players, v.player)
	}
}
