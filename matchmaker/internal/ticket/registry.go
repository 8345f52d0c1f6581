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

// Errors of a [Registry].
var (
	ErrUnknown  = errors.New("no such ticket")
	ErrFull     = errors.New("too many players are searching; try again in a moment")
	ErrStopping = errors.New("the matchmaker is not running")
)

// Limits bounds the life of tickets. All fields must be positive.
type Limits struct {
	Unwatched   time.Duration // from creation to the first watcher
	WatcherGone time.Duration // from the last watcher's end to the next one
	Kept        time.Duration // how long an ended ticket can still be watched
	Tickets     int           // ended ones included.
}

// Registry holds the tickets of the queues that this process owns. It is safe for
// concurrent use. A ticket ends once: the first match, or the first other end, wins it.
type Registry struct {
	limits      Limits
	record      func(*Ticket, Status) Recording
	ended       func(*Ticket, Status)
	undelivered func([]Assignment)
	recording   sync.WaitGroup

	mu        sync.Mutex
	stopped   bool
	entries   map[string]*entry
	searching map[string]int // players, by queue
}

type entry struct {
	ticket       *Ticket
	status       Status
	changed      chan struct{} // closed and replaced at each change
	watchers     []int         // by member
	unwatched    int           // members without a watcher
	watchBy      []int64       // by member: deadline for a watcher to come or to come back; see steady
	delivered    []bool        // by member: a watcher got the assignment
	moved        bool          // another process owns the queue now
	lateEnd      *Status       // an end that came after a match had won the ticket.
	expiryTimer  *steady.Timer
	abandonTimer *steady.Timer // runs while a member is unwatched.
	removal      *time.Timer
}

// Recording is the end of a ticket on its way into the queue's journal.
type Recording interface {
	Done() <-chan struct{}
	// Err is nil if the end is recorded. With an error it never will be: another
	// process owns the queue and decides.
	Err() error
}

// NewRegistry makes an empty registry. It calls these functions without a lock:
//   - record for each end without a match. Watchers see the end when it is recorded.
//     A nil Recording means that there is nothing to wait for. Matches are recorded
//     before [Registry.EndCommitted].
//   - ended once for each ticket, after its end.
//   - undelivered with assignments of members that had no watcher for so long that
//     their tickets would have been abandoned: no player knows of these seats.
func NewRegistry(limits Limits, record func(*Ticket, Status) Recording, ended func(*Ticket, Status), undelivered func([]Assignment)) *Registry {
	return &Registry{limits: limits, record: record, ended: ended, undelivered: undelivered, entries: make(map[string]*entry), searching: make(map[string]int)}
}

// Create adds a searching ticket. fresh is false if the registry has it already.
func (r *Registry) Create(t *Ticket) (fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
		return false, ErrStopping
	case r.entries[t.ID] != nil:
		return false, nil
	case len(r.entries) >= r.limits.Tickets:
		return false, ErrFull
	}
	r.addLocked(t)
	return true, nil
}

func (r *Registry) addLocked(t *Ticket) *entry {
	places := t.Size()
	if t.OneWatcher {
		places = 1
	}
	e := &entry{
		ticket: t, changed: make(chan struct{}),
		watchers: make([]int, places), unwatched: places, watchBy: make([]int64, places), delivered: make([]bool, places),
	}
	e.expiryTimer = steady.AfterFunc(time.Until(t.Created.Add(t.Expiry)), func() { r.expire(e) })
	e.abandonTimer = steady.AfterFunc(r.limits.Unwatched, func() { r.checkAbandoned(e) })
	e.expectWatchersLocked(r.limits.Unwatched)
	r.entries[t.ID] = e
	r.searching[t.Queue] += t.Size()
	return e
}

// Restore adds a ticket that an earlier owner of its queue has recorded. For a ticket
// that has ended, ended is not called.
func (r *Registry) Restore(t *Ticket, status Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || r.entries[t.ID] != nil {
		return
	}
	e := r.addLocked(t)
	if status.State.Over() {
		r.endLocked(e, status)
		e.abandonTimer.Stop() // the earlier owner knew which watchers got it
	}
}

func (r *Registry) expire(e *entry) {
	r.mu.Lock()
	won := r.winLocked(e)
	r.mu.Unlock()
	if won {
		r.finishRecorded(e, EndedBy(matchmakerv1.EndReason_END_REASON_EXPIRED, ""))
	}
}

