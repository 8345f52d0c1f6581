package matchmaker

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
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	roomServers = 5 // servers asked for a room's match before giving up
	// seatExpiry is how long a member's ticket waits for the match that was opened
	// for them, which the queue's owner may hear of later.
	seatExpiry = 15 * time.Second
	seatAtOnce = 8 // tickets of a room's members that are made at once
	// freshTicket is how long a member's ticket still leads to a seat, so that they
	// need no other.
	freshTicket = 5 * time.Second
	// openTimeLimit bounds opening a match.
	openTimeLimit = 15 * time.Second
	openLook      = 200 * time.Millisecond // at a match that another call opens
)

// StartRoom starts the room's next match, or gives the caller a ticket for the one
// that runs.
func (s *service) StartRoom(ctx context.Context, req *matchmakerv1.StartRoomRequest) (*matchmakerv1.StartRoomResponse, error) {
	if err := s.mayChange(ctx); err != nil {
		return nil, err
	}
	began := false
	r, at, err := s.rooms.ChangeBy(ctx, req.GetMemberId(), func(r *room.Room, at int) error {
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
	if err != nil {
		return nil, roomError(err)
	}
	if began {
		err = s.openMatch(ctx, r)
	} else {
		err = s.comeAlong(ctx, r, r.Members[at])
	}
	if err != nil {
		return nil, roomError(err)
	}
	if r, at, err = s.rooms.Find(ctx, req.GetMemberId()); err != nil {
		return nil, roomError(err)
	}
	if r.Members[at].Ticket == "" {
		return nil, failure.New(failure.StoreUnavailable)
	}
	return &matchmakerv1.StartRoomResponse{TicketId: r.Members[at].Ticket}, nil
}

// comeAlong sees to it that a member has a ticket for the match that runs, once it
// is open.
func (s *service) comeAlong(ctx context.Context, r *room.Room, m membership.Member) error {
	for match := r.Match; r.Opening; {
		select {
		case <-time.After(openLook):
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		var err error
		if r, err = s.rooms.Get(ctx, r.Code); err != nil {
			return err
		}
		if r.Match != match {
			return failure.Newf(failure.ServersFull, "%s", cmp.Or(r.Problem, failure.ServersFull.Kind().Message))
		}
	}
	at := r.Find(m.Player)
	if at < 0 {
		return membership.ErrUnknown
	}
	if m = r.Members[at]; m.Match != r.Match || m.Ticket == "" || time.Since(m.Since) > freshTicket {
		s.seatMembers(ctx, r, []membership.Member{m})
	}
	return nil
}

// openLater opens the match of a room that began by itself.
func (s *service) openLater(r *room.Room) {
	s.mm.background.Go(func() {
		if err := s.openMatch(context.Background(), r); err != nil {
			s.mm.log.Info("room's match not opened", zap.String("room", r.Code), zap.String("match", r.Match), zap.Error(err))
		}
	})
}

// openMatch opens the match that a room has just begun, on any server that fits,
// and takes all members along. Where that fails the room waits again. It goes on
// without the caller: the others come along though the owner's page is closed.
func (s *service) openMatch(ctx context.Context, r *room.Room) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeLimit)
	defer cancel()
	match := r.Match
	if err := s.openAnywhere(ctx, r); err != nil {
		_ = s.endRoomMatch(context.WithoutCancel(ctx), match, sentence(err)) // else nobody opens it, and it is over soon
		return err
	}
	for r.Match == match && r.Opening {
		var missing []membership.Member
		for _, m := range r.Members {
			if m.Match != match {
				missing = append(missing, m)
			}
		}
		next := s.seatMembers(ctx, r, missing)
		if next == nil {
			return failure.New(failure.StoreUnavailable)
		}
		r = next
	}
	return nil
}

// sentence is what players are told of an error.
func sentence(err error) string {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return known.GRPCStatus().Message()
	}
	return failure.Internal.Kind().Message
}

