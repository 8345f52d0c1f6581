package ticket

import (
	"sync"

	"tactus/internal/steady"
)

// Watch is one watcher of a ticket's member. While every member has one, the
// ticket is not abandoned.
type Watch struct {
	book   *Book
	entry  *entry
	member int
	once   sync.Once
}

// Watch starts watching for the member who holds the handle; the caller closes
// the watch.
func (b *Book) Watch(handle string) (*Watch, error) {
	id, secret, ok := SplitHandle(handle)
	if !ok {
		return nil, ErrUnknown
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	if e == nil {
		return nil, ErrUnknown
	}
	member, ok := e.ticket.Member(secret)
	if !ok {
		return nil, ErrUnknown
	}
	w := &Watch{book: b, entry: e, member: member}
	if at := w.place(); e.watchers[at] == 0 {
		e.unwatched--
		e.watchers[at] = 1
	} else {
		e.watchers[at]++
	}
	if e.unwatched == 0 {
		e.lonely.Stop()
	}
	return w, nil
}

// place is where the watcher counts.
func (w *Watch) place() int {
	if w.entry.ticket.OneWatcher {
		return 0
	}
	return w.member
}

// Ticket is what is watched.
func (w *Watch) Ticket() *Ticket { return w.entry.ticket }

// Member is the index of the member who watches.
func (w *Watch) Member() int { return w.member }

// Status is the ticket's present status, a channel that is closed at its next
// change, and whether another process owns the ticket now.
func (w *Watch) Status() (status Status, changed <-chan struct{}, moved bool) {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	e := w.entry
	if e.status.State == Assigned {
		e.heard[w.place()] = true
	}
	return e.status, e.changed, e.forgotten
}

// Close stops watching.
func (w *Watch) Close() {
	w.once.Do(func() {
		b, e := w.book, w.entry
		b.mu.Lock()
		defer b.mu.Unlock()
		at := w.place()
		if e.watchers[at]--; e.watchers[at] > 0 {
			return
		}
		e.unwatched++
		e.awaited[at] = steady.Now() + int64(b.limits.WatcherGone)
		unheard := e.status.State == Assigned && !e.heard[at]
		if e.forgotten || b.stopped || e.status.State.Over() && !unheard {
			return
		}
		if left, _ := e.patience(); left > 0 { // else the timer is about to find out
			e.lonely.Reset(left)
		}
	})
}