// checkAbandoned ends the search if a member had no watcher for too long. Otherwise it
// sets the timer for the next deadline.
func (r *Registry) checkAbandoned(e *entry) {
	r.mu.Lock()
	left, unwatched := e.untilAbandonedLocked()
	assigned := e.status.State == Assigned && !e.moved && !r.stopped
	won := unwatched && left <= 0 && !assigned && r.winLocked(e)
	if unwatched && left > 0 {
		e.abandonTimer.Reset(left)
	}
	var undelivered []Assignment
	if assigned && left <= 0 {
		undelivered = e.undeliveredLocked()
	}
	r.mu.Unlock()
	if len(undelivered) > 0 {
		r.undelivered(undelivered)
	}
	if won {
		r.finishRecorded(e, EndedBy(matchmakerv1.EndReason_END_REASON_ABANDONED, ""))
	}
}

// undeliveredLocked returns, once, the assignments that no watcher got before the
// deadline. It sets the timer for the next deadline.
func (e *entry) undeliveredLocked() (list []Assignment) {
	now := steady.Now()
	var next int64
	for at, a := range e.status.Assignments {
		place := min(at, len(e.delivered)-1) // one watcher may count for all
		switch until := e.watchBy[place]; {
		case e.delivered[place] || e.watchers[place] > 0 || a.Reservation == "":
		case until <= now:
			list = append(list, a)
		case next == 0 || until < next:
			next = until
		}
	}
	for place := range e.delivered {
		e.delivered[place] = e.delivered[place] || e.watchers[place] == 0 && e.watchBy[place] <= now
	}
	if next != 0 {
		e.abandonTimer.Reset(time.Duration(next - now))
	}
	return list
}

// expectWatchersLocked sets the deadline of each member without a watcher.
func (e *entry) expectWatchersLocked(patience time.Duration) {
	until := steady.Now() + int64(patience)
	for at, watchers := range e.watchers {
		if watchers == 0 {
			e.watchBy[at] = until
		}
	}
	e.abandonTimer.Reset(patience)
}

// untilAbandonedLocked is the time until the first deadline of a member without a
// watcher. unwatched is false if every member has one.
func (e *entry) untilAbandonedLocked() (left time.Duration, unwatched bool) {
	var first int64
	for at, watchers := range e.watchers {
		if watchers == 0 && (!unwatched || e.watchBy[at] < first) {
			first, unwatched = e.watchBy[at], true
		}
	}
	return -steady.Since(first), unwatched
}

// winLocked wins a ticket that no match has won. The caller calls finishRecorded after
// it has unlocked.
func (r *Registry) winLocked(e *entry) bool {
	if e.moved || e.status.State != Searching && e.status.State != Proposed {
		return false
	}
	e.status.State = Committing
	return true
}

// finishRecorded ends a ticket that was won, when its end is recorded.
func (r *Registry) finishRecorded(e *entry, status Status) {
	status.At = time.Now()
	recording := r.record(e.ticket, status)
	if recording == nil {
		r.EndCommitted(e.ticket.ID, status)
		return
	}
	r.recording.Go(func() {
		if <-recording.Done(); recording.Err() == nil {
			r.EndCommitted(e.ticket.ID, status)
		}
	})
}

// endLocked sets the final status of a ticket.
func (r *Registry) endLocked(e *entry, status Status) {
	if status.At.IsZero() {
		status.At = time.Now()
	}
	e.changeLocked(status)
	e.expiryTimer.Stop()
	r.leaveSearchLocked(e)
	left, unwatched := e.untilAbandonedLocked()
	if status.State == Assigned && unwatched && !r.stopped {
		e.abandonTimer.Reset(max(left, 0))
	} else {
		e.abandonTimer.Stop()
	}
	if r.stopped {
		return
	}
	e.removal = time.AfterFunc(r.limits.Kept, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.entries[e.ticket.ID] == e {
			delete(r.entries, e.ticket.ID)
		}
	})
}

func (r *Registry) leaveSearchLocked(e *entry) {
	if r.searching[e.ticket.Queue] -= e.ticket.Size(); r.searching[e.ticket.Queue] <= 0 {
		delete(r.searching, e.ticket.Queue)
	}
}

func (e *entry) changeLocked(status Status) {
	e.status = status
	close(e.changed)
	e.changed = make(chan struct{})
}

// Finish ends a ticket that no match and no other end has won. The end is recorded
// first; [Registry.Status] shows when that is done.
func (r *Registry) Finish(id string, status Status) {
	r.mu.Lock()
	e := r.entries[id]
	won := e != nil && r.winLocked(e)
	if e != nil && !won && e.status.State == Committing && e.lateEnd == nil {
		e.lateEnd = &status
	}
	r.mu.Unlock()
	if won {
		r.finishRecorded(e, status)
	}
}

// Searching reports whether the ticket searches and has no proposal.
func (r *Registry) Searching(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	return e != nil && e.status.State == Searching
}

// Players is the number of players that search in a queue.
func (r *Registry) Players(queue string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.searching[queue]
}

