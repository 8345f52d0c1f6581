package fleet

import (
	"maps"
	"slices"

	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// seatTable has the seats that players have on live servers, by player. Of two the one by
// the newer join token counts, at every replica alike. Not safe for concurrent use;
// owned by the registry, under its lock.
type seatTable map[string][]*seat

type seat struct {
	player, match string
	server        *server
	slot          uint32
	issued        int64 // when its join token was made, in milliseconds
	evicted       bool  // the server was asked to free it
}

// seatKey names a seat on a server: a player has one in a match.
type seatKey struct{ player, match string }

// newerThan orders the seats of one player. Equal times are ordered by the matches'
// ids, so that all replicas agree.
func (s *seat) newerThan(o *seat) bool {
	return s.issued > o.issued || s.issued == o.issued && s.match > o.match
}

// change applies what a server reports of a seat.
func (all seatTable) change(s *server, c *fleetv1.SeatChange) {
	key := seatKey{c.GetPlayerId(), c.GetMatchId()}
	if key.player == "" || len(key.player) > maxID || key.match == "" || len(key.match) > maxID {
		return
	}
	if c.GetLeft() {
		all.remove(s, key)
		return
	}
	at := s.seats[key]
	if at == nil {
		if len(s.seats) >= maxSeatsPerServer {
			return
		}
		at = &seat{player: key.player, match: key.match, server: s}
		s.seats[key] = at
		all[key.player] = append(all[key.player], at)
	}
	at.slot, at.issued, at.evicted = c.GetSlot(), max(at.issued, c.GetIssuedUnixMs()), false
	all.evictOlder(key.player)
}

// evictOlder evicts a player from all seatTable but the newest.
func (all seatTable) evictOlder(player string) {
	list := all[player]
	if len(list) < 2 {
		return
	}
	newest := all.newest(player)
	for _, at := range list {
		if at == newest || at.evicted {
			continue
		}
		at.evicted = at.server.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Evict{Evict: &fleetv1.Evict{
			MatchId: at.match, Slot: at.slot, PlayerId: player, NewerUnixMs: newest.issued,
		}}})
		if !at.evicted { // the server does not read now
			at.server.unsettled = append(at.server.unsettled, player)
		}
	}
}

// newest is the seat of a player that counts, nil for none.
func (all seatTable) newest(player string) *seat {
	list := all[player]
	if len(list) == 0 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *seat) int {
		if a.newerThan(b) {
			return 1
		}
		return -1
	})
}

func (all seatTable) remove(s *server, key seatKey) {
	at := s.seats[key]
	if at == nil {
		return
	}
	delete(s.seats, key)
	rest := slices.DeleteFunc(all[key.player], func(o *seat) bool { return o == at })
	if len(rest) == 0 {
		delete(all, key.player)
	} else {
		all[key.player] = rest
	}
}

// forget removes the seats of a server that is gone. It reports them again when it
// comes back.
func (all seatTable) forget(s *server) {
	for _, key := range slices.Collect(maps.Keys(s.seats)) {
		all.remove(s, key)
	}
}

// retry sends the evictions for which a server had no room.
func (all seatTable) retry(s *server) {
	players := s.unsettled
	s.unsettled = nil
	for _, player := range players {
		all.evictOlder(player)
	}
}

// Sitting is the match that a player plays in.
type Sitting struct {
	Match   string
	Server  string
	Key     ticket.Key
	Queue   string // that made the match, empty for quick play
	Private bool
}

// SeatOf returns where a player has a seat in a match without a result.
func (r *Registry) SeatOf(player string) (Sitting, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.seats.newest(player)
	if at == nil {
		return Sitting{}, false
	}
	m := at.server.matches[at.match]
	if m == nil || m.finished {
		return Sitting{}, false
	}
	return Sitting{
		Match: m.id, Server: at.server.id, Key: ticket.Key{Game: m.game, Mode: m.mode}, Queue: m.queue, Private: m.private,
	}, true
}

// IssueTime is the time of a join token that is made now, in milliseconds: later than
// that of the seat the player has, whichever replica made it.
func (r *Registry) IssueTime(player string) int64 {
	now := r.cfg.now().UnixMilli()
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.seats.newest(player); at != nil {
		return max(now, at.issued+1)
	}
	return now
}
