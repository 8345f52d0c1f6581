package ticket

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"tactus/internal/steady"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Errors of a [Book].
var (
	ErrUnknown  = errors.New("no such ticket")
	ErrFull     = errors.New("too many players are searching; try again in a moment")
	ErrStopping = errors.New("the matchmaker is not running")
)

// Limits bounds the life of tickets. All fields must be positive.
type Limits struct {
	Unwatched   time.Duration // from creation to the first watcher
	WatcherGone time.Duration // from the last watcher's end to the next one
	Kept        time.Duration // how long an ended ticket can still be asked for
	Tickets     int           // ended ones included
}

// Book holds the tickets of the queues that this process owns. It decides how a
// ticket ends: whoever finishes it first wins.
type Book struct {
	limits    Limits
	record    func(*Ticket, Status) Recording
	ended     func(*Ticket, Status)
	unheard   func([]Assignment)
	recording sync.WaitGroup

	mu        sync.Mutex
	stopped   bool
	entries   map[string]*entry
	searching map[string]int // players, by queue
}

type entry struct {
	ticket    *Ticket
	status    Status
	changed   chan struct{} // closed and replaced at each change
	watchers  []int         // by member
	unwatched int           // members without a watcher
	awaited   []int64       // by member: until when a watcher may come (back); see steady
	heard     []bool        // by member: the assignment was told to a watcher
	forgotten bool          // another process owns the queue now
	missed    *Status       // the end that came after a match had won the ticket
	expiry    *steady.Timer
	lonely    *steady.Timer // runs while a member is unwatched
	kept      *time.Timer
}

// Recording is an ending on its way to where the queue's next owner finds it.
type Recording interface {
	Done() <-chan struct{}
	// Err is nil once the ending is recorded. With an error it never will be:
	// another process owns the queue and decides.
	Err() error
}

// NewBook makes an empty book. record is called for each ending but a match's,
// which is recorded before it is settled; nobody hears of the ending before it
// is recorded. It may return nil where there is nothing to wait for. ended is
// called once for each ticket, after it has ended. unheard is called with the
// assignments of members who had no watcher for so long that their ticket would
// have been abandoned: nobody knows of their seats. All are called without any
// lock held.
func NewBook(limits Limits, record func(*Ticket, Status) Recording, ended func(*Ticket, Status), unheard func([]Assignment)) *Book {
	return &Book{limits: limits, record: record, ended: ended, unheard: unheard, entries: make(map[string]*entry), searching: make(map[string]int)}
}

// Create adds a searching ticket. One that is in the book already stays as it
// is, and is not fresh.
func (b *Book) Create(t *Ticket) (fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return false, ErrStopping
	case b.entries[t.ID] != nil:
		return false, nil
	case len(b.entries) >= b.limits.Tickets:
		return false, ErrFull
	}
	b.add(t)
	return true, nil
}

func (b *Book) add(t *Ticket) *entry {
	places := t.Size()
	if t.OneWatcher {
		places = 1
	}
	e := &entry{
		ticket: t, changed: make(chan struct{}),
		watchers: make([]int, places), unwatched: places, awaited: make([]int64, places), heard: make([]bool, places),
	}
	e.expiry = steady.AfterFunc(time.Until(t.Created.Add(t.Expiry)), func() { b.expire(e) })
	e.lonely = steady.AfterFunc(b.limits.Unwatched, func() { b.abandon(e) })
	e.await(b.limits.Unwatched)
	b.entries[t.ID] = e
	b.searching[t.Queue] += t.Size()
	return e
}

// Restore adds a ticket as it was recorded by an earlier owner of its queue.
// ended is not called for one that has ended.
func (b *Book) Restore(t *Ticket, status Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.entries[t.ID] != nil {
		return
	}
	e := b.add(t)
	if status.State.Over() {
		b.settle(e, status)
		e.lonely.Stop() // the earlier owner knew who had heard of it
	}
}

func (b *Book) expire(e *entry) {
	b.mu.Lock()
	won := b.finish(e)
	b.mu.Unlock()
	if won {
		b.conclude(e, EndedBy(matchmakerv1.EndReason_END_REASON_EXPIRED, ""))
	}
}

