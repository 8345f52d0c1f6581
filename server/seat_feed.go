package server

import (
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/match"
)

// maxSeatChanges bounds the changes in one message to a matchmaker; more follow in the
// next.
const maxSeatChanges = 10_000

// seatFeeds are the changes of seats that each stream has to report. Not safe for
// concurrent use; owned by the registry, under its lock.
type seatFeeds map[*seatFeed]struct{}

// seatFeed has the changes of one stream.
type seatFeed struct{ pending []*fleetv1.SeatChange }

// note adds a change to all streams.
func (f seatFeeds) note(matchID string, c *match.SeatChange) {
	if len(f) == 0 {
		return
	}
	change := seatMessage(matchID, c)
	for feed := range f {
		feed.pending = append(feed.pending, change)
	}
}

func seatMessage(matchID string, c *match.SeatChange) *fleetv1.SeatChange {
	return &fleetv1.SeatChange{PlayerId: c.Player, MatchId: matchID, Slot: uint32(c.Slot), IssuedUnixMs: c.Issued, Left: c.Left}
}

// openFeed begins a stream's changes with all seats that players have now.
func (r *registry) openFeed() *seatFeed {
	feed := &seatFeed{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for player, at := range r.players {
		feed.pending = append(feed.pending, seatMessage(at.match.ID(), &match.SeatChange{Player: player, Slot: at.slot, Issued: at.issued}))
	}
	r.seats[feed] = struct{}{}
	return feed
}

// nextChanges takes the next changes of a feed, in order.
func (r *registry) nextChanges(feed *seatFeed) []*fleetv1.SeatChange {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(feed.pending), maxSeatChanges)
	next := feed.pending[:n:n]
	if feed.pending = feed.pending[n:]; len(feed.pending) == 0 {
		feed.pending = nil
	}
	return next
}

// closeFeed ends a feed.
func (r *registry) closeFeed(feed *seatFeed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seats, feed)
}
