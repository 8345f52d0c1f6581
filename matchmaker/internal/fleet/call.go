package fleet

import (
	"context"
	"slices"
	"time"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Reasons of a server for refusing seats, as fleet.proto names them.
const (
	reasonFull        = "full"
	reasonDraining    = "draining"
	reasonUnknownGame = "unknown_game"
	reasonNoMatch     = "no_match"
	reasonOver        = "over"
	reasonFenced      = "fenced"
)

// call is a reservation request that its server has not answered yet. Its fields are
// guarded by the lock of the registry; result and err do not change after done.
type call struct {
	registry     *Registry
	server       *server
	match        *match
	id           string
	reservations []string
	seats        int
	teams        []int32   // of each seat, -1 for any
	abandoned    time.Time // zero: the caller waits

	done   chan struct{}
	result *fleetv1.ReserveResult
	err    error
}

// Wait returns the answer to a reservation request. When ctx ends first it returns
// [ErrTimeout], and seats that the server grants later are released.
type Wait func(ctx context.Context) (*fleetv1.ReserveResult, error)

// Reserve asks a server for seats and returns without waiting for the answer. The seats
// count as taken from then on. The request id must be new. Errors: [ErrGone],
// [ErrClock], [ErrBusy].
func (r *Registry) Reserve(serverID string, req *fleetv1.Reserve) (Wait, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[serverID]
	if s == nil {
		return nil, ErrGone
	}
	if s.clock == clockWrong {
		return nil, ErrClock
	}
	m := r.matches[req.GetMatchId()]
	if m == nil && !req.GetCreate() || m != nil && m.server != s {
		return nil, ErrGone
	}
	if !s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Reserve{Reserve: req}}) {
		s.unresponsiveSince = time.Now()
		return nil, ErrBusy
	}
	if m == nil {
		m = r.expectLocked(s, req)
	}
	c := &call{
		registry: r, server: s, match: m, id: req.GetRequestId(),
		seats: len(req.GetSeats()), done: make(chan struct{}),
	}
	for _, seat := range req.GetSeats() {
		c.reservations = append(c.reservations, seat.GetReservation())
		c.teams = append(c.teams, seat.GetTeam())
	}
	m.calls++
	m.held += c.seats
	m.holdTeams(c.teams, 1)
	s.players += c.seats
	s.forgetAbandoned()
	s.calls[c.id] = c
	return c.wait, nil
}

// expectLocked adds the match that a server was asked to open.
func (r *Registry) expectLocked(s *server, req *fleetv1.Reserve) *match {
	m := &match{
		id: req.GetMatchId(), server: s, game: req.GetGame(), mode: req.GetMode(),
		open: !req.GetPrivate(), private: req.GetPrivate(), began: time.Now(),
		queue: req.GetQueue(), backfill: req.GetBackfill(),
	}
	if mode := findMode(s.games[m.game], m.mode); mode != nil {
		m.seats = int(mode.GetMaxPlayers())
	}
	r.matches[m.id] = m
	s.matches[m.id] = m
	return m
}

func (c *call) wait(ctx context.Context) (*fleetv1.ReserveResult, error) {
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
	}
	r := c.registry
	r.mu.Lock()
	select {
	case <-c.done: // while the lock was being taken
		r.mu.Unlock()
		return c.result, c.err
	default:
	}
	c.abandoned = time.Now()
	c.server.unresponsiveSince = c.abandoned
	c.freeLocked()
	r.mu.Unlock()
	r.changed()
	return nil, ErrTimeout
}

// answer applies a server's answer to a reservation.
func (r *Registry) answer(s *server, result *fleetv1.ReserveResult) {
	r.mu.Lock()
	c := s.calls[result.GetRequestId()]
	if c == nil || r.servers[s.id] != s {
		r.mu.Unlock()
		return
	}
	delete(s.calls, c.id)
	if !c.abandoned.IsZero() {
		c.answeredLateLocked(result)
		r.mu.Unlock()
		return
	}
	c.freeLocked()
	if result.GetOk() {
		s.unresponsiveSince = time.Time{}
		c.seatedLocked(result)
	} else {
		c.refusedLocked(result)
	}
	c.finish(result, nil)
	r.mu.Unlock()
	r.changed()
}

