// Package queue lets searches meet matches. A queue is owned by one process at
// a time, by lease, and in it by one goroutine that looks when something has
// happened and otherwise sleeps.
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

// Rules are what a queue matches by.
type Rules struct {
	Key ticket.Key
	// Queue is nil for quick play: whoever comes joins the open match with the
	// most people.
	Queue *rules.Queue
	// Function proposes the matches instead of Queue's own rules, if it is set.
	Function matchfunc.Func
}

// version names the rules; quick play has none.
func (r *Rules) version() string {
	if r.Queue == nil {
		return ""
	}
	return r.Queue.Version
}

// Queue is one queue that this process owns.
type Queue struct {
	name       string
	set        *Set
	lease      *store.Lease
	journal    *store.Journal
	log        *zap.Logger
	waits      waits
	cancel     context.CancelFunc
	done       chan struct{} // closed when run has ended
	entered    atomic.Uint64 // tickets, since this process owns the queue
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

// search is a ticket on its way to a match.
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

// Add puts a new ticket into the queue. It returns when the ticket is recorded,
// so that it outlives this process, or when ctx ends: it is searching then, and
// will be recorded as soon as that is possible. A ticket that is added again,
// perhaps after the queue has moved, is in the queue once.
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
			q.set.tickets.ForgetTicket(t) // it may be another process's by now
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
	// Rules relax with time, so that those who wait are looked at again without
	// anything having happened: this often, and at most a quarter of the time.
	leastPause = 100 * time.Millisecond
	cycleShare = 4
)

// pause is when to look again though nothing happened.
func (q *Queue) pause() <-chan time.Time {
	if q.rules == nil || q.rules.Queue == nil || len(q.waiting) == 0 {
		return nil
	}
	return time.After(max(leastPause, cycleShare*time.Duration(q.cycled.Load())))
}

// cycle proposes matches for all who wait and asks for their seats. The seats
// are accounted for before it returns, so that the next cycle sees them taken.
func (q *Queue) cycle(ctx context.Context) {
	if !q.useCurrentRules() {
		return
	}
	q.drainInbox()
	// Without its journal a match could not be recorded: its seats would be
	// held for nothing.
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

// useCurrentRules takes over rules that have changed. Without rules the queue is closed:
// whoever waits in it is told so.
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
		q.log.Info("queue follows rules", zap.String("rules", v))
	}
	return true
}

// drainInbox takes in new searches and lets go of ended ones.
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

// removeTaken leaves those waiting who were not taken.
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

// ticketEnded hears of every ticket's end, also by others than this queue.
func (q *Queue) ticketEnded(t *ticket.Ticket, status ticket.Status) {
	if status.State == ticket.Assigned {
		q.journal.Append(t.ID, nil, 0) // the match's record has the ticket
		q.matched.Add(1)
		if t.Match == "" {
			q.waits.observe(status.At.Sub(t.Created))
		}
	}
	q.leaveAcceptance(t)
	q.wakeUp()
}