// abandon ends the search if a member has been without a watcher for too long.
// Else it looks again when the next one may be.
func (b *Book) abandon(e *entry) {
	b.mu.Lock()
	left, unwatched := e.patience()
	assigned := e.status.State == Assigned && !e.forgotten && !b.stopped
	won := unwatched && left <= 0 && !assigned && b.finish(e)
	if unwatched && left > 0 {
		e.lonely.Reset(left)
	}
	var unheard []Assignment
	if assigned && left <= 0 {
		unheard = e.unheard()
	}
	b.mu.Unlock()
	if len(unheard) > 0 {
		b.unheard(unheard)
	}
	if won {
		b.conclude(e, EndedBy(matchmakerv1.EndReason_END_REASON_ABANDONED, ""))
	}
}

// unheard returns, once, the assignments of members whose patience is over and
// who have not heard of them, and looks again when the next one's is.
func (e *entry) unheard() (list []Assignment) {
	now := steady.Now()
	var next int64
	for at, a := range e.status.Assignments {
		place := min(at, len(e.heard)-1) // one watcher may be for all
		switch until := e.awaited[place]; {
		case e.heard[place] || e.watchers[place] > 0 || a.Reservation == "":
		case until <= now:
			list = append(list, a)
		case next == 0 || until < next:
			next = until
		}
	}
	for place := range e.heard {
		e.heard[place] = e.heard[place] || e.watchers[place] == 0 && e.awaited[place] <= now
	}
	if next != 0 {
		e.lonely.Reset(time.Duration(next - now))
	}
	return list
}

// await gives every member without a watcher so long to get one.
func (e *entry) await(patience time.Duration) {
	until := steady.Now() + int64(patience)
	for at, watchers := range e.watchers {
		if watchers == 0 {
			e.awaited[at] = until
		}
	}
	e.lonely.Reset(patience)
}

// patience is what is left until the first member counts as gone. unwatched is
// false when everybody has a watcher.
func (e *entry) patience() (left time.Duration, unwatched bool) {
	var first int64
	for at, watchers := range e.watchers {
		if watchers == 0 && (!unwatched || e.awaited[at] < first) {
			first, unwatched = e.awaited[at], true
		}
	}
	return -steady.Since(first), unwatched
}

// finish wins a ticket that no match has won; it needs the lock. The caller
// calls conclude after it has unlocked.
func (b *Book) finish(e *entry) bool {
	if e.forgotten || e.status.State != Searching && e.status.State != Proposed {
		return false
	}
	e.status.State = Committing
	return true
}

// conclude ends a ticket that was won, once that is recorded.
func (b *Book) conclude(e *entry, status Status) {
	status.At = time.Now()
	recording := b.record(e.ticket, status)
	if recording == nil {
		b.Settle(e.ticket.ID, status)
		return
	}
	b.recording.Go(func() {
		if <-recording.Done(); recording.Err() == nil {
			b.Settle(e.ticket.ID, status)
		}
	})
}

// settle gives a ticket its final status; it needs the lock.
func (b *Book) settle(e *entry, status Status) {
	if status.At.IsZero() {
		status.At = time.Now()
	}
	e.change(status)
	e.expiry.Stop()
	b.leaveSearch(e)
	left, unwatched := e.patience()
	if status.State == Assigned && unwatched && !b.stopped {
		e.lonely.Reset(max(left, 0))
	} else {
		e.lonely.Stop()
	}
	if b.stopped {
		return
	}
	e.kept = time.AfterFunc(b.limits.Kept, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.entries[e.ticket.ID] == e {
			delete(b.entries, e.ticket.ID)
		}
	})
}

func (b *Book) leaveSearch(e *entry) {
	if b.searching[e.ticket.Queue] -= e.ticket.Size(); b.searching[e.ticket.Queue] <= 0 {
		delete(b.searching, e.ticket.Queue)
	}
}

func (e *entry) change(status Status) {
	e.status = status
	close(e.changed)
	e.changed = make(chan struct{})
}

// Finish ends the ticket if nobody else has won it. That takes a moment; see
// [Book.Look] for how it ended.
func (b *Book) Finish(id string, status Status) {
	b.mu.Lock()
	e := b.entries[id]
	won := e != nil && b.finish(e)
	if e != nil && !won && e.status.State == Committing && e.missed == nil {
		e.missed = &status
	}
	b.mu.Unlock()
	if won {
		b.conclude(e, status)
	}
}

// Searching reports whether the ticket is searching and in no proposal.
func (b *Book) Searching(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	return e != nil && e.status.State == Searching
}

// Players counts who searches in a queue.
func (b *Book) Players(queue string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.searching[queue]
}

