package matchmaker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// plainSlack is how much longer than its ticket a member stays who came by one.
const plainSlack = 30 * time.Second

// aimAtRoom finds the match that a ticket with a room's code wants, for clients
// that know no more of rooms. Its players become members. While a match runs they
// go into it; else they wait for the next one with those who are there, and where
// nobody is there or the owner asks, it begins at once.
func (s *service) aimAtRoom(ctx context.Context, t *ticket.Ticket, typed string) (ticket.Unmatchable, error) {
	parsed, ok := code.Parse(typed)
	if !ok {
		return ticket.NewUnmatchable(ticket.RoomCodeInvalid), nil
	}
	began := false
	r, err := s.changeRoom(ctx, parsed, func(r *room.Room) error {
		began = s.enterByTicket(r, t, time.Now())
		if !began && !r.Runs(time.Now()) && !admitted(r, t) {
			return membership.ErrFull
		}
		return nil
	})
	switch {
	case errors.Is(err, membership.ErrUnknown):
		return ticket.NewUnmatchable(ticket.RoomGone), nil
	case errors.Is(err, membership.ErrFull):
		return ticket.NewUnmatchable(ticket.RoomFull), nil
	case err != nil:
		return ticket.Unmatchable{}, roomError(err)
	case began:
		r.Version = cmp.Or(t.Version, r.Version) // of this match
		return ticket.Unmatchable{}, s.openMatch(ctx, r)
	}
	if found, ok := s.fleet.Find(t.Match); ok {
		switch {
		case t.Version != "" && t.Version != found.Version:
			return ticket.NewVersionDiffers(found.Version, t.Version), nil
		case found.Free < t.Size():
			return ticket.NewUnmatchable(ticket.RoomFull), nil
		}
	}
	return ticket.Unmatchable{}, nil
}

// enterByTicket makes a ticket's players members, as far as there are places, and
// the ticket one for the room's match. It reports whether that begins by this.
func (s *service) enterByTicket(r *room.Room, t *ticket.Ticket, now time.Time) (began bool) {
	t.Key, t.Room, t.Awaits = ticket.Key{Game: r.Game, Mode: r.Mode}, r.Code, true
	if r.Runs(now) {
		t.Key.Mode = r.Plays()
	}
	t.Queue = catalog.QuickPlay(t.Key)
	t.Name()
	var players []string
	var entering []membership.Member
	for _, m := range t.Members {
		players = append(players, m.Player)
		if at := r.Find(m.Player); at < 0 || !r.Members[at].Watched() { // nobody will watch for them
			plain := s.watchers.NewMember(m.Player, m.Name)
			plain.Plain = true
			entering = append(entering, plain)
		}
	}
	entered := r.Enter(r.Seats, entering...) == nil
	if entered && !r.Runs(now) && (r.Members[0].Player == players[0] || !r.Awaited(players...)) {
		r.Begin(now)
		began = true
	}
	waits := !r.Runs(now)
	if t.Match = r.Match; waits {
		t.Match = r.Next()
	} else {
		t.Expiry = seatExpiry
	}
	for i, m := range t.Members {
		if at := r.Find(m.Player); at >= 0 {
			o := &r.Members[at]
			o.Ticket, o.Match, o.Since, o.Ready = t.Handle(i), t.Match, now, waits
		}
	}
	if waits && r.BeginIfReady(now) {
		began = true
	}
	return began
}

// admitted reports whether a ticket's players are members.
func admitted(r *room.Room, t *ticket.Ticket) bool {
	return !slices.ContainsFunc(t.Members, func(m ticket.Member) bool { return r.Find(m.Player) < 0 })
}

// roomTicketEnded lets those leave a room who came by a ticket that has found no
// match.
func (s *service) roomTicketEnded(t *ticket.Ticket, status ticket.Status) {
	if t.Room == "" || status.State == ticket.Assigned {
		return
	}
	s.mm.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		began := false
		r, err := s.rooms.Change(ctx, t.Room, func(r *room.Room) error {
			theirs := func(m membership.Member) bool { return strings.HasPrefix(m.Ticket, t.ID+".") }
			if !slices.ContainsFunc(r.Members, theirs) {
				return membership.ErrUnchanged
			}
			r.Members = slices.DeleteFunc(r.Members, func(m membership.Member) bool { return m.Plain && theirs(m) })
			for i := range r.Members {
				if m := &r.Members[i]; theirs(*m) {
					m.Ready = false
				}
			}
			began = r.BeginIfReady(time.Now())
			return nil
		})
		if err == nil && began { // else they leave a little later, see keeper
			s.openLater(r)
		}
	})
}

// failTicket ends the search of a ticket whose match will not be, or is over. One
// that has its seat keeps it.
func (s *service) failTicket(ctx context.Context, handle string, reason matchmakerv1.EndReason) {
	name, err := s.queueOf(handle)
	id, _, ok := ticket.SplitHandle(handle)
	if err != nil || !ok {
		return
	}
	_ = s.router.Do(ctx, name, func(owner routing.Owner) error { // else it expires
		_, err := owner.Finish(ctx, id, reason)
		return err
	})
}

// lonely reports whether a member came by a ticket that must have ended.
func (s *service) lonely(r *room.Room, m *membership.Member, now time.Time) bool {
	return m.Plain && !r.Runs(now) && now.Sub(m.Since) > s.mm.cfg.TicketExpiry+plainSlack
}
