package matchmaker

import (
	"context"
	"slices"
	"sync"
	"time"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/room"
)

const (
	keepInterval = time.Second
	// orphanPatience is how many times longer than others a member is waited for
	// whose matchmaker went, not they: a page in the background may need a minute to
	// notice.
	orphanPatience = 6
	// matchGone is for how long no server tells of a room's match until it counts as
	// over: longer than a server has to come back.
	matchGone = 15 * time.Second
	// touchAfter is when a room that lives is written again, so that it does not
	// expire.
	touchAfter = room.Life / 3
	// leaveTimeout bounds one try to take out a member who is gone.
	leaveTimeout = 5 * time.Second
)

// keeper looks after what nobody asks for: members whose matchmaker is gone, rooms
// whose match is, and rooms that must not expire. Each replica does all of it;
// the records see to it that it happens once.
type keeper struct {
	service *service

	mu       sync.Mutex
	parties  map[string]*party.Party
	places   map[string]*room.Room
	orphans  map[string]int64 // since when, by handle and watcher; see steady
	vanished map[string]int64 // since when no server tells of a room's match
}

func newKeeper(s *service) *keeper {
	return &keeper{
		service: s, parties: make(map[string]*party.Party), places: make(map[string]*room.Room),
		orphans: make(map[string]int64), vanished: make(map[string]int64),
	}
}

// followRecords tells saw of all records of a kind, nil for those that are gone.
func followRecords[T any, R membership.Record[T]](ctx context.Context, records *membership.Records[T, R], saw func(code string, r R)) error {
	return records.Follow(ctx, saw)
}

func (k *keeper) sawParty(code string, p *party.Party) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p == nil {
		delete(k.parties, code)
	} else {
		k.parties[code] = p
	}
}

func (k *keeper) sawRoom(code string, r *room.Room) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r == nil {
		delete(k.places, code)
	} else {
		k.places[code] = r
	}
}

// rooms counts those that are known.
func (k *keeper) rooms() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.places)
}

// lost notes that a match found no end of its own.
func (k *keeper) lost(match string) {
	if room.IsMatch(match) {
		k.endLater(match)
	}
}

func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.look(time.Now(), steady.Now())
		case <-ctx.Done():
			return
		}
	}
}

// look begins what is due. mono is the time that members and servers have had.
func (k *keeper) look(now time.Time, mono int64) {
	s := k.service
	k.mu.Lock()
	defer k.mu.Unlock()
	orphans := make(map[string]int64)
	for _, p := range k.parties {
		k.findOrphans(orphans, mono, p.Members, func(secret string) string { return s.parties.Handle(p.Code, secret) })
	}
	vanished := make(map[string]int64)
	for _, r := range k.places {
		k.findOrphans(orphans, mono, r.Members, func(secret string) string { return s.rooms.Handle(r.Code, secret) })
		k.lookAt(r, vanished, now, mono)
	}
	k.orphans, k.vanished = orphans, vanished
}

// findOrphans takes out members whose matchmaker has been gone for long. It needs
// the lock.
func (k *keeper) findOrphans(found map[string]int64, now int64, members []membership.Member, handle func(secret string) string) {
	var handles []membership.Handle
	for _, m := range members {
		if !m.Plain {
			handles = append(handles, m.Handles()...)
		}
	}
	for _, one := range handles {
		if !k.service.watchers.Orphaned(one.Watch) {
			continue
		}
		h, watch := handle(one.Secret), one.Watch
		key := h + " " + watch
		since, known := k.orphans[key]
		switch {
		case !known:
			since = now
		case time.Duration(now-since) > orphanPatience*k.service.mm.cfg.UnwatchedTimeout:
			since = now // and again, should it be there still
			k.service.mm.background.Go(func() { k.service.watchers.TryLeave(h, watch) })
		}
		found[key] = since
	}
}

// lookAt sees to one room. It needs the lock.
func (k *keeper) lookAt(r *room.Room, vanished map[string]int64, now time.Time, mono int64) {
	s := k.service
	plays := r.Match != "" && k.matchPlaysLocked(r, vanished, now, mono)
	if r.Match != "" && !r.Runs(now) { // its opener is gone, and members have no tickets for it
		k.endLater(r.Match)
	}
	lonely := slices.ContainsFunc(r.Members, func(m membership.Member) bool { return s.lonely(r, &m, now) })
	if lonely || (plays || len(r.Members) > 0) && now.Sub(r.Touched) > touchAfter {
		k.tidyLater(r.Code)
	}
}

// matchPlaysLocked reports whether the fleet knows the room's match. It ends a
// match that has been unknown for a while.
func (k *keeper) matchPlaysLocked(r *room.Room, vanished map[string]int64, now time.Time, mono int64) bool {
	if _, plays := k.service.fleet.Find(r.Match); plays {
		return true
	}
	since := mono
	if before, known := k.vanished[r.Match]; known {
		since = before
	}
	if time.Duration(mono-since) > matchGone && now.Sub(r.Began) > matchGone {
		since = mono
		k.endLater(r.Match)
	}
	vanished[r.Match] = since
	return false
}

// endLater lets a room wait for its next match.
func (k *keeper) endLater(match string) {
	k.service.mm.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_ = k.service.endRoomMatch(ctx, match, "") // else it is due again
	})
}

// tidyLater writes a room again, without members who must be gone.
func (k *keeper) tidyLater(code string) {
	s := k.service
	s.mm.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_, _ = s.rooms.Change(ctx, code, func(r *room.Room) error { // else it is due again
			now, before := time.Now(), len(r.Members)
			r.Members = slices.DeleteFunc(r.Members, func(m membership.Member) bool { return s.lonely(r, &m, now) })
			if len(r.Members) == before && now.Sub(r.Touched) < touchAfter {
				return membership.ErrUnchanged // another replica has done it
			}
			return nil
		})
	})
}
