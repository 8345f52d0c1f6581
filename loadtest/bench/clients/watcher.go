//go:build linux

package clients

import (
	"sync"

	"tactus/protocol"
)

// Watcher is a [Silent] dialect with clients that keep a copy of the state and count
// the rows of a table in it.
type Watcher struct {
	*Silent
	table string

	mu     sync.Mutex
	copies []*watchedCopy // by client
	shown  int64
	states int64
}

type watchedCopy struct {
	replica *protocol.Replica
	table   int
	parsed  protocol.Snapshot
}

// NewWatcher returns a dialect that counts rows of the named table for a number of
// clients.
func NewWatcher(s *Silent, table string, clients int) *Watcher {
	return &Watcher{Silent: s, table: table, copies: make([]*watchedCopy, clients)}
}

// Mean returns how many rows a client has on average, 0 before the first state.
func (w *Watcher) Mean() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return float64(w.shown) / float64(max(w.states, 1))
}

// Message updates the client's copy.
func (w *Watcher) Message(client *Client, text bool, b []byte) (State, []byte) {
	state, reply := w.Silent.Message(client, text, b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind, err := protocol.Type(b); err == nil && kind == protocol.TypeWelcome {
		w.copies[client.Index] = w.newCopy(b)
	}
	if c := w.copies[client.Index]; state.Is && c != nil {
		if protocol.ParseSnapshot(b, &c.parsed) == nil && c.replica.Apply(&c.parsed) == nil {
			w.shown += int64(c.replica.Len(c.table))
			w.states++
		}
	}
	return state, reply
}

// newCopy returns an empty copy for the schema of a welcome, nil when that has no such
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
