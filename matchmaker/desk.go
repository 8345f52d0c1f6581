package matchmaker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"tactus/internal/millis"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// desk is where the tickets of one queue are: here, or at the replica that owns
// the queue.
type desk interface {
	add(ctx context.Context, t *ticket.Ticket) error
	watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error
	// look is the first message of a watch that ends with it.
	look(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error)
	// finish ends a search if no match has won it. Without a reason it only
	// looks.
	finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (fate, error)
	answer(ctx context.Context, handle, match string, accept bool) error
}

// fate is how a ticket stands.
type fate struct {
	known     bool
	searching bool
	reason    matchmakerv1.EndReason // once it has ended
}

// errMoved says that a queue has moved to another replica meanwhile.
var errMoved = errors.New("the queue has moved to another matchmaker")

const (
	// ownerPatience bounds looking for a queue's owner: longer than it takes
	// to notice that one has died, and for the store to elect a leader.
	ownerPatience = 20 * time.Second
	// replicaPatience bounds how long an owner is tried that lives and can't be
	// called: longer than it takes to notice that one has died.
	replicaPatience = 4 * time.Second
	leastBackoff    = 20 * time.Millisecond
	mostBackoff     = 500 * time.Millisecond
)

// desk finds the queue's desk. This process becomes the owner of a queue that
// has none.
func (s *service) desk(ctx context.Context, name string) (desk, error) {
	q, err := s.queues.Own(ctx, name)
	if err == nil {
		return &localDesk{service: s, queue: q}, nil
	}
	if holder, held := queue.IsHeld(err); held {
		return s.replicas.desk(holder.Address)
	}
	return nil, err
}

// atDesk calls do with the queue's desk, again while the queue moves.
func (s *service) atDesk(ctx context.Context, name string, do func(desk) error) error {
	deadline := time.Now().Add(ownerPatience)
	backoff := leastBackoff
	var failing time.Time // since when the owner can't be called
	for {
		d, err := s.desk(ctx, name)
		if err == nil {
			began := time.Now()
			if err = do(d); !errors.Is(err, errMoved) {
				return err
			}
			if time.Since(began) > mostBackoff { // it has worked for a while
				deadline, backoff = time.Now().Add(ownerPatience), leastBackoff
			}
		}
		switch owner, ok := errors.AsType[*unreachable](err); {
		case !ok:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > replicaPatience && s.lives(owner.address):
			return failure.New(failure.ReplicaUnreachable).Because(err)
		}
		switch {
		case errors.Is(err, ticket.ErrUnknown), errors.Is(err, ticket.ErrStopping):
			return storeError(err)
		case ctx.Err() != nil:
			return failure.Status(ctx.Err()).Err()
		case time.Now().After(deadline):
			return failure.New(failure.StoreUnavailable).Because(err)
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		backoff = min(2*backoff, mostBackoff)
	}
}

// lives reports whether a replica of the address is heard of in the store.
func (s *service) lives(address string) bool {
	return slices.ContainsFunc(s.mm.shared.members.Live(), func(m store.Member) bool { return m.Address == address })
}

// localDesk is a queue that this process owns.
type localDesk struct {
	service *service
	queue   *queue.Queue
}

// recordPatience is how long a new ticket waits to be recorded before its
// player hears of it all the same.
const recordPatience = 300 * time.Millisecond

func (d *localDesk) add(ctx context.Context, t *ticket.Ticket) error {
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	return movedIfLost(d.queue.Add(ctx, t))
}

func movedIfLost(err error) error {
	if errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClosed) {
		return errMoved
	}
	return err
}

// confirm makes sure that the queue is this process's before a ticket is said to
// be unknown: the next owner may know it.
func (d *localDesk) confirm(ctx context.Context) error {
	if d.service.queues.Find(d.queue.Name()) != d.queue {
		return errMoved
	}
	err := movedIfLost(d.queue.Confirm(ctx))
	if ctx.Err() != nil {
		return failure.Status(ctx.Err()).Err()
	}
	return err
}

func (d *localDesk) finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (fate, error) {
	book := d.service.queues.Book()
	if reason != matchmakerv1.EndReason_END_REASON_UNSPECIFIED {
		book.Finish(id, ticket.EndedBy(reason, ""))
	}
	for {
		now, changed, known := book.Look(id)
		switch {
		case !known:
			return fate{}, d.confirm(ctx)
		case now.State.Over():
			return fate{known: true, reason: now.Reason}, nil
		case now.State != ticket.Committing:
			return fate{known: true, searching: true}, nil
		}
		// A match, or this call, has won the ticket. That is being recorded.
		select {
		case <-changed:
		case <-ctx.Done():
			return fate{}, ctx.Err()
		}
	}
}

