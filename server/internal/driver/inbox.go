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
	requests []func(now int64)
	closed   bool
	running  []func(now int64) // by the match's goroutine alone
}

// post adds a request for the next turn. It reports false when the match is
// closed; then f is never called.
func (b *inbox) post(f func(now int64)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.requests = append(b.requests, f)
	return true
}

// run calls what was posted, in order.
func (b *inbox) run(now int64) {
	b.mu.Lock()
	b.requests, b.running = b.running[:0], b.requests
	b.mu.Unlock()
	for i, f := range b.running {
		b.running[i] = nil
		f(now)
	}
}

// close refuses further requests, closes done, and returns the requests that have not
// run.
func (b *inbox) close(done chan struct{}) []func(now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(done)
	// Those behind a request that panicked have not run either.
	rest := slices.DeleteFunc(b.running, func(f func(int64)) bool { return f == nil })
	rest = append(rest, b.requests...)
	b.requests, b.running = nil, nil
	return rest
}

// post hands a request to the match's goroutine and wakes a hibernating match. It
// reports false when the match is closed; then f is never called.
func (d *Driver) post(f func(now int64)) bool {
	if !d.inbox.post(f) {
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
	if !d.post(func(now int64) { d.match.Claim(now, conn, features, slot, player, reservation) }) {
		conn.Close(protocol.CloseMatchOver, protocol.CloseMatchOver.Text())
	}
}

// Resume gives a dropped seat, or one whose old connection is still open, a new
// connection. event is the newest event that the client has seen. A secret that
// the match never issued does not reach it, nor wakes it.
func (d *Driver) Resume(conn *ws.Conn, features protocol.Features, slot game.Slot, secret string, event uint32) {
	generation, ok := d.match.CheckSecret(slot, secret)
	if !ok || !d.post(func(now int64) { d.match.Resume(now, conn, features, slot, generation, event) }) {
		conn.Close(protocol.CloseUnknownSession, protocol.CloseUnknownSession.Text())
	}
}

// Evict frees the seat of a player that now plays in another match.
func (d *Driver) Evict(player string) {
	d.post(func(now int64) { d.match.Evict(now, player) })
}

// Stop ends the match at its next turn with the given reason.
func (d *Driver) Stop(reason match.EndReason) {
	d.post(func(int64) { d.match.End(reason) })
}

// Notify sends every player a notice.
func (d *Driver) Notify(code protocol.CloseCode, text string) {
	d.post(func(now int64) { d.match.Notify(now, code, text) })
}
