package privatematch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	// maxServers bounds the servers that are asked for a room's match.
	maxServers = 5
	// seatExpiry is how long a member's ticket waits for the match that was opened
	// for it: the replica that owns the queue may learn of the match later.
	seatExpiry = 15 * time.Second
	// maxSeating bounds the tickets of a room's members that are made together.
	maxSeating = 8
	// freshTicket is how long a member's ticket still leads to a seat, so that the
	// member needs no other.
	freshTicket = 5 * time.Second
	openTimeout = 15 * time.Second // of a match
	// openInterval is between two looks at a match that another call opens.
	openInterval = 200 * time.Millisecond
	// writeTimeout bounds a change of a room that no call waits for.
	writeTimeout = 5 * time.Second
)

// Start starts the room's next match if the member with this handle owns the room.
// While a match runs, any member gets a ticket for that one. It returns the
// member's ticket.
func (h *Host) Start(ctx context.Context, handle string) (ticketHandle string, err error) {
	began := false
	r, at, err := h.cfg.Rooms.ChangeBy(ctx, handle, func(r *room.Room, at int) error {
		now := time.Now()
		if began = false; r.Runs(now) {
			return membership.ErrUnchanged
		}
		if at != 0 {
			return membership.ErrFirst
		}
		began = true
		r.Begin(now)
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case began:
		err = h.open(ctx, r)
	default:
		err = h.seatLate(ctx, r, r.Members[at].Player)
	}
	if err != nil {
		return "", err
	}
	if r, at, err = h.cfg.Rooms.Find(ctx, handle); err != nil {
		return "", err
	}
	if r.Members[at].Ticket == "" {
		return "", failure.New(failure.StoreUnavailable)
	}
	return r.Members[at].Ticket, nil
}

// seatLate gives a member a ticket for the match that runs, once it is open.
func (h *Host) seatLate(ctx context.Context, r *room.Room, player string) error {
	for match := r.Match; r.Opening; {
		select {
		case <-time.After(openInterval):
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		var err error
		if r, err = h.cfg.Rooms.Get(ctx, r.Code); err != nil {
			return err
		}
		if r.Match != match {
			return failure.Newf(failure.ServersFull, "%s", cmp.Or(r.Problem, failure.ServersFull.Kind().Message))
		}
	}
	at := r.Find(player)
	if at < 0 {
		return membership.ErrUnknown
	}
	if m := r.Members[at]; m.Match != r.Match || m.Ticket == "" || time.Since(m.Since) > freshTicket {
		h.seatMembers(ctx, r, []membership.Member{m})
	}
	return nil
}

// openLater opens the match of a room that began by itself.
func (h *Host) openLater(r *room.Room) {
	h.cfg.Background.Go(func() {
		if err := h.open(context.Background(), r); err != nil {
			h.cfg.Log.Info("room's match not opened", zap.String("room", r.Code), zap.String("match", r.Match), zap.Error(err))
		}
	})
}

// open opens the match that a room has just begun, on any server that fits, and
// gives all members tickets. After an error the room waits again. open continues
// when its caller has gone: the other members play although the owner's page is
// closed.
func (h *Host) open(ctx context.Context, r *room.Room) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
	defer cancel()
	match := r.Match
	if err := h.openAnywhere(ctx, r); err != nil {
		_ = h.EndMatch(context.WithoutCancel(ctx), match, messageOf(err)) // else it is over soon: no call opens it
		return err
	}
	for r.Match == match && r.Opening {
		var missing []membership.Member
		for _, m := range r.Members {
			if m.Match != match {
				missing = append(missing, m)
			}
		}
		next := h.seatMembers(ctx, r, missing)
		if next == nil {
			return failure.New(failure.StoreUnavailable)
		}
		r = next
	}
	return nil
}

// messageOf is what players read of an error.
func messageOf(err error) string {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return known.GRPCStatus().Message()
	}
	return failure.Internal.Kind().Message
}

