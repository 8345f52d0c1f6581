// Package scheduler gives tasks turns at the moments at which they are due.
//
// A task names the moment of its next turn when it returns from one. Workers, at most
// one for each processor, take due tasks from one queue: by the moments at which they
// are due, and for equal moments in the order in which they were queued. A single
// wake-up of the process serves all tasks of a moment.
//
// The package knows nothing about matches.
package scheduler

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// A Task gets turns from a Scheduler. At most one goroutine runs it at a time.
type Task interface {
	// Run takes one turn. It returns when the next is due. With again false the
	// task leaves the scheduler, which does not touch it any more: by then another
	// goroutine may own it.
	Run(turn Turn) (next int64, again bool)
}

// Turn says when a turn takes place, in nanoseconds of the scheduler's clock.
type Turn struct {
	Now    int64 // it begins
	Due    int64 // it was due
	Behind int64 // from the beginning of its round until now: the time that earlier tasks took
}

const (
	// longTurn is how long a turn may block others, in nanoseconds: a match of some
	// two hundred players takes less.
	longTurn = int64(4 * time.Millisecond)
	// sameMoment is how far apart the turns of a round may be due: the periods of
	// several tick rates are no whole nanoseconds.
	sameMoment = int64(time.Millisecond)
	// watchEvery is the time between two checks of the turns under way.
	watchEvery = 2 * time.Duration(longTurn)
)

// Scheduler gives tasks their turns. It is safe for concurrent use. Without tasks
// it has no goroutine.
//
// It counts at most one worker for each processor. A worker in a long turn does not
// count, so that another takes its place and no task waits for it.
type Scheduler struct {
	clock Clock
	kick  chan struct{} // a task is due before the moment that a worker waits for

	mu      sync.Mutex
	tasks   deadlineHeap
	workers map[*worker]struct{} // those that count
	// waiting means that one of these workers waits for the next moment.
	waiting  bool
	watchdog *time.Timer
	watched  bool
	round    round
}

// round is the turns that are due at one moment.
type round struct{ due, began int64 }

// worker is a goroutine that runs tasks.
type worker struct {
	began int64 // the turn that it runs, 0 for none
}

// New makes a scheduler without tasks.
func New(clock Clock) *Scheduler {
	s := &Scheduler{clock: clock, kick: make(chan struct{}, 1), workers: map[*worker]struct{}{}}
	s.watchdog = time.AfterFunc(time.Hour, s.replaceSlowWorkers)
	s.watchdog.Stop()
	return s
}

// Clock is the clock by which tasks are due.
func (s *Scheduler) Clock() Clock { return s.clock }

// Add gives the task turns, the first when it is due. The caller does not own the
// task any longer.
func (s *Scheduler) Add(task Task, due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueueLocked(item{due: due, task: task})
	if len(s.workers) == 0 {
		s.startWorkerLocked()
	}
}

func (s *Scheduler) enqueueLocked(i item) {
	if first := s.tasks.push(i); first && s.waiting {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

func (s *Scheduler) startWorkerLocked() {
	w := &worker{}
	s.workers[w] = struct{}{}
	go func() {
		GrowStack()
		s.work(w)
	}()
}

// work runs tasks until the worker is not needed any more.
func (s *Scheduler) work(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for now, due := s.nextDueLocked(w, s.clock.Now()); due; now, due = s.nextDueLocked(w, now) {
		i := s.tasks.pop()
		turn := s.beginLocked(w, &i, now)
		s.mu.Unlock()
		next, again := i.task.Run(turn)
		now = s.clock.Now()
		s.mu.Lock()
		w.began = 0
		if again {
			s.enqueueLocked(item{due: next, task: i.task, spent: now - turn.Now})
		}
		if _, counts := s.workers[w]; !counts {
			if len(s.workers) > 0 {
				return
			}
			s.workers[w] = struct{}{}
		}
	}
}

// nextDueLocked waits until a task is due and returns the time. It reports false
// when the worker is not needed any more, and does not count it from then on. It
// releases the lock while it waits.
func (s *Scheduler) nextDueLocked(w *worker, now int64) (_ int64, due bool) {
	for s.tasks.len() > 0 {
		next := s.tasks.next()
		if next <= now {
			return now, true
		}
		if s.waiting {
			break
		}
		if s.watched && !s.busyLocked() {
			s.watchdog.Stop()
			s.watched = false
		}
		s.waiting = true
		s.mu.Unlock()
		s.clock.SleepUntil(next, s.kick)
		now = s.clock.Now()
		s.mu.Lock()
		s.waiting = false
	}
	delete(s.workers, w)
	return 0, false
}

// beginLocked notes that a worker begins a turn, and starts another worker for the
// tasks that are due besides.
func (s *Scheduler) beginLocked(w *worker, i *item, now int64) Turn {
	w.began = now
	if i.due < s.round.due || i.due > s.round.due+sameMoment {
		s.round = round{due: i.due, began: now}
	}
	if i.spent > longTurn {
		delete(s.workers, w)
	}
	if n := len(s.workers); s.tasks.len() > 0 && (n == 0 || n < runtime.GOMAXPROCS(0) && s.tasks.next() <= now) {
		s.startWorkerLocked()
	}
	if !s.watched {
		s.watched = true
		s.watchdog.Reset(watchEvery)
	}
	return Turn{Now: now, Due: i.due, Behind: now - s.round.began}
}

// replaceSlowWorkers replaces workers of tasks that take long for the first time, for
// example rules that loop forever.
func (s *Scheduler) replaceSlowWorkers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	for w := range s.workers {
		if w.began != 0 && now-w.began > longTurn {
			delete(s.workers, w)
		}
	}
	if len(s.workers) == 0 && s.tasks.len() > 0 {
		s.startWorkerLocked()
	}
	if s.watched = s.busyLocked(); s.watched {
		s.watchdog.Reset(watchEvery)
	}
}

// busyLocked reports whether a worker that counts runs a task.
func (s *Scheduler) busyLocked() bool {
	for w := range s.workers {
		if w.began != 0 {
			return true
		}
	}
	return false
}

// turnStack is the stack that a turn needs. A new goroutine has less.
const turnStack = 5 << 10

// GrowStack makes the calling goroutine's stack deep enough for a turn. A new
// goroutine calls it first, while there is hardly anything on the stack to copy.
//
//go:noinline
func GrowStack() {
	var frame [turnStack]byte
	if frame[len(os.Args)%turnStack] != 0 { // the compiler must not drop the frame
		panic("memory that was not cleared")
	}
}