func (d *localDesk) answer(ctx context.Context, handle, match string, accept bool) error {
	w, err := d.service.queues.Book().Watch(handle)
	if err != nil {
		return cmp.Or(d.confirm(ctx), storeError(err))
	}
	defer w.Close()
	if err := d.queue.Answer(w.Ticket().ID, w.Member(), match, accept); err != nil {
		return failure.New(failure.ProposalGone)
	}
	return nil
}

// watch sends a ticket's status now, at intervals, when it changes, and when it
// has ended.
func (d *localDesk) watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	s := d.service
	w, err := s.queues.Book().Watch(handle)
	if err != nil {
		return cmp.Or(d.confirm(ctx), storeError(err))
	}
	defer w.Close()
	s.mm.metrics.WatchBegan()
	defer s.mm.metrics.WatchEnded()
	progress := time.NewTicker(s.mm.cfg.ProgressInterval)
	defer progress.Stop()
	for {
		now, changed, moved := w.Status()
		if moved {
			return errMoved
		}
		if err := send(s.describe(w, now)); err != nil {
			return err
		}
		if now.State.Over() {
			return nil
		}
		select {
		case <-changed:
		case <-progress.C:
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
	}
}

func (d *localDesk) look(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error) {
	w, err := d.service.queues.Book().Watch(handle)
	if err != nil {
		return nil, cmp.Or(d.confirm(ctx), storeError(err))
	}
	defer w.Close()
	now, _, moved := w.Status()
	if moved {
		return nil, errMoved
	}
	return d.service.describe(w, now), nil
}

var wireStates = map[ticket.State]matchmakerv1.WatchTicketResponse_State{
	ticket.Searching:  matchmakerv1.WatchTicketResponse_STATE_SEARCHING,
	ticket.Proposed:   matchmakerv1.WatchTicketResponse_STATE_PROPOSED,
	ticket.Committing: matchmakerv1.WatchTicketResponse_STATE_SEARCHING,
	ticket.Assigned:   matchmakerv1.WatchTicketResponse_STATE_ASSIGNED,
	ticket.Ended:      matchmakerv1.WatchTicketResponse_STATE_ENDED,
}

func (s *service) describe(w *ticket.Watch, now ticket.Status) *matchmakerv1.WatchTicketResponse {
	t := w.Ticket()
	until, known := time.Now(), time.Duration(0)
	if now.State.Over() {
		until = now.At
	} else {
		known = until.Sub(t.Created)
	}
	p50, p90 := s.queues.EstimatedWait(t.Queue, known)
	res := &matchmakerv1.WatchTicketResponse{
		State:              wireStates[now.State],
		WaitedMs:           milliseconds(until.Sub(t.Created)),
		EstimatedWaitMs:    milliseconds(p50),
		EstimatedWaitP90Ms: milliseconds(p90),
		Searching:          uint32(s.queues.Book().Players(t.Queue)),
		Reason:             now.Reason,
		Message:            now.Message,
		Queue:              t.Queue,
		RulesVersion:       s.catalog.Version(t.Queue),
	}
	if now.State == ticket.Searching {
		res.WaitingFor = s.queues.WaitingFor(t)
	}
	if res.GetWaitingFor() == matchmakerv1.WaitingFor_WAITING_FOR_NO_SERVER { // what others waited says nothing of it
		res.EstimatedWaitMs, res.EstimatedWaitP90Ms = 0, 0
	}
	if p := now.Proposal; p != nil && now.State == ticket.Proposed {
		res.Proposal = &matchmakerv1.MatchProposal{
			MatchId: p.Match, AcceptWithinMs: milliseconds(time.Until(p.Deadline)),
			Players: uint32(p.Players), Accepted: uint32(p.Accepted), AcceptedByYou: p.By[w.Member()],
		}
	}
	if now.State == ticket.Assigned {
		a := now.Assignments[w.Member()]
		res.RulesVersion = a.RulesVersion
		res.Assignment = &matchmakerv1.Assignment{
			MatchId: a.Match, ServerId: a.Server, Url: a.URL, JoinToken: a.Token, ExpiresMs: milliseconds(time.Until(a.Expires)),
			Game: a.Game, Mode: a.Mode, RoomCode: a.Room,
			Queue: a.Queue, RulesVersion: a.RulesVersion, Team: a.Team,
		}
	}
	return res
}

// milliseconds is never negative, and never more than a timer takes.
func milliseconds(d time.Duration) uint32 { return millis.Of(d) }
