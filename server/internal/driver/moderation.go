package driver

import (
	"context"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/server/internal/match"
)

// Attached calls f with the player of a slot, if the connection has that seat now. It
// follows Claim or Resume. f must not block.
func (d *Driver) Attached(conn *ws.Conn, slot game.Slot, f func(match.Occupant)) {
	d.post(func(int64) {
		if o, ok := d.match.OccupantOf(slot, conn); ok && d.ended == "" {
			f(o)
		}
	})
}

// Seal keeps the seal of the player that has a slot by the connection, see
// [match.Match.Seal]. It follows Claim.
func (d *Driver) Seal(conn *ws.Conn, slot game.Slot, seal []byte) {
	d.post(func(int64) { d.match.Seal(conn, slot, seal) })
}

// Remove takes a player out of the match, see [match.Moderator.Remove]. It waits for the
// match's next turn, and reports whether the player had a seat. A match that has ended
// has none.
func (d *Driver) Remove(ctx context.Context, player, text string, why game.LeaveReason) (removed bool) {
	c := make(chan bool, 1)
	if !d.post(func(now int64) {
		was := false
		defer func() { c <- was }() // also if the rules panic
		was = d.match.Moderator().Remove(now, player, text, why)
	}) {
		return false
	}
	select {
	case removed = <-c:
	case <-ctx.Done():
	}
	return removed
}

// EndWith ends the match at its next turn, by an operator, see [match.Moderator.EndWith].
func (d *Driver) EndWith(text string) {
	d.post(func(now int64) { d.match.Moderator().EndWith(now, text) })
}

// Occupants lists the players that have a seat or a reservation. It waits for the
// match's next turn.
func (d *Driver) Occupants(ctx context.Context) []match.Occupant {
	c := make(chan []match.Occupant, 1)
	if !d.post(func(int64) {
		if d.ended != "" {
			c <- nil
			return
		}
		c <- d.match.Moderator().Occupants()
	}) {
		return nil
	}
	select {
	case list := <-c:
		return list
	case <-ctx.Done():
		return nil
	}
}