func (s *service) openAnywhere(ctx context.Context, r *room.Room) error {
	k := ticket.Key{Game: r.Game, Mode: r.Plays()}
	servers := quickplay.Candidates(s.fleet.View(k))
	asked := 0
	for _, server := range servers {
		if r.Version != "" && r.Version != server.Version {
			continue
		}
		if asked++; asked > roomServers {
			break
		}
		err := s.assigner.OpenPrivate(ctx, k, server.ID, r.Match, wireOptions(r))
		var refusal *assign.Refusal
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return failure.Status(ctx.Err()).Err()
		case errors.As(err, &refusal) && refusal.Reason == "bad_request":
			return failure.Newf(failure.BadOption, "%s %s has no such options; change them and start again", k.Game, k.Mode)
		}
	}
	return failure.New(failure.ServersFull)
}

// seatMembers makes tickets of members for the match that runs, and returns the
// room with them; nil when they could not be noted. A member whose ticket can't be
// made may ask for one.
func (s *service) seatMembers(ctx context.Context, r *room.Room, members []membership.Member) *room.Room {
	match := r.Match
	handles := make(map[string]string, len(members)) // by player
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, seatAtOnce)
	for _, m := range members {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			handle, err := s.seatTicket(ctx, r, m)
			if err != nil {
				s.mm.log.Warn("room's member has no ticket", zap.String("room", r.Code), zap.String("player", m.Player), zap.Error(err))
			}
			mu.Lock()
			defer mu.Unlock()
			handles[m.Player] = handle
		})
	}
	wg.Wait()
	next, err := s.rooms.Change(ctx, r.Code, func(r *room.Room) error {
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

// seatTicket makes a ticket of one member for the match that runs.
func (s *service) seatTicket(ctx context.Context, r *room.Room, m membership.Member) (handle string, err error) {
	k := ticket.Key{Game: r.Game, Mode: r.Plays()}
	t := &ticket.Ticket{
		Queue: catalog.QuickPlay(k), Key: k, Match: r.Match, Room: r.Code, Awaits: true, Created: time.Now(), Expiry: seatExpiry,
		Members: []ticket.Member{{Player: m.Player, Name: m.Name}},
	}
	t.Name()
	t.Members[0].Skill = s.skill(t.Queue, m.Player, nil)
	if _, err := s.enter(ctx, t, ""); err != nil {
		return "", err
	}
	return t.Handle(0), nil
}

// changeRoom changes a room. One whose record was lost is made again from its
// match, as servers tell of it.
func (s *service) changeRoom(ctx context.Context, code string, edit func(*room.Room) error) (*room.Room, error) {
	r, err := s.rooms.Change(ctx, code, edit)
	if !errors.Is(err, membership.ErrUnknown) {
		return r, err
	}
	// The ended match before lingers beside the present one.
	id, found, ok := s.fleet.FindPrivate(func(id string) int {
		if of, number, ok := room.ParseMatch(id); ok && of == code {
			return number + 1
		}
		return 0
	})
	if !ok {
		return nil, membership.ErrUnknown
	}
	_, number, _ := room.ParseMatch(id)
	lost := &room.Room{Game: found.Key.Game, Mode: found.Key.Mode, Number: number, Match: id, MatchMode: found.Key.Mode, Began: time.Now(), Seats: min(max(found.Seats, 1), room.Most)}
	lost.Code = code
	if err := s.rooms.CreateAs(ctx, lost); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	s.mm.log.Info("room known again by its match", zap.String("room", code), zap.String("match", id))
	return s.rooms.Change(ctx, code, edit)
}

// endRoomMatch lets a room whose match is over wait for its next one, which may
// begin at once. An error means that it has to be told again.
func (s *service) endRoomMatch(ctx context.Context, match, problem string) error {
	code, _, ok := room.ParseMatch(match)
	if !ok {
		return nil
	}
	began := false
	var waiting []string
	r, err := s.rooms.Change(ctx, code, func(r *room.Room) error {
		began, waiting = false, nil
		for _, m := range r.Members {
			if m.Match == match && m.Ticket != "" && time.Since(m.Since) < s.mm.cfg.TicketExpiry {
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
		s.failTicket(ctx, handle, reason)
	}
	if errors.Is(err, membership.ErrUnknown) {
		return nil
	}
	if err == nil && began {
		s.openLater(r)
	}
	return err
}