// Propose shows tickets a match that waits for consent. It returns which of
// them are still searching; only these see it.
func (b *Book) Propose(ids []string, proposals []*Proposal) []bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := make([]bool, len(ids))
	for i, id := range ids {
		e := b.entries[id]
		if e == nil || e.status.State != Searching && e.status.State != Proposed {
			continue
		}
		shown[i] = true
		e.change(Status{State: Proposed, Proposal: proposals[i], At: time.Now()})
	}
	return shown
}

// Withdraw lets proposed tickets search on.
func (b *Book) Withdraw(ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if e := b.entries[id]; e != nil && e.status.State == Proposed {
			e.change(Status{State: Searching, At: time.Now()})
		}
	}
}

// Commit lets a match win tickets: from then on only [Book.Settle] ends them.
// It returns which of them it won. With all, it wins all or none.
func (b *Book) Commit(ids []string, all bool) []bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	won := make([]bool, len(ids))
	for i, id := range ids {
		e := b.entries[id]
		won[i] = e != nil && !e.forgotten && (e.status.State == Searching || e.status.State == Proposed)
	}
	if all && slices.Contains(won, false) {
		return make([]bool, len(ids))
	}
	for i, id := range ids {
		if won[i] {
			b.entries[id].status.State = Committing // no change that a watcher sees
		}
	}
	return won
}

// Resume lets committed tickets search on, whose match can't be had any more.
// What came too late to end them because of the match ends them now.
func (b *Book) Resume(ids []string) {
	b.mu.Lock()
	over := make(map[*entry]Status)
	for _, id := range ids {
		e := b.entries[id]
		if e == nil || e.forgotten || e.status.State != Committing {
			continue
		}
		if b.stopped {
			shutdown := EndedBy(matchmakerv1.EndReason_END_REASON_SHUTDOWN, "")
			e.missed = cmp.Or(e.missed, &shutdown)
		}
		if e.missed != nil {
			over[e] = *e.missed
			continue
		}
		e.change(Status{State: Searching, At: time.Now()})
		e.expiry.Reset(time.Until(e.ticket.Created.Add(e.ticket.Expiry)))
		if e.unwatched > 0 {
			e.await(b.limits.WatcherGone)
		}
	}
	b.mu.Unlock()
	for e, status := range over {
		b.conclude(e, status)
	}
}

// Settle ends a committed ticket.
func (b *Book) Settle(id string, status Status) {
	b.mu.Lock()
	e := b.entries[id]
	if e == nil || e.status.State != Committing {
		b.mu.Unlock()
		return
	}
	b.settle(e, status)
	b.mu.Unlock()
	b.ended(e.ticket, e.status)
}

// Forget drops a queue's tickets, which another process owns now. Their
// watchers are told.
func (b *Book) Forget(queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, e := range b.entries {
		if e.ticket.Queue == queue {
			b.forget(id, e)
		}
	}
}

// ForgetTicket drops a ticket that was created here and could not be recorded.
// One that was restored meanwhile stays.
func (b *Book) ForgetTicket(t *Ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[t.ID]; e != nil && e.ticket == t {
		b.forget(t.ID, e)
	}
}

func (b *Book) forget(id string, e *entry) {
	e.forgotten = true
	e.expiry.Stop()
	e.lonely.Stop()
	if e.kept != nil {
		e.kept.Stop()
	}
	if !e.status.State.Over() {
		b.leaveSearch(e)
	}
	e.change(e.status)
	delete(b.entries, id)
}

// Stop ends every search with the reason shutdown, without waiting for that to
// be recorded, refuses new ones and stops all timers.
func (b *Book) Stop() {
	b.mu.Lock()
	b.stopped = true
	var won []*entry
	for _, e := range b.entries {
		if b.finish(e) {
			won = append(won, e)
		} else if e.kept != nil {
			e.kept.Stop()
			e.lonely.Stop()
		}
	}
	b.mu.Unlock()
	status := EndedBy(matchmakerv1.EndReason_END_REASON_SHUTDOWN, "")
	status.At = time.Now()
	for _, e := range won {
		b.record(e.ticket, status)
		b.Settle(e.ticket.ID, status)
	}
}

// Wait returns when no ending is on its way to being recorded.
func (b *Book) Wait() { b.recording.Wait() }

// Look returns how a ticket stands, and a channel that is closed at its next
// change. known is false for a ticket that is not in the book.
func (b *Book) Look(id string) (status Status, changed <-chan struct{}, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	if e == nil {
		return Status{}, nil, false
	}
	return e.status, e.changed, true
}
