package membership

import (
	"strings"
	"sync"
	"time"

	"tactus/internal/steady"
)

// pollPrefix begins the names of watchers that poll.
const pollPrefix = "poll."

// polls are the members that poll instead of watching a stream, by their handles.
// Each counts as a watcher from the first poll until the polls have stopped for a
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

// renew notes a poll of a member, given its newest watcher. It returns the
// name of a new watcher, or nothing while the newest one is this poller.
func (ps *polls) renew(handle, newest, process string) (fresh string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byHandle[handle]
	if p.watcher == "" || p.watcher != newest {
		fresh = pollPrefix + NewSecret() + process
		p.watcher = fresh
	}
	p.last = steady.Now()
	ps.byHandle[handle] = p
	return fresh
}

// remaining is what is left of a watcher's patience since its last poll. A watcher
// without any is forgotten, or is not the newest.
func (ps *polls) remaining(handle, watcher string, patience time.Duration) time.Duration {
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

// IsPoll reports whether a watcher polls.
func IsPoll(watcher string) bool { return strings.HasPrefix(watcher, pollPrefix) }
