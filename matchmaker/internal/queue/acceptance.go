package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// ErrNotProposed says that a match does not wait for this ticket's acceptance.
var ErrNotProposed = errors.New("this match is not proposed (any more)")

// acceptance is a found match whose players are asked first. Its fields are guarded by
// the queue's mutex.
type acceptance struct {
	ctx      context.Context //nolint:containedctx // of the queue that asks
	found    *foundMatch
	accepted [][]bool // by search and member
	deadline time.Time
	timer    *steady.Timer
	over     bool
}

// requestAcceptance shows the match to its players.
func (q *Queue) requestAcceptance(ctx context.Context, f *foundMatch, within time.Duration) {
	a := &acceptance{ctx: ctx, found: f, deadline: time.Now().Add(within)}
	for _, s := range f.searches {
		a.accepted = append(a.accepted, make([]bool, s.ticket.Size()))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range f.searches {
		q.acceptances[s.ticket.ID] = a
	}
	if shown := q.set.tickets.Propose(f.ticketIDs(), a.views()); slices.Contains(shown, false) {
		q.dissolveLocked(a, nil) // somebody left in this very moment
		return
	}
	q.pending.Add(1) // until the acceptance is over
	a.timer = steady.AfterFunc(within, func() { q.expire(a) })
}

// views is the acceptance as each ticket sees it.
func (a *acceptance) views() []*ticket.Proposal {
	players, accepted := 0, 0
	for _, by := range a.accepted {
		players += len(by)
		for _, yes := range by {
			if yes {
				accepted++
			}
		}
	}
	views := make([]*ticket.Proposal, len(a.accepted))
	for i, by := range a.accepted {
		views[i] = &ticket.Proposal{
			Match: a.found.id, Deadline: a.deadline, Players: players, Accepted: accepted, By: slices.Clone(by),
		}
	}
	return views
}

// Respond takes in what a member says to a proposed match.
func (q *Queue) Respond(id string, member int, match string, accept bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.acceptances[id]
	if a == nil || a.over || a.found.id != match {
		return ErrNotProposed
	}
	at := slices.IndexFunc(a.found.searches, func(s *search) bool { return s.ticket.ID == id })
	if !accept {
		q.endLocked(a, []string{id})
		return nil
	}
	a.accepted[at][member] = true
	for _, by := range a.accepted {
		if slices.Contains(by, false) {
			q.set.tickets.Propose(a.found.ticketIDs(), a.views())
			return nil
		}
	}
	q.closeLocked(a)
	q.pending.Go(func() { q.reserve(a.ctx, a.found) })
	q.pending.Done()
	return nil
}

// expire ends an acceptance whose time is over; whoever has not answered leaves.
func (q *Queue) expire(a *acceptance) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.over {
		return
	}
	var silent []string
	for i, by := range a.accepted {
		if slices.Contains(by, false) {
			silent = append(silent, a.found.searches[i].ticket.ID)
		}
	}
	q.endLocked(a, silent)
}

// leaveAcceptance lets the others of a match search on when one of them has ended.
func (q *Queue) leaveAcceptance(t *ticket.Ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a := q.acceptances[t.ID]; a != nil && !a.over {
		q.endLocked(a, nil)
	}
}

// endLocked dissolves an acceptance that is being waited for; it needs the mutex.
func (q *Queue) endLocked(a *acceptance, decliners []string) {
	q.dissolveLocked(a, decliners)
	q.pending.Done()
}

// closeLocked takes an acceptance out; it needs the mutex.
func (q *Queue) closeLocked(a *acceptance) {
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	for _, s := range a.found.searches {
		delete(q.acceptances, s.ticket.ID)
	}
}

// dissolveLocked ends the search of those who declined and lets the others search on
// with their place kept; it needs the mutex.
func (q *Queue) dissolveLocked(a *acceptance, decliners []string) {
	q.closeLocked(a)
	// Ending a ticket calls back into this queue.
	q.pending.Go(func() {
		for _, id := range decliners {
			q.set.tickets.Finish(id, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_DECLINED, ""))
		}
		q.requeue(a.found)
	})
}

// cancelAcceptances ends all acceptances, for a queue that is being given up.
func (q *Queue) cancelAcceptances() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range q.acceptances {
		if !a.over { // that of another of its tickets has ended it
			q.endLocked(a, nil)
		}
	}
}
