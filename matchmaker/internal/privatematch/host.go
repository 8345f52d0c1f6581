// Package privatematch runs the matches of private rooms.
//
// A room is a record that any replica can change (package room). A [Host] lets members
// in and out. It opens the room's next match on a game server when the owner starts it
// or all members are ready, and makes a ticket of quick play for each member. When the
// match is over, the room waits again.
package privatematch

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store"
)

// Config is what a [Host] works with. All fields are needed.
type Config struct {
	TicketExpiry time.Duration // of a search
	Rooms        *room.Rooms
	Parties      *party.Parties
	Watchers     *membership.Watchers
	Searches     *admission.Searches
	Catalog      *catalog.Catalog
	Fleet        *fleet.Registry
	Assigner     *assign.Assigner
	Ranking      *ranking.Ranking
	Background   *background.Group
	Log          *zap.Logger
}

// Host runs the matches of rooms. It is safe for concurrent use.
type Host struct{ cfg Config }

// New makes a host.
func New(cfg Config) *Host { return &Host{cfg: cfg} }

// Entrants are players that enter a room together.
type Entrants struct {
	Members []membership.Member // the caller first
	Party   string              // code of the party that they are; empty: none
}

// Error is the failure that a caller gets for an error of a room.
func Error(err error) error {
	var known *failure.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, membership.ErrUnknown):
		return failure.New(failure.RoomUnknown)
	case errors.Is(err, membership.ErrFull):
		return failure.New(failure.RoomFull)
	case errors.Is(err, membership.ErrFirst):
		return failure.New(failure.NotRoomOwner)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}

// Create stores a new room under a code that it draws. The entrants are its members
// already; nil: none. It returns the handle of the first.
func (h *Host) Create(ctx context.Context, r *room.Room, who *Entrants) (handle string, err error) {
	if err := h.cfg.Rooms.Create(ctx, r); err != nil {
		return "", err
	}
	if who == nil {
		return "", nil
	}
	return h.entered(ctx, r.Code, who), nil
}

// AddMembers lets players into a room, all or none. They come into the match that runs,
// if it has seats. It returns the handle of the first.
func (h *Host) AddMembers(ctx context.Context, code string, who *Entrants) (handle string, err error) {
	r, err := h.change(ctx, code, func(r *room.Room) error { return r.Enter(r.Seats, who.Members...) })
	if err != nil {
		return "", err
	}
	if r.Runs(time.Now()) && !r.Opening { // the call that opens a match seats all members
		if found, ok := h.cfg.Fleet.Find(r.Match); !ok || !found.Full(len(who.Members)) {
			h.seatMembers(ctx, r, who.Members)
		}
	}
	return h.entered(ctx, code, who), nil
}

// entered lets members leave unless they are watched, and notes their handles in
// their party. It returns the handle of the first.
func (h *Host) entered(ctx context.Context, code string, who *Entrants) string {
	for _, m := range who.Members {
		h.cfg.Watchers.Left(h.cfg.Rooms.Handle(code, m.Secret), m.Watch)
	}
	if who.Party != "" {
		// After an error they are in the room, and their party does not show it.
		_, _ = h.cfg.Parties.Change(ctx, who.Party, func(p *party.Party) error {
			for _, m := range who.Members {
				if at := p.Find(m.Player); at >= 0 {
					p.Members[at].Room = h.cfg.Rooms.Handle(code, m.Secret)
				}
			}
			return nil
		})
	}
	return h.cfg.Rooms.Handle(code, who.Members[0].Secret)
}

// FollowParty lets a new member of a party into the room that the party is in,
// where there is a place.
func (h *Host) FollowParty(ctx context.Context, p *party.Party, m membership.Member) {
	code, _, ok := h.cfg.Rooms.Split(p.Members[0].Room)
	if !ok || p.Members[0].Player == m.Player {
		return
	}
	entering := h.cfg.Watchers.NewMember(m.Player, m.Name)
	entering.Party = p.Code
	_, _ = h.AddMembers(ctx, code, &Entrants{Members: []membership.Member{entering}, Party: p.Code})
}

// RemoveMember takes the member with this handle out of its room. With watcher, only if
// that is the handle's newest watcher. The remaining members may all be ready then.
func (h *Host) RemoveMember(ctx context.Context, handle, watcher string) error {
	began := false
	left, r, err := h.cfg.Rooms.RemoveHandle(ctx, handle, watcher, func(r *room.Room) { began = r.BeginIfReady(time.Now()) })
	if err != nil {
		return err
	}
	if began {
		h.openLater(r)
	}
	if left.Ticket != "" {
		_, _ = h.cfg.Searches.Cancel(ctx, left.Ticket) // it may have ended long ago
	}
	if left.Party != "" {
		_, _ = h.cfg.Parties.Change(ctx, left.Party, func(p *party.Party) error { // the party may be gone
			if at := p.Find(left.Player); at >= 0 && p.Members[at].Room == handle {
				p.Members[at].Room = ""
				return nil
			}
			return membership.ErrUnchanged
		})
	}
	return nil
}

// SetReady notes whether a member is ready. When all are, the next match begins.
func (h *Host) SetReady(ctx context.Context, handle string, ready bool) error {
	began := false
	r, _, err := h.cfg.Rooms.ChangeBy(ctx, handle, func(r *room.Room, at int) error {
		r.Members[at].Ready = ready
		began = r.BeginIfReady(time.Now())
		return nil
	})
	if err == nil && began {
		h.openLater(r)
	}
	return err
}

// change changes a room. It recreates a lost record from the room's match, as the game
// servers report it.
func (h *Host) change(ctx context.Context, code string, edit func(*room.Room) error) (*room.Room, error) {
	r, err := h.cfg.Rooms.Change(ctx, code, edit)
	if !errors.Is(err, membership.ErrUnknown) {
		return r, err
	}
	// The ended match before may linger beside the present one.
	id, found, ok := h.cfg.Fleet.FindPrivate(func(id string) int {
		if of, number, ok := room.ParseMatch(id); ok && of == code {
			return number + 1
		}
		return 0
	})
	if !ok {
		return nil, membership.ErrUnknown
	}
	_, number, _ := room.ParseMatch(id)
	lost := &room.Room{
		Game: found.Key.Game, Mode: found.Key.Mode, Number: number, Match: id, MatchMode: found.Key.Mode,
		Began: time.Now(), Seats: min(max(found.Seats, 1), room.Most),
	}
	lost.Code = code
	if err := h.cfg.Rooms.CreateAs(ctx, lost); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	h.cfg.Log.Info("room recreated from its match", zap.String("room", code), zap.String("match", id))
	return h.cfg.Rooms.Change(ctx, code, edit)
}
