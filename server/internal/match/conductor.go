package match

import (
	"runtime"
	"sync"
	"time"
)

// A Task gets turns from a Conductor. At most one goroutine runs it at a time.
type Task interface {
	// Run takes one turn. It returns when the next is due. With again false the
	// task leaves the Conductor, which does not touch it any more: by then another
	// goroutine may own it.
	Run(turn Turn) (next int64, again bool)
}

// Turn says when a turn takes place, in nanoseconds of the Conductor's clock.
type Turn struct {
	Now    int64 // it begins
	Due    int64 // it was due
	Behind int64 // spent on the tasks before it in the same round; not the task's lateness
}

// Conductor gives the matches of a process their turns. Matches of one tick rate
// are due at the same moments, and have their turns one after the other, always
// in the same order: one wake-up of the process serves them all, none waits until
// a goroutine of its own is scheduled, and as its place in the order stays, so
// does the time between its ticks.
//
// As many workers as there are processors are at it at once. A match that takes
// long holds nobody up: its worker is not counted, so that another takes its
// place.
type Conductor struct {
	clock Clock
	kick  chan struct{} // something is due before what the keeper waits for

	mu       sync.Mutex
	waiting  agenda
	workers  map[*worker]struct{} // those that count
	keeper   bool                 // one of them waits for the next moment
	watchdog *time.Timer
	watched  bool
	round    round
}

// round is the turns of matches that are due at one moment.
type round struct{ due, began int64 }

// worker is a goroutine that gives matches their turns.
type worker struct {
	began int64 // when the turn that it gives did, 0 for none
}

const (
	// longTurn is how long a turn may hold others up, in nanoseconds: a match of
	// some two hundred players takes less.
	longTurn = int64(4 * time.Millisecond)
	// sameMoment is how far apart matches of one round may be due: the periods of
	// several tick rates are no whole nanoseconds.
	sameMoment = int64(time.Millisecond)
	// watchEvery is the time between two looks at the turns under way.
	watchEvery = 2 * time.Duration(longTurn)
)

// NewConductor makes a conductor without matches. While it has none it has no
// goroutine either.
func NewConductor(clock Clock) *Conductor {
	c := &Conductor{clock: clock, kick: make(chan struct{}, 1), workers: map[*worker]struct{}{}}
	c.watchdog = time.AfterFunc(time.Hour, c.watch)
	c.watchdog.Stop()
	return c
}

// Add gives the task turns from then on. The caller does not own it any longer.
func (c *Conductor) Add(task Task, due int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enqueue(item{due: due, task: task})
	if len(c.workers) == 0 {
		c.hire()
	}
}

func (c *Conductor) enqueue(i item) {
	if first := c.waiting.push(i); first && c.keeper {
		select {
		case c.kick <- struct{}{}:
		default:
		}
	}
}

func (c *Conductor) hire() {
	w := &worker{}
	c.workers[w] = struct{}{}
	go func() {
		deepen()
		c.work(w)
	}()
}

func (c *Conductor) work(w *worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for now, due := c.await(w, c.clock.Now()); due; now, due = c.await(w, now) {
		i := c.waiting.pop()
		turn := c.begin(w, &i, now)
		c.mu.Unlock()
		next, again := i.task.Run(turn)
		now = c.clock.Now()
		c.mu.Lock()
		w.began = 0
		if again {
			c.enqueue(item{due: next, task: i.task, spent: now - turn.Now})
		}
		if _, counts := c.workers[w]; !counts {
			if len(c.workers) > 0 {
				return
			}
			c.workers[w] = struct{}{}
		}
	}
}

// await waits until a task is due and returns the time. It reports false when
// the worker is not needed any more, and takes it off the books.
func (c *Conductor) await(w *worker, now int64) (_ int64, due bool) {
	for c.waiting.len() > 0 {
		next := c.waiting.next()
		if next <= now {
			return now, true
		}
		if c.keeper {
			break
		}
		if c.watched && !c.busy() {
			c.watchdog.Stop()
			c.watched = false
		}
		c.keeper = true
		c.mu.Unlock()
		c.clock.SleepUntil(next, c.kick)
		now = c.clock.Now()
		c.mu.Lock()
		c.keeper = false
	}
	delete(c.workers, w)
	return 0, false
}

// begin notes that a worker begins a turn, and finds another for what waits
// besides.
func (c *Conductor) begin(w *worker, i *item, now int64) Turn {
	w.began = now
	if i.due < c.round.due || i.due > c.round.due+sameMoment {
		c.round = round{due: i.due, began: now}
	}
	if i.spent > longTurn {
		delete(c.workers, w)
	}
	if n := len(c.workers); c.waiting.len() > 0 && (n == 0 || n < runtime.GOMAXPROCS(0) && c.waiting.next() <= now) {
		c.hire()
	}
	if !c.watched {
		c.watched = true
		c.watchdog.Reset(watchEvery)
	}
	return Turn{Now: now, Due: i.due, Behind: now - c.round.began}
}

// watch replaces workers whose matches take long for the first time: rules that
// hang, say.
func (c *Conductor) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	for w := range c.workers {
		if w.began != 0 && now-w.began > longTurn {
			delete(c.workers, w)
		}
	}
	if len(c.workers) == 0 && c.waiting.len() > 0 {
		c.hire()
	}
	if c.watched = c.busy(); c.watched {
		c.watchdog.Reset(watchEvery)
	}
}

// busy reports whether a worker that counts gives a turn.
func (c *Conductor) busy() bool {
	for w := range c.workers {
		if w.began != 0 {
			return true
		}
	}
	return false
}

// agenda is a heap of matches by when they are due, those due at the same time in
// the order in which they came back to it. It is ours because container/heap would
// fetch a match into the cache for each comparison, which in a process of
// thousands costs more than their turns.
type agenda struct {
	items []item
	last  uint64 // number of the newest
}

type item struct {
	due    int64
	number uint64
	task   Task
	spent  int64 // on its last turn
}

func (i *item) before(j *item) bool {
	return i.due < j.due || i.due == j.due && i.number < j.number
}

func (a *agenda) len() int { return len(a.items) }

// next is when the first match is due; there has to be one.
func (a *agenda) next() int64 { return a.items[0].due }

// push adds an item and reports whether it is the first.
func (a *agenda) push(i item) (first bool) {
	a.last++
	i.number = a.last
	a.items = append(a.items, i)
	at := len(a.items) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !a.items[at].before(&a.items[parent]) {
			break
		}
		a.items[at], a.items[parent] = a.items[parent], a.items[at]
		at = parent
	}
	return at == 0
}

// pop removes the first item.
func (a *agenda) pop() item {
	first, end := a.items[0], len(a.items)-1
	moved := a.items[end]
	a.items[end] = item{}
	a.items = a.items[:end]
	at := 0
	for child := 1; child < end; child = 2*at + 1 {
		if child+1 < end && a.items[child+1].before(&a.items[child]) {
			child++
		}
		if moved.before(&a.items[child]) {
			break
		}
		a.items[at] = a.items[child]
		at = child
	}
	if end > 0 {
		a.items[at] = moved
	}
	return first
}
