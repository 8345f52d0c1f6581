// Package upkeep does periodic work in parties and rooms. It takes out members after
// their matchmaker has gone, ends the matches of rooms that no server hosts any more,
// and keeps rooms in use from expiring.
package upkeep

import (
	"context"
	"slices"
	"sync"
	"time"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/privatematch"
	"tactus/matchmaker/internal/room"
)

const (
	interval = time.Second
	// orphanFactor multiplies the patience with a member after the matchmaker of its
	// watcher has gone: a page in the background may need a minute to notice that.
	orphanFactor = 6
	// matchTimeout is how long no server may report a room's match until the match
	// counts as over: longer than a server needs to come back.
	matchTimeout = 15 * time.Second
	// renewAfter is the age at which a room in use is written again, so that it does
	// not expire.
	renewAfter   = room.Life / 3
	writeTimeout = 5 * time.Second
)

// Config is what a [Sweeper] works with. All fields are needed.
type Config struct {
	Patience   time.Duration // how long a member without a watcher stays
	Parties    *party.Parties
	Rooms      *room.Rooms
	Host       *privatematch.Host
	Watchers   *membership.Watchers
	Fleet      *fleet.Registry
	Background *background.Group
}

// Sweeper looks at all parties and rooms once a second. Each replica does so; the
// records ensure that every change is made once. It is safe for concurrent use.
type Sweeper struct {
	cfg Config

	mu      sync.Mutex
	parties map[string]*party.Party // by code
	rooms   map[string]*room.Room   // by code
	// Times of steady at which something was first seen.
	orphans map[string]int64 // a handle and its watcher of a dead process
	missing map[string]int64 // a room's match that no server reports
}

// New makes a sweeper. Its Follow methods and [Sweeper.Run] must run.
func New(cfg Config) *Sweeper {
	return &Sweeper{
		cfg: cfg, parties: make(map[string]*party.Party), rooms: make(map[string]*room.Room),
		orphans: make(map[string]int64), missing: make(map[string]int64),
	}
}

// FollowParties learns of all parties until ctx ends.
func (s *Sweeper) FollowParties(ctx context.Context) error {
	return s.cfg.Parties.Follow(ctx, func(code string, p *party.Party) { note(s, s.parties, code, p) })
}

// FollowRooms learns of all rooms until ctx ends.
func (s *Sweeper) FollowRooms(ctx context.Context) error {
	return s.cfg.Rooms.Follow(ctx, func(code string, r *room.Room) { note(s, s.rooms, code, r) })
}

// note keeps a record as it is now. nil: it is gone.
func note[R any](s *Sweeper, records map[string]*R, code string, r *R) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r == nil {
		delete(records, code)
	} else {
		records[code] = r
	}
}

// RoomCount is the number of rooms that are known.
func (s *Sweeper) RoomCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

// RoomExists reports whether there is a room with the code.
func (s *Sweeper) RoomExists(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[code] != nil
}

// RoomsOf is the number of rooms that a player owns.
func (s *Sweeper) RoomsOf(player string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.rooms {
		if len(r.Members) > 0 && r.Members[0].Player == player {
			n++
		}
	}
	return n
}

// Run sweeps until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sweep(time.Now(), steady.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// sweep begins what is due. mono is the time that members and servers have had.
func (s *Sweeper) sweep(now time.Time, mono int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	orphans, missing := make(map[string]int64), make(map[string]int64)
	for _, p := range s.parties {
		s.sweepOrphansLocked(orphans, mono, p.Members, func(secret string) string { return s.cfg.Parties.Handle(p.Code, secret) })
	}
	for _, r := range s.rooms {
		s.sweepOrphansLocked(orphans, mono, r.Members, func(secret string) string { return s.cfg.Rooms.Handle(r.Code, secret) })
		s.sweepRoomLocked(missing, now, mono, r)
	}
	s.orphans, s.missing = orphans, missing
}

// sweepOrphansLocked takes out members after their matchmaker has been gone for long.
func (s *Sweeper) sweepOrphansLocked(found map[string]int64, mono int64, members []membership.Member, handleOf func(secret string) string) {
	for _, m := range members {
		if m.Plain {
			continue
		}
		for _, h := range m.Handles() {
			if s.cfg.Watchers.Orphaned(h.Watch) {
				s.sweepOrphanLocked(found, mono, handleOf(h.Secret), h.Watch)
			}
		}
	}
}

func (s *Sweeper) sweepOrphanLocked(found map[string]int64, mono int64, handle, watcher string) {
	key := handle + " " + watcher
	since, known := s.orphans[key]
	switch {
	case !known:
		since = mono
	case time.Duration(mono-since) > orphanFactor*s.cfg.Patience:
		since = mono // again, should the member still be there
		s.cfg.Background.Go(func() { s.cfg.Watchers.TryLeave(handle, watcher) })
	}
	found[key] = since
}

func (s *Sweeper) sweepRoomLocked(missing map[string]int64, now time.Time, mono int64, r *room.Room) {
	hosted := r.Match != "" && s.matchHostedLocked(missing, now, mono, r)
	if r.Match != "" && !r.Runs(now) { // the call that opened it is gone, and members have no tickets for it
		s.cfg.Host.EndMatchLater(r.Match)
	}
	outlasted := slices.ContainsFunc(r.Members, func(m membership.Member) bool { return s.cfg.Host.Outlasted(r, &m, now) })
	if outlasted || (hosted || len(r.Members) > 0) && now.Sub(r.Touched) > renewAfter {
		s.renewLater(r.Code)
	}
}

// matchHostedLocked reports whether a server hosts the room's match. It ends a match
// that no server has reported for a while.
func (s *Sweeper) matchHostedLocked(missing map[string]int64, now time.Time, mono int64, r *room.Room) bool {
	if _, hosted := s.cfg.Fleet.Find(r.Match); hosted {
		return true
	}
	since := mono
	if before, known := s.missing[r.Match]; known {
		since = before
	}
	if time.Duration(mono-since) > matchTimeout && now.Sub(r.Began) > matchTimeout {
		since = mono
		s.cfg.Host.EndMatchLater(r.Match)
	}
	missing[r.Match] = since
	return false
}

// renewLater writes a room again, without members that outlasted their tickets.
func (s *Sweeper) renewLater(code string) {
	s.cfg.Background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		_, _ = s.cfg.Rooms.Change(ctx, code, func(r *room.Room) error { // after an error it is due again
			now, before := time.Now(), len(r.Members)
			r.Members = slices.DeleteFunc(r.Members, func(m membership.Member) bool { return s.cfg.Host.Outlasted(r, &m, now) })
			if len(r.Members) == before && now.Sub(r.Touched) < renewAfter {
				return membership.ErrUnchanged // another replica has done it
			}
			return nil
		})
	})
}
