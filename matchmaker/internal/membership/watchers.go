package membership

import (
	"context"
	"errors"
	"strings"
	"time"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/background"
)

const (
	// leaveTimeout bounds one attempt to take out a member, leavePause is between
	// two: the store may have no leader for longer than that.
	leaveTimeout = 5 * time.Second
	leavePause   = time.Second
)

// Processes knows the processes that watchers belong to.
type Processes interface {
	// Self is the id of this replica and of this run of it.
	Self() (id, run string)
	// Dead reports whether a run of a replica has ended.
	Dead(id, run string) bool
}

// WatchersConfig configures [Watchers]. All fields are needed.
type WatchersConfig struct {
	Processes Processes
	// Patience is how long a member without a watcher stays.
	Patience time.Duration
	// Leave takes the member with this handle out, if the watcher is still the
	// newest one of that handle.
	Leave func(ctx context.Context, handle, watcher string) error
	// Background runs what waits for members, until Stopping is closed.
	Background *background.Group
	Stopping   <-chan struct{}
}

// Watchers lets members leave after their newest watcher has gone, in records of any
// kind. It is safe for concurrent use.
type Watchers struct {
	cfg   WatchersConfig
	polls *polls
}

// NewWatchers makes the watchers of this process.
func NewWatchers(cfg WatchersConfig) *Watchers {
	return &Watchers{cfg: cfg, polls: newPolls()}
}

// Stopping is closed when the process stops.
func (w *Watchers) Stopping() <-chan struct{} { return w.cfg.Stopping }

// NewMember returns a member. This process waits for its first watcher.
func (w *Watchers) NewMember(player, name string) Member {
	return NewMember(player, name, w.process())
}

// NewWatcher draws the name of a watcher of this process.
func (w *Watchers) NewWatcher() string { return NewSecret() + w.process() }

// process ends the names of this process's watchers, so that the other replicas
// know when it is gone.
func (w *Watchers) process() string {
	id, run := w.cfg.Processes.Self()
	return "@" + id + "/" + run
}

// Orphaned reports whether a watcher's process is gone.
func (w *Watchers) Orphaned(watcher string) bool {
	_, process, ok := strings.Cut(watcher, "@")
	at := strings.LastIndexByte(process, '/')
	return ok && at >= 0 && w.cfg.Processes.Dead(process[:at], process[at+1:])
}

// Polled notes a poll of a member, given its newest watcher. It returns the
// name of a new watcher, which the caller records; it leaves some time after the
// last poll. It returns nothing while the newest watcher is this poller.
func (w *Watchers) Polled(handle, newest string) (fresh string) {
	watcher := w.polls.renew(handle, newest, w.process())
	if watcher != "" {
		w.leaveAfterPolls(handle, watcher)
	}
	return watcher
}

// leaveAfterPolls takes the member out when the polls have stopped.
func (w *Watchers) leaveAfterPolls(handle, watcher string) {
	w.cfg.Background.Go(func() {
		for left := w.cfg.Patience; left > 0; left = w.polls.remaining(handle, watcher, w.cfg.Patience) {
			if !w.sleep(left) {
				return
			}
		}
		w.leave(handle, watcher)
	})
}

// Left is called when a watcher has gone. The member leaves unless there is a newer
// watcher in time.
func (w *Watchers) Left(handle, watcher string) {
	w.cfg.Background.Go(func() {
		if w.sleep(w.cfg.Patience) {
			w.leave(handle, watcher)
		} // else the member watches at another replica, or at the next process
	})
}

// sleep returns false when the process stops before.
func (w *Watchers) sleep(d time.Duration) bool {
	passed, stop := steady.After(d)
	defer stop()
	select {
	case <-passed:
		return true
	case <-w.cfg.Stopping:
		return false
	}
}

// leave takes the member out unless there is a newer watcher. It retries until
// that is known.
func (w *Watchers) leave(handle, watcher string) {
	for !w.TryLeave(handle, watcher) {
		select {
		case <-time.After(leavePause):
		case <-w.cfg.Stopping:
			return
		}
	}
}

// TryLeave takes the member out unless there is a newer watcher, and reports
// whether that is done.
func (w *Watchers) TryLeave(handle, watcher string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := w.cfg.Leave(ctx, handle, watcher)
	return err == nil || errors.Is(err, ErrUnknown)
}