// Propose shows tickets a match that waits for acceptance. It returns which of them
// still search; only these show it.
func (r *Registry) Propose(ids []string, proposals []*Proposal) []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	shown := make([]bool, len(ids))
	for i, id := range ids {
		e := r.entries[id]
		if e == nil || e.status.State != Searching && e.status.State != Proposed {
			continue
		}
		shown[i] = true
		e.changeLocked(Status{State: Proposed, Proposal: proposals[i], At: time.Now()})
	}
	return shown
}

// Withdraw lets proposed tickets search on.
func (r *Registry) Withdraw(ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if e := r.entries[id]; e != nil && e.status.State == Proposed {
			e.changeLocked(Status{State: Searching, At: time.Now()})
		}
	}
}

// Commit lets a match win tickets: then only [Registry.EndCommitted] ends them. It
// returns which tickets it won. With all, it wins all or none.
func (r *Registry) Commit(ids []string, all bool) []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	won := make([]bool, len(ids))
	for i, id := range ids {
		e := r.entries[id]
		won[i] = e != nil && !e.moved && (e.status.State == Searching || e.status.State == Proposed)
	}
	if all && slices.Contains(won, false) {
		return make([]bool, len(ids))
	}
	for i, id := range ids {
		if won[i] {
			r.entries[id].status.State = Committing // watchers see no change
		}
	}
	return won
}

// Resume lets committed tickets search on, since their match is not possible any more.
// An end that came while they were committed ends them now.
func (r *Registry) Resume(ids []string) {
	r.mu.Lock()
	over := make(map[*entry]Status)
	for _, id := range ids {
		e := r.entries[id]
		if e == nil || e.moved || e.status.State != Committing {
			continue
		}
		if r.stopped {
			shutdown := EndedBy(matchmakerv1.EndReason_END_REASON_SHUTDOWN, "")
			e.lateEnd = cmp.Or(e.lateEnd, &shutdown)
		}
		if e.lateEnd != nil {
			over[e] = *e.lateEnd
			continue
		}
		e.changeLocked(Status{State: Searching, At: time.Now()})
		e.expiryTimer.Reset(time.Until(e.ticket.Created.Add(e.ticket.Expiry)))
		if e.unwatched > 0 {
			e.expectWatchersLocked(r.limits.WatcherGone)
		}
	}
	r.mu.Unlock()
	for e, status := range over {
		r.finishRecorded(e, status)
	}
}

// EndCommitted ends a committed ticket.
func (r *Registry) EndCommitted(id string, status Status) {
	r.mu.Lock()
	e := r.entries[id]
	if e == nil || e.status.State != Committing {
		r.mu.Unlock()
		return
	}
	r.endLocked(e, status)
	r.mu.Unlock()
	r.ended(e.ticket, e.status)
}

// Forget drops the tickets of a queue that another process owns now, and notifies their
// watchers.
func (r *Registry) Forget(queue string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, e := range r.entries {
		if e.ticket.Queue == queue {
			r.dropLocked(id, e)
		}
	}
}

// ForgetTicket drops a ticket that was created here and could not be recorded. A ticket
// that was restored meanwhile stays.
func (r *Registry) ForgetTicket(t *Ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[t.ID]; e != nil && e.ticket == t {
		r.dropLocked(t.ID, e)
	}
}

func (r *Registry) dropLocked(id string, e *entry) {
	e.moved = true
	e.expiryTimer.Stop()
	e.abandonTimer.Stop()
	if e.removal != nil {
		e.removal.Stop()
	}
	if !e.status.State.Over() {
		r.leaveSearchLocked(e)
	}
	e.changeLocked(e.status)
	delete(r.entries, id)
}

// Stop ends every search with the reason shutdown, without waiting for the record. It
// refuses new tickets and stops all timers.
func (r *Registry) Stop() {
	r.mu.Lock()
	r.stopped = true
	var won []*entry
	for _, e := range r.entries {
		if r.winLocked(e) {
			won = append(won, e)
		} else if e.removal != nil {
			e.removal.Stop()
			e.abandonTimer.Stop()
		}
	}
	r.mu.Unlock()
	status := EndedBy(matchmakerv1.EndReason_END_REASON_SHUTDOWN, "")
	status.At = time.Now()
	for _, e := range won {
		r.record(e.ticket, status)
		r.EndCommitted(e.ticket.ID, status)
	}
}

// Wait waits until all ends are recorded.
func (r *Registry) Wait() { r.recording.Wait() }

// Status is the present status of a ticket, and a channel that closes with its next
// change. known is false for a ticket that the registry does not have.
func (r *Registry) Status(id string) (status Status, changed <-chan struct{}, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		return Status{}, nil, false
	}
	return e.status, e.changed, true
}
