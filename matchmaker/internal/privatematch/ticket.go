package privatematch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/ticket"
)

// plainSlack is how much longer than its ticket a member stays that came by one.
const plainSlack = 30 * time.Second

// JoinByTicket makes the players of a ticket members of the room with this code, for
// clients that know no rooms, and aims the ticket at the room's match. They enter a
// match that runs. Otherwise they wait for the next one with the other members. It
// begins now where no other member is present or the owner asks.
func (h *Host) JoinByTicket(ctx context.Context, t *ticket.Ticket, typed string) (ticket.Unmatchable, error) {
	parsed, ok := code.Parse(typed)
	if !ok {
		return ticket.NewUnmatchable(ticket.RoomCodeInvalid), nil
	}
	began := false
	r, err := h.change(ctx, parsed, func(r *room.Room) error {
		began = h.enterByTicket(r, t, time.Now())
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
		return ticket.Unmatchable{}, Error(err)
	case began:
		r.Version = cmp.Or(t.Version, r.Version) // of this match
		return ticket.Unmatchable{}, h.open(ctx, r)
	}
	if found, ok := h.cfg.Fleet.Find(t.Match); ok {
		return unmatchable(t, &found), nil
	}
	return ticket.Unmatchable{}, nil
}

// unmatchable is why a ticket can't enter the room's match, which runs.
func unmatchable(t *ticket.Ticket, found *fleet.Found) ticket.Unmatchable {
	switch {
	case t.Version != "" && t.Version != found.Version:
		return ticket.NewVersionDiffers(found.Version, t.Version)
	case found.Full(t.Size()):
		return ticket.NewUnmatchable(ticket.RoomFull)
	}
	return ticket.Unmatchable{}
}

// enterByTicket makes a ticket's players members, as far as there are places, and
// aims the ticket at the room's match. It reports whether that match begins now.
func (h *Host) enterByTicket(r *room.Room, t *ticket.Ticket, now time.Time) (began bool) {
	t.Key, t.Room, t.Awaits = ticket.Key{Game: r.Game, Mode: r.Mode}, r.Code, true
	if r.Runs(now) {
		t.Key.Mode = r.Plays()
	}
	t.Queue = catalog.QuickPlay(t.Key)
	t.Name()
	players := t.Players()
	entered := r.Enter(r.Seats, h.plainMembers(r, t)...) == nil
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

// plainMembers are members for the players of a ticket without a watcher in the room.
func (h *Host) plainMembers(r *room.Room, t *ticket.Ticket) []membership.Member {
	var entering []membership.Member
	for _, m := range t.Members {
		if at := r.Find(m.Player); at < 0 || !r.Members[at].Watched() {
			plain := h.cfg.Watchers.NewMember(m.Player, m.Name)
			plain.Plain = true
			entering = append(entering, plain)
		}
	}
	return entering
}

// admitted reports whether a ticket's players are members.
func admitted(r *room.Room, t *ticket.Ticket) bool {
	return !slices.ContainsFunc(t.Members, func(m ticket.Member) bool { return r.Find(m.Player) < 0 })
}

// TicketEnded lets the members leave a room that came by a ticket which has found no
// match.
func (h *Host) TicketEnded(t *ticket.Ticket, status ticket.Status) {
	if t.Room == "" || status.State == ticket.Assigned {
		return
	}
	h.cfg.Background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		began := false
		r, err := h.cfg.Rooms.Change(ctx, t.Room, func(r *room.Room) error {
			byTicket := func(m membership.Member) bool { return strings.HasPrefix(m.Ticket, t.ID+".") }
			if !slices.ContainsFunc(r.Members, byTicket) {
				return membership.ErrUnchanged
			}
			r.Members = slices.DeleteFunc(r.Members, func(m membership.Member) bool { return m.Plain && byTicket(m) })
			for i := range r.Members {
				if m := &r.Members[i]; byTicket(*m) {
					m.Ready = false
				}
			}
			began = r.BeginIfReady(time.Now())
			return nil
		})
		if err == nil && began { // after an error they leave a little later, see Outlasted
			h.openLater(r)
		}
	})
}

// Outlasted reports whether a member came by a ticket that must have ended.
func (h *Host) Outlasted(r *room.Room, m *membership.Member, now time.Time) bool {
	return m.Plain && !r.Runs(now) && now.Sub(m.Since) > h.cfg.TicketExpiry+plainSlack
}
