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

// ErrNotProposed is returned for a match that does not wait for the ticket's acceptance.
var ErrNotProposed = errors.New("this match is not proposed (any more)")

// acceptance is a found match that waits for its players to accept. The queue's mutex
// guards its fields.
type acceptance struct {
	ctx      context.Context //nolint:containedctx // of the queue
	found    *foundMatch
	accepted [][]bool // by search and member
	deadline time.Time
	timer    *steady.Timer
	over     bool
}

// requestAcceptance proposes the match to its players.
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
		q.dissolveLocked(a, nil) // a ticket ended meanwhile
		return
	}
	q.pending.Add(1) // until the acceptance is over
	a.timer = steady.AfterFunc(within, func() { q.expire(a) })
}

// views are the proposals that the tickets show.
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

// Respond accepts or declines a proposed match for a member of a ticket.
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
		q.declinedLocked(a, []string{a.found.searches[at].ticket.Members[member].Player})
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

// expire ends an acceptance at its deadline. Tickets that have not accepted leave.
func (q *Queue) expire(a *acceptance) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.over {
		return
	}
	var silent, players []string
	for i, by := range a.accepted {
		t := a.found.searches[i].ticket
		if slices.Contains(by, false) {
			silent = append(silent, t.ID)
		}
		for m, yes := range by {
			if !yes {
				players = append(players, t.Members[m].Player)
			}
		}
	}
	q.endLocked(a, silent)
	q.declinedLocked(a, players)
}

// declinedLocked reports the players that did not accept: of a party, those alone.
func (q *Queue) declinedLocked(a *acceptance, players []string) {
	if f := q.set.cfg.Hooks.Declined; f != nil {
		q.pending.Go(func() { f(a.found.id, players) })
	}
}

// leaveAcceptance lets the other tickets of a match search on when one has ended.
func (q *Queue) leaveAcceptance(t *ticket.Ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a := q.acceptances[t.ID]; a != nil && !a.over {
		q.endLocked(a, nil)
	}
}

// endLocked dissolves an acceptance that is under way.
func (q *Queue) endLocked(a *acceptance, decliners []string) {
	q.dissolveLocked(a, decliners)
	q.pending.Done()
}

// closeLocked marks an acceptance as over and removes it.
func (q *Queue) closeLocked(a *acceptance) {
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	for _, s := range a.found.searches {
		delete(q.acceptances, s.ticket.ID)
	}
}

// dissolveLocked ends the searches that declined. The others search on with their
// waiting time.
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

// cancelAcceptances ends all acceptances of a queue that is being released.
func (q *Queue) cancelAcceptances() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range q.acceptances {
		if !a.over { // not ended yet by another of its tickets
			q.endLocked(a, nil)
		}
	}
}
