package ticket

import (
	"errors"
	"sync"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Errors of a store.
var (
	ErrUnknown  = errors.New("no such ticket")
	ErrFull     = errors.New("too many players are searching; try again in a moment")
	ErrStopping = errors.New("the matchmaker is not running")
)

// Limits bounds the life of tickets. All fields must be positive.
type Limits struct {
	Expiry      time.Duration // of a search
	Unwatched   time.Duration // from creation to the first watcher
	WatcherGone time.Duration // from the last watcher's end to the next one
	Kept        time.Duration // how long an ended ticket can still be asked for
	Tickets     int           // ended ones included
}

// Memory holds tickets in this process. It decides alone how a ticket ends:
// whoever finishes it first wins.
type Memory struct {
	limits Limits
	ended  func(*Ticket, Status)

	mu        sync.Mutex
	stopped   bool
	entries   map[string]*entry
	players   map[string]*entry // the searching ticket of each player
	searching map[Key]int
}

type entry struct {
	ticket   *Ticket
	status   Status
	done     chan struct{} // closed when status left Searching
	watchers int
	expiry   *time.Timer
	lonely   *time.Timer // runs while nobody watches
	kept     *time.Timer
}

// NewMemory makes an empty store. ended is called once for each ticket, after
// it has ended, without any lock held.
func NewMemory(limits Limits, ended func(*Ticket, Status)) *Memory {
	return &Memory{
		limits:    limits,
		ended:     ended,
		entries:   make(map[string]*entry),
		players:   make(map[string]*entry),
		searching: make(map[Key]int),
	}
}

// Create adds a searching ticket. An earlier search of the same player ends as
// replaced.
func (m *Memory) Create(t *Ticket) error {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return ErrStopping
	}
	if len(m.entries) >= m.limits.Tickets {
		m.mu.Unlock()
		return ErrFull
	}
	old := m.players[t.Player]
	if old != nil {
		m.finish(old, EndedBy(matchmakerv1.EndReason_END_REASON_REPLACED, ""))
	}
	e := &entry{ticket: t, done: make(chan struct{})}
	e.expiry = m.endAfter(m.limits.Expiry, e, matchmakerv1.EndReason_END_REASON_EXPIRED)
	e.lonely = m.endAfter(m.limits.Unwatched, e, matchmakerv1.EndReason_END_REASON_ABANDONED)
	m.entries[t.ID] = e
	m.players[t.Player] = e
	m.searching[t.Key]++
	m.mu.Unlock()
	if old != nil {
		m.ended(old.ticket, old.status)
	}
	return nil
}

func (m *Memory) endAfter(d time.Duration, e *entry, reason matchmakerv1.EndReason) *time.Timer {
	return time.AfterFunc(d, func() {
		m.mu.Lock()
		watched := reason == matchmakerv1.EndReason_END_REASON_ABANDONED && e.watchers > 0
		won := !watched && m.finish(e, EndedBy(reason, ""))
		m.mu.Unlock()
		if won {
			m.ended(e.ticket, e.status)
		}
	})
}

// finish ends a searching ticket; it needs the lock. The caller calls ended
// after it has unlocked.
func (m *Memory) finish(e *entry, status Status) bool {
	if e.status.State != Searching {
		return false
	}
	status.At = time.Now()
	e.status = status
	e.expiry.Stop()
	e.lonely.Stop()
	close(e.done)
	if m.players[e.ticket.Player] == e {
		delete(m.players, e.ticket.Player)
	}
	if m.searching[e.ticket.Key]--; m.searching[e.ticket.Key] == 0 {
		delete(m.searching, e.ticket.Key)
	}
	if m.stopped {
		return true
	}
	e.kept = time.AfterFunc(m.limits.Kept, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.entries, e.ticket.ID)
	})
	return true
}

// Finish ends the ticket if it is still searching. It returns how the ticket
// ended and whether that was this call's doing.
func (m *Memory) Finish(id string, status Status) (Status, bool) {
	m.mu.Lock()
	e := m.entries[id]
	if e == nil {
		m.mu.Unlock()
		return Status{}, false
	}
	won := m.finish(e, status)
	final := e.status
	m.mu.Unlock()
	if won {
		m.ended(e.ticket, final)
	}
	return final, won
}

// IsSearching reports whether the ticket has not ended.
func (m *Memory) IsSearching(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[id]
	return e != nil && e.status.State == Searching
}

// Searching counts the searches of a queue.
func (m *Memory) Searching(k Key) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.searching[k]
}

// Watch is one watcher of a ticket; while there is one, the ticket is not
// abandoned.
type Watch struct {
	store *Memory
	entry *entry
	once  sync.Once
}

// Watch starts watching; the caller closes the watch.
func (m *Memory) Watch(id string) (*Watch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[id]
	if e == nil {
		return nil, ErrUnknown
	}
	e.watchers++
	e.lonely.Stop()
	return &Watch{store: m, entry: e}, nil
}

// Ticket is what is watched.
func (w *Watch) Ticket() *Ticket { return w.entry.ticket }

// Done is closed when the search has ended.
func (w *Watch) Done() <-chan struct{} { return w.entry.done }

// Status is the ticket's present status.
func (w *Watch) Status() Status {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.entry.status
}

// Close stops watching.
func (w *Watch) Close() {
	w.once.Do(func() {
		m := w.store
		m.mu.Lock()
		defer m.mu.Unlock()
		e := w.entry
		e.watchers--
		if e.watchers == 0 && e.status.State == Searching {
			e.lonely.Reset(m.limits.WatcherGone)
		}
	})
}

// Stop ends every search with the reason shutdown, refuses new ones and stops
// all timers.
func (m *Memory) Stop() {
	m.mu.Lock()
	m.stopped = true
	var ended []*entry
	for _, e := range m.entries {
		if m.finish(e, EndedBy(matchmakerv1.EndReason_END_REASON_SHUTDOWN, "")) {
			ended = append(ended, e)
		} else if e.kept != nil {
			e.kept.Stop()
		}
	}
	m.mu.Unlock()
	for _, e := range ended {
		m.ended(e.ticket, e.status)
	}
}
