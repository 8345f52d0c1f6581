package ticket

import (
	"sync"

	"tactus/internal/steady"
)

// Watch is one watcher of a member of a ticket. It is safe for concurrent use. A ticket
// with a watcher for every member is not abandoned.
type Watch struct {
	registry *Registry
	entry    *entry
	member   int
	once     sync.Once
}

// Watch begins to watch for the member with the handle. The caller closes the watch.
func (r *Registry) Watch(handle string) (*Watch, error) {
	id, secret, ok := SplitHandle(handle)
	if !ok {
		return nil, ErrUnknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		return nil, ErrUnknown
	}
	member, ok := e.ticket.Member(secret)
	if !ok {
		return nil, ErrUnknown
	}
	w := &Watch{registry: r, entry: e, member: member}
	if at := w.place(); e.watchers[at] == 0 {
		e.unwatched--
		e.watchers[at] = 1
	} else {
		e.watchers[at]++
	}
	if e.unwatched == 0 {
		e.abandonTimer.Stop()
	}
	return w, nil
}

// place is the index of watchers at which the watch counts.
func (w *Watch) place() int {
	if w.entry.ticket.OneWatcher {
		return 0
	}
	return w.member
}

// Ticket is the ticket that is watched.
func (w *Watch) Ticket() *Ticket { return w.entry.ticket }

// Member is the index of the member that watches.
func (w *Watch) Member() int { return w.member }

// Status is the present status of the ticket, and a channel that closes with its next
// change. moved reports whether another process owns the ticket now.
func (w *Watch) Status() (status Status, changed <-chan struct{}, moved bool) {
	w.registry.mu.Lock()
	defer w.registry.mu.Unlock()
	e := w.entry
	if e.status.State == Assigned {
		e.delivered[w.place()] = true
	}
	return e.status, e.changed, e.moved
}

// Close stops watching.
func (w *Watch) Close() {
	w.once.Do(func() {
		r, e := w.registry, w.entry
		r.mu.Lock()
		defer r.mu.Unlock()
		at := w.place()
		if e.watchers[at]--; e.watchers[at] > 0 {
			return
		}
		e.unwatched++
		e.watchBy[at] = steady.Now() + int64(r.limits.WatcherGone)
		undelivered := e.status.State == Assigned && !e.delivered[at]
		if e.moved || r.stopped || e.status.State.Over() && !undelivered {
			return
		}
		if left, _ := e.untilAbandonedLocked(); left > 0 { // else the timer is about to fire
			e.abandonTimer.Reset(left)
		}
	})
}
