package routing

import (
	"cmp"
	"context"
	"errors"
	"time"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// recordPatience is how long Add waits for a ticket to be recorded. After that the
// ticket is searching, and recorded later.
const recordPatience = 300 * time.Millisecond

// localOwner is this process as the owner of one queue.
type localOwner struct {
	router *Router
	queue  *queue.Queue
}

func (o *localOwner) Add(ctx context.Context, t *ticket.Ticket) error {
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	err := movedIfLost(o.queue.Add(ctx, t))
	if errors.Is(err, ticket.ErrFull) || errors.Is(err, ticket.ErrStopping) || errors.Is(err, ticket.ErrUnknown) {
		return ticketError(err)
	}
	return err
}

func (o *localOwner) Watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	w, err := o.router.queues.Tickets().Watch(handle)
	if err != nil {
		return cmp.Or(o.confirm(ctx), ticketError(err))
	}
	defer w.Close()
	o.router.cfg.Metrics.WatchBegan()
	defer o.router.cfg.Metrics.WatchEnded()
	progress := time.NewTicker(o.router.cfg.ProgressInterval)
	defer progress.Stop()
	for {
		now, changed, moved := w.Status()
		if moved {
			return errMoved
		}
		if err := send(o.router.describe(w, now)); err != nil {
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

func (o *localOwner) Get(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error) {
	w, err := o.router.queues.Tickets().Watch(handle)
	if err != nil {
		return nil, cmp.Or(o.confirm(ctx), ticketError(err))
	}
	defer w.Close()
	now, _, moved := w.Status()
	if moved {
		return nil, errMoved
	}
	return o.router.describe(w, now), nil
}

func (o *localOwner) Finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (SearchStatus, error) {
	tickets := o.router.queues.Tickets()
	if reason != matchmakerv1.EndReason_END_REASON_UNSPECIFIED {
		tickets.Finish(id, ticket.EndedBy(reason, ""))
	}
	for {
		now, changed, known := tickets.Status(id)
		switch {
		case !known:
			return SearchStatus{}, o.confirm(ctx)
		case now.State.Over():
			return SearchStatus{Known: true, Reason: now.Reason}, nil
		case now.State != ticket.Committing:
			return SearchStatus{Known: true, Searching: true}, nil
		}
		// A match, or this call, has won the ticket. That is being recorded.
		select {
		case <-changed:
		case <-ctx.Done():
			return SearchStatus{}, ctx.Err()
		}
	}
}

func (o *localOwner) Answer(ctx context.Context, handle, match string, accept bool) error {
	w, err := o.router.queues.Tickets().Watch(handle)
	if err != nil {
		return cmp.Or(o.confirm(ctx), ticketError(err))
	}
	defer w.Close()
	if err := o.queue.Respond(w.Ticket().ID, w.Member(), match, accept); err != nil {
		return failure.New(failure.ProposalGone)
	}
	return nil
}

// confirm makes sure that this process owns the queue, before a ticket is said to
// be unknown: the next owner may know it.
func (o *localOwner) confirm(ctx context.Context) error {
	if o.router.queues.Find(o.queue.Name()) != o.queue {
		return errMoved
	}
	err := movedIfLost(o.queue.Confirm(ctx))
	if ctx.Err() != nil {
		return failure.Status(ctx.Err()).Err()
	}
	return err
}

func movedIfLost(err error) error {
	if errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClosed) {
		return errMoved
	}
	return err
}
