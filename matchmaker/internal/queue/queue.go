// Package queue runs matchmaking queues.
//
// Each queue is owned by one process at a time, which holds a lease on it. The owner
// runs one goroutine per queue. It collects new tickets and finds matches for them, by
// the queue's match function or by quick play. Where the rules ask for it, a match waits
// for its players to accept. Then the queue reserves seats on a game server, and records
// the match in its journal. Only then do the players get their assignments. A new owner
// restores all tickets from the journal.
package queue

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Rules are how a queue finds matches.
type Rules struct {
	Key ticket.Key
	// Queue is nil for quick play: players join the open match with the most players.
	Queue *rules.Queue
	// Function proposes the matches in place of Queue's rules; nil: the rules do.
	Function matchfunc.Func
}

// version is the version of the rules; empty for quick play.
func (r *Rules) version() string {
	if r.Queue == nil {
		return ""
	}
	return r.Queue.Version
}

// Queue is a queue that this process owns. It is safe for concurrent use.
type Queue struct {
	name       string
	set        *Set
	lease      *store.Lease
	journal    *store.Journal
	log        *zap.Logger
	waits      waits
	cancel     context.CancelFunc
	done       chan struct{} // closed when run has ended
	entered    atomic.Uint64 // tickets since this process owns the queue
	matched    atomic.Uint64
	cycled     atomic.Int64 // nanoseconds of the last cycle
	waitReason waitReason

	wake        chan struct{} // capacity 1
	mu          sync.Mutex
	inbox       []*search
	acceptances map[string]*acceptance // by ticket
	shared      sharedAttributes

	// Owned by run.
	rules   *Rules
	matcher matchfunc.Func
	waiting []*search // oldest first
	pending sync.WaitGroup
}

// search is a ticket that looks for a match.
type search struct {
	ticket   *ticket.Ticket
	group    *matchfunc.Group
	attempts int
}

func newSearch(t *ticket.Ticket) *search { return &search{ticket: t, group: GroupOf(t)} }

// GroupOf is the ticket as a match function sees it.
func GroupOf(t *ticket.Ticket) *matchfunc.Group {
	g := &matchfunc.Group{
		ID: t.ID, Created: t.Created, Priority: t.Priority, Version: t.Version,
		Attributes: t.Attributes, Latency: t.Latency,
	}
	for _, m := range t.Members {
		g.Players = append(g.Players, matchfunc.Player{ID: m.Player, Skill: m.Skill})
	}
	return g
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }

// Add puts a new ticket into the queue. It returns when the journal has the ticket,
// so that it outlives this process. If ctx ends first, the ticket searches already
// and is recorded as soon as possible. A ticket that is added again, perhaps after
// the queue has moved, is in the queue once.
func (q *Queue) Add(ctx context.Context, t *ticket.Ticket) error {
	if fresh, err := q.set.tickets.Create(t); err != nil || !fresh {
		return err
	}
	q.entered.Add(1)
	s := newSearch(t)
	q.set.cfg.Hooks.Created(t, s.group)
	if t.Unmatchable.Reason != ticket.Matchable {
		q.set.tickets.Finish(t.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE, t.Unmatchable.Message))
		return nil
	}
	recorded := q.journalTicket(t, nil)
	q.add(s)
	select {
	case <-recorded.Done():
		if err := recorded.Err(); err != nil {
			q.set.tickets.ForgetTicket(t) // another process may own it now
			return err
		}
		return nil
	case <-ctx.Done():
		return nil
	}
}

func (q *Queue) add(searches ...*search) {
	q.mu.Lock()
	q.inbox = append(q.inbox, searches...)
	q.mu.Unlock()
	q.wakeUp()
}

func (q *Queue) wakeUp() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	defer q.pending.Wait()
	window := time.NewTimer(0)
	defer window.Stop()
	<-window.C
	for {
		again := q.pause()
		select {
		case <-q.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
		window.Reset(q.set.cfg.Window)
		select {
		case <-window.C:
		case <-ctx.Done():
			return
		}
		q.cycle(ctx)
	}
}

const (
	// Rules relax with time, so a queue with tickets runs cycles also without events:
	// this often, and for at most a quarter of the time.
	leastPause = 100 * time.Millisecond
	cycleShare = 4
)

// pause ends when the next cycle is due without an event; nil: never.
func (q *Queue) pause() <-chan time.Time {
	if q.rules == nil || q.rules.Queue == nil || len(q.waiting) == 0 {
		return nil
	}
	return time.After(max(leastPause, cycleShare*time.Duration(q.cycled.Load())))
}

// cycle finds matches for all tickets that wait and requests seats. The seats count
// as taken when it returns, so that the next cycle does not use them again.
func (q *Queue) cycle(ctx context.Context) {
	if !q.useCurrentRules() {
		return
	}
	q.drainInbox()
	// A match can't be recorded without the journal: its seats would be held in vain.
	if len(q.waiting) == 0 || !q.journal.Healthy() {
		q.waitReason.clear()
		return
	}
	began := time.Now()
	waiting := len(q.waiting)
	if q.rules.Queue == nil {
		q.quickPlay(ctx)
	} else {
		q.byRules(ctx)
	}
	q.waitReason.update(began, q.rules, q.waiting)
	took := time.Since(began)
	q.cycled.Store(int64(took))
	q.set.cfg.Hooks.Cycled(q.name, waiting, took)
}

// useCurrentRules switches to rules that have changed. It reports false if the queue
// has none any more: then it ends all searches.
func (q *Queue) useCurrentRules() bool {
	current, ok := q.set.cfg.Lookup(q.name)
	if !ok {
		q.drainInbox()
		for _, s := range q.waiting {
			q.set.tickets.Finish(s.ticket.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE, "This queue was closed."))
		}
		q.waiting = nil
		return false
	}
	if current == q.rules {
		return true
	}
	q.rules, q.matcher = current, current.Function
	if current.Queue != nil && q.matcher == nil {
		q.matcher = matchfn.NewMatcher(current.Queue).Propose
	}
	if v := current.version(); v != "" {
		q.log.Info("queue rules changed", zap.String("rules", v))
	}
	return true
}

// drainInbox adds new searches and removes ended ones.
func (q *Queue) drainInbox() {
	q.mu.Lock()
	fresh := len(q.inbox) > 0
	q.waiting = append(q.waiting, q.inbox...)
	clear(q.inbox)
	q.inbox = q.inbox[:0]
	q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(s *search) bool { return !q.set.tickets.Searching(s.ticket.ID) })
	if fresh {
		slices.SortStableFunc(q.waiting, func(a, b *search) int { return a.ticket.Created.Compare(b.ticket.Created) })
	}
}

// removeTaken removes the searches that have a match.
func (q *Queue) removeTaken(taken []bool) {
	left := q.waiting[:0]
	for i, s := range q.waiting {
		if !taken[i] {
			left = append(left, s)
		}
	}
	clear(q.waiting[len(left):])
	q.waiting = left
}

// ticketEnded is called when a ticket has ended, for whatever reason.
func (q *Queue) ticketEnded(t *ticket.Ticket, status ticket.Status) {
	if status.State == ticket.Assigned {
		q.journal.Append(t.ID, nil, 0) // the record of the match has the ticket
		q.matched.Add(1)
		if t.Match == "" {
			q.waits.observe(status.At.Sub(t.Created))
		}
	}
	q.leaveAcceptance(t)
	q.wakeUp()
}