// openAnywhere opens a room's match on the first server that takes it.
func (h *Host) openAnywhere(ctx context.Context, r *room.Room) error {
	k := ticket.Key{Game: r.Game, Mode: r.Plays()}
	asked, refused := 0, failure.ServersFull
	for _, server := range quickplay.Candidates(h.cfg.Fleet.View(k)) {
		if r.Version != "" && r.Version != server.Version {
			continue
		}
		if asked++; asked > maxServers {
			break
		}
		err := h.cfg.Assigner.OpenPrivate(ctx, k, server.ID, r.Match, WireOptions(r))
		var refusal *assign.Refusal
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return failure.Status(ctx.Err()).Err()
		case errors.As(err, &refusal) && refusal.Reason == "bad_request":
			return failure.Newf(failure.BadOption, "%s %s has no such options; change them and start again", k.Game, k.Mode)
		case errors.As(err, &refusal) && refusal.Reason == "game_error":
			refused = failure.GameError
		}
	}
	return failure.New(refused)
}

// seatMembers makes tickets of members for the match that runs, and returns the
// room with them, or nil when they could not be recorded. A member without a ticket may
// ask for one later.
func (h *Host) seatMembers(ctx context.Context, r *room.Room, members []membership.Member) *room.Room {
	match := r.Match
	handles := h.seatTickets(ctx, r, members)
	next, err := h.cfg.Rooms.Change(ctx, r.Code, func(r *room.Room) error {
		if r.Match != match {
			return membership.ErrUnchanged
		}
		for i := range r.Members {
			m := &r.Members[i]
			if handle, ok := handles[m.Player]; ok {
				m.Ticket, m.Match, m.Since = handle, match, time.Now()
			}
		}
		r.Opening = r.Opening && slices.ContainsFunc(r.Members, func(m membership.Member) bool { return m.Match != match })
		return nil
	})
	if err != nil {
		return nil
	}
	return next
}

// seatTickets makes tickets for the match that runs and returns their handles by
// player, an empty one where that failed.
func (h *Host) seatTickets(ctx context.Context, r *room.Room, members []membership.Member) map[string]string {
	handles := make(map[string]string, len(members))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxSeating)
	for _, m := range members {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			handle, err := h.seatTicket(ctx, r, m)
			if err != nil {
				h.cfg.Log.Warn("room's member has no ticket", zap.String("room", r.Code), zap.String("player", m.Player), zap.Error(err))
			}
			mu.Lock()
			defer mu.Unlock()
			handles[m.Player] = handle
		})
	}
	wg.Wait()
	return handles
}

// seatTicket makes a ticket of one member for the match that runs.
func (h *Host) seatTicket(ctx context.Context, r *room.Room, m membership.Member) (handle string, err error) {
	k := ticket.Key{Game: r.Game, Mode: r.Plays()}
	t := &ticket.Ticket{
		Queue: catalog.QuickPlay(k), Key: k, Match: r.Match, Room: r.Code, Awaits: true, Created: time.Now(), Expiry: seatExpiry,
		Members: []ticket.Member{{Player: m.Player, Name: m.Name}},
	}
	t.Name()
	t.Members[0].Skill = h.cfg.Ranking.Rating(t.Queue, m.Player).Points
	if _, err := h.cfg.Searches.Start(ctx, t, ""); err != nil {
		return "", err
	}
	return t.Handle(0), nil
}

// EndMatchLater is [Host.EndMatch] in the background, once.
func (h *Host) EndMatchLater(match string) {
	h.cfg.Background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		_ = h.EndMatch(ctx, match, "") // the next look at the room finds it again
	})
}

// EndMatch ends the match of a room. The room waits for its next match, which may begin
// now. A problem says why the match could not be opened. After an error the caller must
// repeat the call.
func (h *Host) EndMatch(ctx context.Context, match, problem string) error {
	code, _, ok := room.ParseMatch(match)
	if !ok {
		return nil
	}
	began := false
	var waiting []string
	r, err := h.cfg.Rooms.Change(ctx, code, func(r *room.Room) error {
		began, waiting = false, nil
		for _, m := range r.Members {
			if m.Match == match && m.Ticket != "" && time.Since(m.Since) < h.cfg.TicketExpiry {
				waiting = append(waiting, m.Ticket)
			}
		}
		if !r.End(match, problem) {
			return membership.ErrUnchanged
		}
		began = r.BeginIfReady(time.Now())
		return nil
	})
	reason := matchmakerv1.EndReason_END_REASON_UNMATCHABLE
	if problem != "" {
		reason = matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED
	}
	for _, handle := range waiting {
		h.cfg.Searches.End(ctx, handle, reason)
	}
	if errors.Is(err, membership.ErrUnknown) {
		return nil
	}
	if err == nil && began {
		h.openLater(r)
	}
	return err
}
