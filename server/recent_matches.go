package server

import (
	"slices"
	"sync"
	"time"

	"tactus/server/internal/match"
)

const (
	// recentKept is how long a match that ended is listed in Register. It is longer
	// than matchmakers wait for a match to be listed before they take it for lost.
	recentKept = time.Minute
	// maxRecent bounds the list.
	maxRecent = 1024
)

// recentMatches holds the matches that ended recently. Of those that ended by
// themselves matchmakers hear again: with a broken stream, they would take them for lost.
// Those that failed are known to players that come back. It is safe for concurrent use.
type recentMatches struct {
	mu      sync.Mutex
	entries []recentMatch // oldest first
}

type recentMatch struct {
	status *match.Status
	failed bool // its rules panicked or hung: it is lost
	at     time.Time
}

// add adds a match that ended, unless the server ended it: such a match is lost.
func (o *recentMatches) add(st *match.Status, reason string) {
	if reason == match.EndShutdown {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pruneLocked()
	if len(o.entries) == maxRecent {
		o.entries = o.entries[1:]
	}
	o.entries = append(o.entries, recentMatch{st, reason == match.EndError, time.Now()})
}

// failed reports whether a match has ended because its rules failed.
func (o *recentMatches) failed(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.entries, func(m recentMatch) bool { return m.failed && m.status.ID == id })
}

// list returns those that ended by themselves, the oldest first.
func (o *recentMatches) list() []*match.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pruneLocked()
	list := make([]*match.Status, 0, len(o.entries))
	for _, m := range o.entries {
		if !m.failed {
			list = append(list, m.status)
		}
	}
	return list
}

func (o *recentMatches) pruneLocked() {
	for len(o.entries) > 0 && time.Since(o.entries[0].at) > recentKept {
		o.entries = o.entries[1:]
	}
}
