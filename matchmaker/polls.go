package matchmaker

import (
	"strings"
	"sync"
	"time"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/membership"
)

// pollPrefix is of the names of watchers who poll.
const pollPrefix = "poll."

// polls are the members of parties and rooms who poll instead of watching, by their
// handles. Each is a watcher from the first poll until none has come for a
// while.
type polls struct {
	mu       sync.Mutex
	byHandle map[string]poll
}

type poll struct {
	watcher string
	last    int64 // see steady
}

func newPolls() *polls { return &polls{byHandle: make(map[string]poll)} }

// note takes in a poll of a member whose newest watcher is named. fresh is the
// name of a new watcher, which ends with this process's, empty while that is the
// one who polls.
func (ps *polls) note(handle, newest, process string) (fresh string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byHandle[handle]
	if p.watcher == "" || p.watcher != newest {
		fresh = pollPrefix + membership.NewSecret() + process
		p.watcher = fresh
	}
	p.last = steady.Now()
	ps.byHandle[handle] = p
	return fresh
}

// left is what a watcher has left of its patience since the last poll. One that
// has none is forgotten, or is not the newest.
func (ps *polls) left(handle, watcher string, patience time.Duration) time.Duration {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byHandle[handle]
	if p.watcher != watcher {
		return 0
	}
	left := patience - steady.Since(p.last)
	if left <= 0 {
		delete(ps.byHandle, handle)
	}
	return left
}

// isPoll reports whether a watcher polls.
func isPoll(watcher string) bool { return strings.HasPrefix(watcher, pollPrefix) }
