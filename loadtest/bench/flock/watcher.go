//go:build linux

package flock

import (
	"sync"

	"tactus/protocol"
)

// Watcher is a [Silent] whose members keep a copy of the state and count how many
// rows of a table they are shown.
type Watcher struct {
	*Silent
	table string

	mu     sync.Mutex
	copies []*watchedCopy // by member
	shown  int64
	states int64
}

type watchedCopy struct {
	replica *protocol.Replica
	table   int
	parsed  protocol.Snapshot
}

// NewWatcher counts rows of the named table for so many members.
func NewWatcher(s *Silent, table string, members int) *Watcher {
	return &Watcher{Silent: s, table: table, copies: make([]*watchedCopy, members)}
}

// Mean is how many rows a member is shown at a time, 0 before the first state.
func (w *Watcher) Mean() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return float64(w.shown) / float64(max(w.states, 1))
}

// Message keeps the member's copy.
func (w *Watcher) Message(m *Member, text bool, b []byte) (State, []byte) {
	state, reply := w.Silent.Message(m, text, b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind, err := protocol.Type(b); err == nil && kind == protocol.TypeWelcome {
		w.copies[m.Index] = w.newCopy(b)
	}
	if c := w.copies[m.Index]; state.Is && c != nil {
		if protocol.ParseSnapshot(b, &c.parsed) == nil && c.replica.Apply(&c.parsed) == nil {
			w.shown += int64(c.replica.Len(c.table))
			w.states++
		}
	}
	return state, reply
}

// newCopy makes an empty copy by a welcome, nil when its schema has no such
// table.
func (w *Watcher) newCopy(b []byte) *watchedCopy {
	welcome, err := protocol.ParseWelcome(b)
	if err != nil {
		return nil
	}
	for i, t := range welcome.Schema.Tables {
		if t.Name == w.table {
			return &watchedCopy{replica: protocol.NewReplica(welcome.Schema), table: i}
		}
	}
	return nil
}