func (c *call) seatedLocked(result *fleetv1.ReserveResult) {
	r, s, m := c.registry, c.server, c.match
	if !m.known() { // it was removed when another call was refused
		r.matches[m.id] = m
		s.matches[m.id] = m
	}
	m.confirmed = true
	if status := result.GetMatch(); status.GetMatchId() == m.id {
		r.applyLocked(s, status)
		return
	}
	m.players += c.seats
	s.players += c.seats
	for _, t := range c.teams {
		if t >= 0 && int(t) < len(m.teams) {
			m.teams[t].players++
		}
	}
}

// refusedLocked corrects what a refusal shows to be out of date.
func (c *call) refusedLocked(result *fleetv1.ReserveResult) {
	r, s, m := c.registry, c.server, c.match
	switch result.GetReason() {
	case reasonDraining:
		s.draining = true
	case reasonUnknownGame:
		delete(s.games, m.game)
		r.catalog.rebuild(r.servers, time.Now())
	case reasonNoMatch, reasonOver:
		r.dropLocked(m)
	case reasonFenced:
		// This matchmaker is behind; the server is not at fault.
	case reasonFull:
		if status := result.GetMatch(); status.GetMatchId() == m.id {
			r.applyLocked(s, status)
		}
		switch {
		case !m.known() || !m.confirmed:
			s.full = true
		case m.players+c.seats <= m.seats && !c.wantsTeams():
			// Our numbers are out of date, because these players did not fit: the
			// match counts as full until the next report of its server.
			s.players += m.seats - m.players
			m.players = m.seats
		}
	default:
		// A refusal of a room's options is the owner's fault, not the server's.
		if !m.private {
			s.unresponsiveSince = time.Now()
		}
	}
}

// wantsTeams reports whether the call asked for seats in certain teams. One of them was
// full then, and the match need not be.
func (c *call) wantsTeams() bool {
	teams := len(c.match.teams)
	return teams > 1 && slices.ContainsFunc(c.teams, func(t int32) bool { return t >= 0 && int(t) < teams })
}

// answeredLateLocked releases seats that came after the call was given up.
func (c *call) answeredLateLocked(result *fleetv1.ReserveResult) {
	if !result.GetOk() {
		return
	}
	if status := result.GetMatch(); status.GetMatchId() == c.match.id {
		c.registry.applyLocked(c.server, status)
	}
	c.server.send(releaseMessage(&fleetv1.Release{MatchId: c.match.id, Reservations: c.reservations}))
}

// Release gives back seats of a match that was reserved before.
func (r *Registry) Release(serverID string, release *fleetv1.Release) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.servers[serverID]; s != nil {
		s.send(releaseMessage(release))
	}
}

// failLocked ends a call of a server that is gone.
func (c *call) failLocked(err error) {
	delete(c.server.calls, c.id)
	if !c.abandoned.IsZero() {
		return
	}
	c.freeLocked()
	c.finish(nil, err)
}

// finish makes wait return. It is called once.
func (c *call) finish(result *fleetv1.ReserveResult, err error) {
	c.result, c.err = result, err
	close(c.done)
}

// freeLocked stops counting the call's seats as taken. A match that no server has
// reported is forgotten with its last call.
func (c *call) freeLocked() {
	m, s := c.match, c.server
	if m.known() { // else dropLocked has done it
		held := min(c.seats, m.held)
		m.held -= held
		m.holdTeams(c.teams, -1)
		s.players -= held
	}
	m.calls--
	if m.calls == 0 && !m.confirmed {
		c.registry.dropLocked(m)
	}
}
