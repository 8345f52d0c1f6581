// Package watchdog finds turns that do not end: rules that loop forever, or wait for
// something that never happens.
//
// A goroutine in Go can't be stopped from outside. The watchdog therefore gives a turn
// up: whoever waits for it goes on without it, and the turn has no effect when it ends
// after all.
package watchdog

import (
	"sync"
	"sync/atomic"
	"time"
)

// CheckEvery is the time between two checks of the turns that are under way.
const CheckEvery = 100 * time.Millisecond

// Config configures a Watchdog.
type Config struct {
	// Limit is how long a turn may take, in steps of CheckEvery; 0: as long as it wants.
	Limit time.Duration
	// Debugged reports whether a debugger is attached to the process: a turn at a
	// breakpoint does not hang. Nil: it never is.
	Debugged func() bool
}

// Watchdog finds turns that are under way for longer than a limit. Time counts by its
// own checks: a process that was stopped, or got no processor, made none of them, so
// that no turn is to blame. It is safe for concurrent use.
type Watchdog struct {
	limit    int // checks
	debugged func() bool
	hanging  atomic.Int64
	stacks   stacks

	mu      sync.Mutex
	watched map[*Turns]struct{}
}

// New makes a watchdog that watches nothing yet.
func New(cfg Config) *Watchdog {
	if cfg.Debugged == nil {
		cfg.Debugged = func() bool { return false }
	}
	limit := int((cfg.Limit + CheckEvery - 1) / CheckEvery)
	return &Watchdog{limit: limit, debugged: cfg.Debugged, watched: map[*Turns]struct{}{}}
}

// Run checks until ctx ends.
func (w *Watchdog) Run(done <-chan struct{}) {
	if w.limit <= 0 {
		return
	}
	ticker := time.NewTicker(CheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			w.Check()
		}
	}
}

// Watch watches turns until Forget. onHung is called once, by the goroutine that
// checks, when a turn is given up; it must not block.
func (w *Watchdog) Watch(t *Turns, onHung func()) {
	t.watchdog, t.onHung = w, onHung
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched[t] = struct{}{}
}

// Forget ends the watch.
func (w *Watchdog) Forget(t *Turns) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.watched, t)
}

// Hanging is how many turns were given up and still have not ended.
func (w *Watchdog) Hanging() int { return int(w.hanging.Load()) }

// Check looks at every turn once, and gives up those that it has seen for too long.
func (w *Watchdog) Check() {
	for _, t := range w.hung() {
		t.onHung()
	}
}

// hung gives up the turns that are over the limit and returns them.
func (w *Watchdog) hung() (hung []*Turns) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.watched {
		if !t.seen(w.limit) {
			continue
		}
		if w.debugged() {
			t.checks = 0
			continue
		}
		if t.giveUp() {
			w.hanging.Add(1)
			delete(w.watched, t)
			hung = append(hung, t)
		}
	}
	return hung
}
