package match

import (
	"context"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
)

// post hands work to the match's goroutine for its next border. It reports
// false when the match has ended; then f is never called.
func (m *Match) post(f func()) bool {
	m.inboxMu.Lock()
	defer m.inboxMu.Unlock()
	select {
	case <-m.done:
		return false
	default:
	}
	m.inbox = append(m.inbox, f)
	m.nudge()
	return true
}

func (m *Match) takeInbox() {
	m.inboxMu.Lock()
	m.inbox, m.swap = m.swap[:0], m.inbox
	m.inboxMu.Unlock()
	for i, f := range m.swap {
		m.stirred = true
		f()
		m.swap[i] = nil
	}
}

// nudge lets a match at rest look what there is. It may be called by anybody and
// does not wait.
func (m *Match) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
	if m.doze.asleep.CompareAndSwap(true, false) {
		go m.goOn()
	}
}

// Reserve holds a seat for each request until the match's clock has advanced by
// hold nanoseconds: all of them or none. It waits for the match's next border.
func (m *Match) Reserve(ctx context.Context, requests []Request, hold int64) ([]game.Slot, error) {
	type answer struct {
		slots []game.Slot
		err   error
	}
	c := make(chan answer, 1)
	if !m.post(func() {
		slots, err := m.reserve(requests, hold)
		c <- answer{slots, err}
	}) {
		return nil, ErrOver
	}
	select {
	case a := <-c:
		return a.slots, a.err
	case <-ctx.Done():
		ids := make([]string, len(requests))
		for i := range requests {
			ids[i] = requests[i].Reservation
		}
		m.Release(ids) // posted behind the reservation: whatever it got is freed
		return nil, ctx.Err()
	}
}

// Await lets a match without people wait for its first ones for so many
// nanoseconds, where that is longer than it would by itself.
func (m *Match) Await(hold int64) {
	m.post(func() { m.await(hold) })
}

// Release takes back reservations that were not claimed. Without any, nobody
// will come: a match without people ends.
func (m *Match) Release(reservations []string) {
	m.post(func() { m.release(reservations) })
}

// Claim seats a player by their join token's reservation. The match owns the
// connection from then on, whatever it decides. features are those that the
// client knows.
func (m *Match) Claim(conn *ws.Conn, features protocol.Features, slot game.Slot, player, reservation string) {
	if !m.post(func() { m.claim(conn, features, slot, player, reservation) }) {
		refuse(conn, protocol.CloseMatchOver)
	}
}

func refuse(conn *ws.Conn, code protocol.CloseCode) { conn.Close(code, code.Text()) }

// Resume gives a dropped seat, or one whose old connection is still open, a new
// connection. event is the newest event that the client has seen. A secret that
// the match never gave away does not reach it, nor wakes it.
func (m *Match) Resume(conn *ws.Conn, features protocol.Features, slot game.Slot, secret string, event uint32) {
	generation, ok := m.shared.Key.Check(slot, secret)
	if !ok || !m.post(func() { m.resume(conn, features, slot, generation, event) }) {
		refuse(conn, protocol.CloseUnknownSession)
	}
}

// Evict frees a player's seat because he plays elsewhere now.
func (m *Match) Evict(player string) {
	m.post(func() { m.evict(player) })
}

// Stop ends the match at its next border with the given reason.
func (m *Match) Stop(reason string) { m.post(func() { m.end(reason) }) }

// Notify tells every player that something is about to happen.
func (m *Match) Notify(code protocol.CloseCode, text string) {
	m.post(func() { m.notify(code, text) })
}
