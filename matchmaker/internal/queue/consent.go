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

// ErrNotProposed says that a match does not wait for this ticket's consent.
var ErrNotProposed = errors.New("this match is not proposed (any more)")

// consent is a find whose players are asked first. Its fields are guarded by
// the queue's mutex.
type consent struct {
	ctx      context.Context //nolint:containedctx // of the queue that asks
	find     *find
	accepted [][]bool // by search and member
	deadline time.Time
	timer    *steady.Timer
	over     bool
}

// askConsent shows the match to its players.
func (q *Queue) askConsent(ctx context.Context, f *find, within time.Duration) {
	c := &consent{ctx: ctx, find: f, deadline: time.Now().Add(within)}
	for _, s := range f.searches {
		c.accepted = append(c.accepted, make([]bool, s.ticket.Size()))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range f.searches {
		q.asked[s.ticket.ID] = c
	}
	if shown := q.set.book.Propose(f.ids(), c.show()); slices.Contains(shown, false) {
		q.dissolve(c, nil) // somebody left in this very moment
		return
	}
	q.asking.Add(1) // until the consent is over
	c.timer = steady.AfterFunc(within, func() { q.expire(c) })
}

// show is the consent as each ticket sees it.
func (c *consent) show() []*ticket.Proposal {
	players, accepted := 0, 0
	for _, by := range c.accepted {
		players += len(by)
		for _, yes := range by {
			if yes {
				accepted++
			}
		}
	}
	views := make([]*ticket.Proposal, len(c.accepted))
	for i, by := range c.accepted {
		views[i] = &ticket.Proposal{
			Match: c.find.match, Deadline: c.deadline, Players: players, Accepted: accepted, By: slices.Clone(by),
		}
	}
	return views
}

// Answer takes in what a member says to a proposed match.
func (q *Queue) Answer(id string, member int, match string, accept bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.asked[id]
	if c == nil || c.over || c.find.match != match {
		return ErrNotProposed
	}
	at := slices.IndexFunc(c.find.searches, func(s *search) bool { return s.ticket.ID == id })
	if !accept {
		q.end(c, []string{id})
		return nil
	}
	c.accepted[at][member] = true
	for _, by := range c.accepted {
		if slices.Contains(by, false) {
			q.set.book.Propose(c.find.ids(), c.show())
			return nil
		}
	}
	q.settle(c)
	q.asking.Go(func() { q.seat(c.ctx, c.find) })
	q.asking.Done()
	return nil
}

// expire ends a consent whose time is over; whoever has not answered leaves.
func (q *Queue) expire(c *consent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.over {
		return
	}
	var silent []string
	for i, by := range c.accepted {
		if slices.Contains(by, false) {
			silent = append(silent, c.find.searches[i].ticket.ID)
		}
	}
	q.end(c, silent)
}

// leaveConsent lets the others of a match search on when one of them has ended.
func (q *Queue) leaveConsent(t *ticket.Ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c := q.asked[t.ID]; c != nil && !c.over {
		q.end(c, nil)
	}
}

// end dissolves a consent that is being waited for; it needs the mutex.
func (q *Queue) end(c *consent, decliners []string) {
	q.dissolve(c, decliners)
	q.asking.Done()
}

// settle takes a consent out; it needs the mutex.
func (q *Queue) settle(c *consent) {
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
	for _, s := range c.find.searches {
		delete(q.asked, s.ticket.ID)
	}
}

// dissolve ends the search of those who declined and lets the others search on
// with their place kept; it needs the mutex.
func (q *Queue) dissolve(c *consent, decliners []string) {
	q.settle(c)
	// Ending a ticket calls back into this queue.
	q.asking.Go(func() {
		for _, id := range decliners {
			q.set.book.Finish(id, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_DECLINED, ""))
		}
		q.back(c.find)
	})
}

// dropConsents ends all consents, for a queue that is being given up.
func (q *Queue) dropConsents() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.asked {
		if !c.over { // that of another of its tickets has ended it
			q.end(c, nil)
		}
	}
}
