// Package queue lets searches meet matches. Each mode of each game is a queue,
// owned by one goroutine that looks when something has happened and otherwise
// sleeps.
package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Fleet shows the live servers and matches.
type Fleet interface {
	View(k ticket.Key) matchfn.View
}

// Tickets knows which searches go on and ends them.
type Tickets interface {
	IsSearching(id string) bool
	Finish(id string, status ticket.Status) (ticket.Status, bool)
}

// Assigner asks servers for seats.
type Assigner interface {
	Ask(p assign.Proposal) (*assign.Asked, error)
}

// Config configures queues. All fields are needed.
type Config struct {
	Window   time.Duration // how long a cycle waits for others to come
	Attempts int           // refusals after which a search ends
}

// queue is one mode's. Its fields below the mutex' are owned by run.
type queue struct {
	cfg      Config
	key      ticket.Key
	fleet    Fleet
	tickets  Tickets
	assigner Assigner
	log      *zap.Logger
	waits    waits

	wake  chan struct{} // capacity 1
	mu    sync.Mutex
	inbox []*search

	waiting []*search // oldest first
	asking  sync.WaitGroup
}

type search struct {
	ticket   *ticket.Ticket
	attempts int
}

func (q *queue) add(searches ...*search) {
	q.mu.Lock()
	q.inbox = append(q.inbox, searches...)
	q.mu.Unlock()
	q.wakeUp()
}

func (q *queue) wakeUp() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) run(ctx context.Context) {
	defer q.asking.Wait()
	window := time.NewTimer(0)
	defer window.Stop()
	<-window.C
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			return
		}
		window.Reset(q.cfg.Window)
		select {
		case <-window.C:
		case <-ctx.Done():
			return
		}
		q.cycle(ctx)
	}
}

// cycle proposes matches for all who wait and asks for their seats. The seats
// are accounted for before it returns, so that the next cycle sees them taken.
func (q *queue) cycle(ctx context.Context) {
	q.collect()
	if len(q.waiting) == 0 {
		return
	}
	candidates := make([]matchfn.Ticket, len(q.waiting))
	for i, s := range q.waiting {
		candidates[i] = matchfn.Ticket{Version: s.ticket.Version, Match: s.ticket.Match}
	}
	proposals, hopeless := matchfn.QuickPlay(candidates, q.fleet.View(q.key))
	taken := make([]bool, len(q.waiting))
	for _, i := range hopeless {
		taken[i] = true
		q.unmatchable(q.waiting[i].ticket, "")
	}
	for _, p := range proposals {
		searches := make([]*search, 0, len(p.Tickets))
		for _, i := range p.Tickets {
			taken[i] = true
			searches = append(searches, q.waiting[i])
		}
		q.ask(ctx, p, searches)
	}
	left := q.waiting[:0]
	for i, s := range q.waiting {
		if !taken[i] {
			left = append(left, s)
		}
	}
	clear(q.waiting[len(left):])
	q.waiting = left
}

// collect takes in new searches and lets go of ended ones.
func (q *queue) collect() {
	q.mu.Lock()
	q.waiting = append(q.waiting, q.inbox...)
	clear(q.inbox)
	q.inbox = q.inbox[:0]
	q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(s *search) bool { return !q.tickets.IsSearching(s.ticket.ID) })
	slices.SortStableFunc(q.waiting, func(a, b *search) int { return a.ticket.Created.Compare(b.ticket.Created) })
}

func (q *queue) ask(ctx context.Context, p matchfn.Proposal, searches []*search) {
	proposal := assign.Proposal{Key: q.key, Server: p.Server, Match: p.Match, Create: p.Create}
	if proposal.Match == "" {
		proposal.Match = newMatchID()
	}
	for _, s := range searches {
		proposal.Tickets = append(proposal.Tickets, s.ticket)
	}
	asked, err := q.assigner.Ask(proposal)
	if err != nil {
		q.refused(searches, err)
		return
	}
	q.asking.Go(func() {
		if err := asked.Seat(ctx); err != nil {
			q.log.Debug("no seats", zap.String("server", p.Server), zap.String("match", proposal.Match), zap.Error(err))
			q.refused(searches, err)
		}
	})
}

// newMatchID names a public match.
func newMatchID() string { return "m-" + strings.ToLower(rand.Text()[:16]) }

// refused puts searches back to try again with the fleet's changed picture, or
// ends them where trying again can't help.
func (q *queue) refused(searches []*search, err error) {
	var refusal *assign.Refusal
	final := errors.As(err, &refusal) &&
		(refusal.Reason == "over" || refusal.Reason == "no_match" ||
			refusal.Reason == "full" && len(searches) == 1) // of several some may fit
	var again []*search
	for _, s := range searches {
		s.attempts++
		switch {
		case final && s.ticket.Match != "":
			q.unmatchable(s.ticket, refusal.Reason)
		case s.attempts >= q.cfg.Attempts:
			q.tickets.Finish(s.ticket.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED, ""))
		default:
			again = append(again, s)
		}
	}
	if len(again) > 0 {
		q.add(again...)
	}
}

// unmatchable ends a search for a certain match.
func (q *queue) unmatchable(t *ticket.Ticket, reason string) {
	message := "This match is full or has ended."
	switch {
	case reason == "full" && t.Room != "":
		message = "This room is full."
	case reason == "full":
		message = "This match is full."
	case reason != "":
		message = "This match has ended."
	case t.Room != "":
		message = "This room is full or does not exist any more."
	}
	q.tickets.Finish(t.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE, message))
}
