package driver

import (
	"context"
	"slices"
	"sync"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/overload"
)

// inbox holds requests of other goroutines until the match's next turn.
type inbox struct {
	mu       sync.Mutex
	requests []request
	closed   bool
	running  []request // by the match's goroutine alone
	conns    conns     // that requests have brought
}

// request is what another goroutine wants of the match.
type request struct {
	run  func(now int64)
	conn *ws.Conn // that the match owns once the request has run; nil: none
}

// post adds a request for the next turn. It reports false when the match is
// closed; then the request never runs.
func (b *inbox) post(r request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.requests = append(b.requests, r)
	if r.conn != nil {
		b.conns.add(r.conn)
	}
	return true
}

// run calls what was posted, in order.
func (b *inbox) run(now int64) {
	b.mu.Lock()
	b.requests, b.running = b.running[:0], b.requests
	b.mu.Unlock()
	for i, r := range b.running {
		b.running[i] = request{}
		r.run(now)
	}
}

// close refuses further requests, closes done, and returns the requests that have not
// run.
func (b *inbox) close(done chan struct{}) []request {
	rest, _ := b.shut(done)
	// Those behind a request that panicked have not run either.
	behind := slices.DeleteFunc(b.running, func(r request) bool { return r.run == nil })
	b.running = nil
	return append(behind, rest...)
}

// shut refuses further requests and closes done. It returns the requests that no turn
// has begun with, and every connection that the match was given and that may be open.
func (b *inbox) shut(done chan struct{}) ([]request, []*ws.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(done)
	rest := b.requests
	b.requests = nil
	return rest, b.conns.list
}

// post hands a request to the match's goroutine and wakes a hibernating match. It
// reports false when the match is closed; then f is never called.
func (d *Driver) post(f func(now int64)) bool { return d.postConn(nil, f) }

// postConn is post for a request that brings a connection.
func (d *Driver) postConn(conn *ws.Conn, f func(now int64)) bool {
	if !d.inbox.post(request{f, conn}) {
		return false
	}
	d.hibernation.wake()
	return true
}

// Reserve holds a seat for each request until the match's clock has advanced by
// hold nanoseconds: all of them or none. It waits for the match's next turn.
func (d *Driver) Reserve(ctx context.Context, requests []match.Request, hold int64) ([]game.Slot, error) {
	type answer struct {
		slots []game.Slot
		err   error
	}
	c := make(chan answer, 1)
	if !d.post(func(now int64) {
		a := answer{err: match.ErrOver}
		defer func() { c <- a }() // also if the rules panic
		a.slots, a.err = d.reserve(now, requests, hold)
	}) {
		return nil, match.ErrOver
	}
	select {
	case a := <-c:
		return a.slots, a.err
	case <-d.done:
		select {
		case a := <-c:
			return a.slots, a.err
		default: // a turn hangs
			return nil, match.ErrOver
		}
	case <-ctx.Done():
		ids := make([]string, len(requests))
		for i := range requests {
			ids[i] = requests[i].Reservation
		}
		d.Release(ids) // posted behind the reservation: the seats it got are freed
		return nil, ctx.Err()
	}
}

func (d *Driver) reserve(now int64, requests []match.Request, hold int64) ([]game.Slot, error) {
	open := max(d.load.rung, d.cfg.Process.Rung()) < overload.NoJoins
	slots, err := d.match.Reserve(now, now+hold, open, requests)
	if err == nil {
		// The answer carries the status.
		d.apply(d.match.Effects())
	}
	return slots, err
}

// WaitForPlayers keeps a match without players open for hold nanoseconds, where
// that is longer than it would stay open by itself.
func (d *Driver) WaitForPlayers(hold int64) {
	d.post(func(now int64) { d.match.WaitForPlayers(now, hold) })
}

// Release cancels reservations that were not claimed. Without any, no player will
// come: a match without players ends.
func (d *Driver) Release(reservations []string) {
	d.post(func(now int64) { d.match.Release(now, reservations) })
}

// Claim seats a player by the reservation of their join token. The match owns the
// connection from then on, also when it refuses it. features are those that the
// client knows.
func (d *Driver) Claim(conn *ws.Conn, features protocol.Features, slot game.Slot, player, reservation string) {
	if !d.postConn(conn, func(now int64) { d.match.Claim(now, conn, features, slot, player, reservation) }) {
		d.turnAway(conn, protocol.CloseMatchOver)
	}
}

// Resume gives a dropped seat, or one whose old connection is still open, a new
// connection. event is the newest event that the client has seen. A secret that
// the match never issued does not reach it, nor wakes it.
func (d *Driver) Resume(conn *ws.Conn, features protocol.Features, slot game.Slot, secret string, event uint32) {
	generation, ok := d.match.CheckSecret(slot, secret)
	if !ok || !d.postConn(conn, func(now int64) { d.match.Resume(now, conn, features, slot, generation, event) }) {
		d.turnAway(conn, protocol.CloseUnknownSession)
	}
}

// turnAway closes a connection that the closed match can't take.
func (d *Driver) turnAway(conn *ws.Conn, code protocol.CloseCode) {
	if d.turns.Hung() {
		code = protocol.CloseGameError
	}
	conn.Close(code, code.Text())
}

// Evict frees the seat of a player that now plays in another match, by a join token
// that was made at the given time, in milliseconds. A seat by a later one stays.
func (d *Driver) Evict(player string, newer int64) {
	d.post(func(now int64) { d.match.Evict(now, player, newer) })
}

// Stop ends the match at its next turn with the given reason.
func (d *Driver) Stop(reason match.EndReason) {
	d.post(func(int64) { d.match.End(reason) })
}

// Notify sends every player a notice.
func (d *Driver) Notify(code protocol.CloseCode, text string) {
	d.post(func(now int64) { d.match.Notify(now, code, text) })
}
