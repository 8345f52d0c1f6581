package server

import (
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

// recentMatches holds the matches that ended recently by themselves. With a
// broken stream, a matchmaker would take them for lost. It is safe for concurrent
// use.
type recentMatches struct {
	mu      sync.Mutex
	entries []recentMatch // oldest first
}

type recentMatch struct {
	status *match.Status
	at     time.Time
}

// add adds a match that ended, unless its rules failed or the server ended it: such
// a match is lost.
func (o *recentMatches) add(st *match.Status, reason string) {
	if reason == match.EndError || reason == match.EndShutdown {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pruneLocked()
	if len(o.entries) == maxRecent {
		o.entries = o.entries[1:]
	}
	o.entries = append(o.entries, recentMatch{st, time.Now()})
}

// list returns them, the oldest first.
func (o *recentMatches) list() []*match.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pruneLocked()
	list := make([]*match.Status, 0, len(o.entries))
	for _, m := range o.entries {
		list = append(list, m.status)
	}
	return list
}

func (o *recentMatches) pruneLocked() {
	for len(o.entries) > 0 && time.Since(o.entries[0].at) > recentKept {
		o.entries = o.entries[1:]
	}
}
