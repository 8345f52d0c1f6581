package server

import (
	"context"
	"runtime"
	"sync"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/driver"
	"tactus/server/internal/match"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
)

// registry holds the matches that run on a server, those that ended recently, and
// the match in which each player was seated last. It is safe for concurrent use.
type registry struct {
	metrics *metrics.Metrics
	ctx     context.Context //nolint:containedctx // the life of matches, which outlive the request that opens them
	stop    context.CancelFunc
	running sync.WaitGroup
	ended   chan struct{} // capacity 1: a match has ended
	recent  recentMatches

	mu      sync.Mutex
	matches map[string]*driver.Driver
	players map[string]playerSeat // by the newest join token of each
	seats   seatFeeds
}

// playerSeat is where a player has a seat.
type playerSeat struct {
	match  *driver.Driver
	issued int64 // see match.SeatChange
	slot   game.Slot
}

// newerThan orders the seats of one player as the matchmakers do.
func (s playerSeat) newerThan(o playerSeat) bool {
	return s.issued > o.issued || s.issued == o.issued && s.match.ID() > o.match.ID()
}

func newRegistry(m *metrics.Metrics) *registry {
	r := &registry{
		metrics: m, ended: make(chan struct{}, 1),
		matches: map[string]*driver.Driver{}, players: map[string]playerSeat{}, seats: seatFeeds{},
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// start runs a match. After stop it ends immediately.
func (r *registry) start(m *driver.Driver) {
	r.mu.Lock()
	r.matches[m.ID()] = m
	r.running.Add(1)
	r.mu.Unlock()
	r.metrics.Matches.Inc()
	m.Start(r.ctx, r.running.Done)
}

// match returns a running match, nil for none.
func (r *registry) match(id string) *driver.Driver {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.matches[id]
}

// of returns the match in which a player was seated last, nil for none that runs.
func (r *registry) of(player string) *driver.Driver {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.players[player].match
}

// all returns the running matches, in no order.
func (r *registry) all() []*driver.Driver {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*driver.Driver, 0, len(r.matches))
	for _, m := range r.matches {
		list = append(list, m)
	}
	return list
}

// seated records that a player took or left a seat. Of seats in two matches the one by
// the newer join token stays.
func (r *registry) seated(m *driver.Driver, c match.SeatChange) {
	r.mu.Lock()
	if r.matches[m.ID()] != m { // its turn hung, and goes on now
		r.mu.Unlock()
		return
	}
	r.seats.note(m.ID(), &c)
	at, known := r.players[c.Player]
	mine := playerSeat{match: m, issued: c.Issued, slot: c.Slot}
	switch {
	case c.Left:
		if at.match == m {
			delete(r.players, c.Player)
		}
		known = false
	case known && at.match != m && at.newerThan(mine):
		at, mine = mine, at // the older token was claimed later
	default:
		r.players[c.Player] = mine
	}
	r.mu.Unlock()
	if known && at.match != mine.match {
		at.match.Evict(c.Player, mine.issued)
	}
}

// remove removes a match that has ended for a reason.
func (r *registry) remove(m *driver.Driver, reason string) {
	r.mu.Lock()
	delete(r.matches, m.ID())
	for p, at := range r.players {
		if at.match == m {
			delete(r.players, p)
			r.seats.note(m.ID(), &match.SeatChange{Player: p, Slot: at.slot, Left: true})
		}
	}
	r.mu.Unlock()
	r.metrics.Matches.Dec()
	r.recent.add(m.Status(), reason)
}

// statuses returns the status of every running match by its id.
func (r *registry) statuses() map[string]*match.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make(map[string]*match.Status, len(r.matches))
	for id, m := range r.matches {
		list[id] = m.Status()
	}
	return list
}

// count returns the number of running matches, and of their seats held by players.
func (r *registry) count() (matches, players int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.matches {
		players += m.Status().People
	}
	return len(r.matches), players
}

// notify sends a notice to the players of every match. It returns the number of
// matches.
func (r *registry) notify(code protocol.CloseCode, text string) (matches int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.matches {
		m.Notify(code, text)
	}
	return len(r.matches)
}

// signalEnd lets a drain count again.
func (r *registry) signalEnd() {
	select {
	case r.ended <- struct{}{}:
	default:
	}
}

// load sums up the load of all matches.
func (r *registry) load() overload.Load {
	r.mu.Lock()
	defer r.mu.Unlock()
	var l overload.Load
	for _, m := range r.matches {
		value, wait, share := m.Pressure()
		l.MeanWait += wait
		l.FullRate += share
		l.Worst = max(l.Worst, value)
	}
	l.MeanWait /= float64(max(len(r.matches), 1))
	l.FullRate /= float64(runtime.GOMAXPROCS(0))
	return l
}
