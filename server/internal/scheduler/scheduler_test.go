package scheduler

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

// patience bounds waits for events; tests that pass never reach it.
const patience = 10 * time.Second

const period = int64(50 * time.Millisecond)

// fakeClock only moves when a worker sleeps or a test moves it. It stands still
// until its gate is opened.
type fakeClock struct {
	now  atomic.Int64
	gate chan struct{}
}

func newFakeClock() *fakeClock {
	c := &fakeClock{gate: make(chan struct{})}
	c.now.Store(1)
	return c
}

func (c *fakeClock) Now() int64        { return c.now.Load() }
func (c *fakeClock) StoodStill() int64 { return 0 }

func (c *fakeClock) SleepUntil(t int64, wake <-chan struct{}) {
	<-c.gate
	select {
	case <-wake:
	default:
		c.now.Store(max(c.now.Load(), t))
	}
}

// fakeTask is due every period, a number of times.
type fakeTask struct {
	turns int // until it leaves; below 0: never
	run   func(Turn)
	left  chan struct{}
	// running is 1 while a goroutine runs it.
	running atomic.Int32
	t       *testing.T
}

func newFakeTask(t *testing.T, turns int, run func(Turn)) *fakeTask {
	t.Helper()
	return &fakeTask{t: t, turns: turns, run: run, left: make(chan struct{})}
}

func (f *fakeTask) Run(turn Turn) (next int64, again bool) {
	if f.running.Add(1) != 1 {
		f.t.Error("two goroutines run a task")
	}
	f.run(turn)
	f.running.Add(-1)
	if f.turns--; f.turns == 0 {
		close(f.left) // from here on another goroutine owns it
		return 0, false
	}
	return turn.Due + period, true
}

// leave lets the task leave after the turn that calls it.
func (f *fakeTask) leave() { f.turns = 1 }

// oneProcessor leaves the scheduler one worker for the rest of the test.
func oneProcessor(t *testing.T) {
	t.Helper()
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
}

func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("not in time: " + what)
		panic("unreachable")
	}
}

// workers counts the goroutines of schedulers.
func workers() int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), "(*Scheduler).work(")
}

func noWorkers(t *testing.T) {
	t.Helper()
	if n := workers(); n != 0 {
		t.Errorf("%d workers without tasks", n)
	}
}

func TestScheduler_runsEqualTasksInOneOrder(t *testing.T) {
	oneProcessor(t)
	clock := newFakeClock()
	s := New(clock)
	var order []int
	var at []int64
	var tasks []*fakeTask
	for i := range 3 {
		f := newFakeTask(t, 20, func(turn Turn) { order, at = append(order, i), append(at, turn.Now) })
		tasks = append(tasks, f)
		s.Add(f, period)
	}
	close(clock.gate)
	for _, f := range tasks {
		receive(t, "the end of a task", f.left)
	}
	for i := 0; i+3 <= len(order); i += 3 {
		if !slices.Equal(order[i:i+3], []int{0, 1, 2}) || at[i] != at[i+2] || at[i]%period != 0 {
			t.Fatalf("turn %d: tasks %v at %v, want all three in order at one moment", i/3, order[i:i+3], at[i:i+3])
		}
	}
}

func TestScheduler_reportsHowFarBehindItsRoundATaskIs(t *testing.T) {
	oneProcessor(t)
	clock := newFakeClock()
	s := New(clock)
	var turns []Turn
	var tasks []*fakeTask
	for range 3 {
		f := newFakeTask(t, 2, func(turn Turn) {
			turns = append(turns, turn)
			clock.now.Add(period / 4)
		})
		tasks = append(tasks, f)
		s.Add(f, period)
	}
	close(clock.gate)
	for _, f := range tasks {
		receive(t, "the end of a task", f.left)
	}
	for i, turn := range turns {
		due, behind := int64(i/3+1)*period, int64(i%3)*(period/4)
		if want := (Turn{Now: due + behind, Due: due, Behind: behind}); turn != want {
			t.Errorf("turn %d is %+v, want %+v", i, turn, want)
		}
	}
}

func TestScheduler_catchesUpWithoutWaiting(t *testing.T) {
	clock := newFakeClock()
	s := New(clock)
	var late []int64
	f := newFakeTask(t, 4, func(turn Turn) { late = append(late, turn.Now-turn.Due) })
	clock.now.Store(3 * period)
	s.Add(f, period)
	close(clock.gate)
	receive(t, "the end of the task", f.left)
	if want := []int64{2 * period, period, 0, 0}; !slices.Equal(late, want) {
		t.Errorf("late by %v, want %v", late, want)
	}
}

func TestScheduler_hasNoGoroutineWithoutTasks(t *testing.T) {
	defer noWorkers(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(SystemClock())
		for range 2 {
			var tasks []*fakeTask
			for range 3 {
				f := newFakeTask(t, 5, func(Turn) {})
				tasks = append(tasks, f)
				s.Add(f, s.Clock().Now()+period)
			}
			for _, f := range tasks {
				<-f.left
			}
			synctest.Wait() // the bubble's only goroutine is left
		}
	})
}

// TestScheduler_slowTaskDoesNotBlockOthers: its turn may never end; the others go
// on, also on one processor. It goes on when its turn does end. Once the scheduler
// has measured it, others do not even wait until it is noticed.
func TestScheduler_slowTaskDoesNotBlockOthers(t *testing.T) {
	oneProcessor(t)
	s := New(SystemClock())
	hanging := make(chan struct{})
	stop := make(chan struct{})
	var released atomic.Bool
	var turns, others atomic.Int64
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	var tasks []*fakeTask
	for i := range 3 {
		f := newFakeTask(t, -1, nil)
		f.run = func(Turn) {
			if stopped() {
				f.leave()
				return
			}
			if i != 1 {
				others.Add(1)
				return
			}
			turns.Add(1)
			select {
			case hanging <- struct{}{}:
			case <-stop:
				return
			}
			for !released.CompareAndSwap(true, false) { // busy, as rules that loop are
			}
		}
		tasks = append(tasks, f)
		s.Add(f, s.Clock().Now()+period)
	}
	for round := range int64(4) {
		receive(t, "the slow task", hanging)
		before := others.Load()
		for deadline := time.Now().Add(patience); others.Load() < before+4; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatal("the others wait for it")
			}
		}
		if n := turns.Load(); n != round+1 {
			t.Errorf("round %d: the slow task had %d turns", round, n)
		}
		released.Store(true)
	}
	close(stop)
	for _, f := range tasks {
		receive(t, "the end of a task", f.left)
	}
}

// TestScheduler_replacesSlowWorkers: a task whose turn is long for the first time
// blocks the only worker until the watchdog looks.
func TestScheduler_replacesSlowWorkers(t *testing.T) {
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(SystemClock())
		release := make(chan struct{})
		slow := newFakeTask(t, 1, func(Turn) { <-release })
		var ran int64
		other := newFakeTask(t, 1, nil)
		other.run = func(turn Turn) { ran = turn.Now - turn.Due }
		s.Add(slow, period)
		s.Add(other, period)
		receive(t, "the other task", other.left)
		if ran < longTurn || ran > 2*int64(watchEvery) {
			t.Errorf("the other task waited for %v, want until the watchdog looked", time.Duration(ran))
		}
		select {
		case <-slow.left:
			t.Error("the slow task has ended")
		default:
		}
		close(release)
		<-slow.left
	})
}

// TestScheduler_doesNotWaitForATaskKnownAsSlow: the worker that runs it does not
// count from the beginning of its turn.
func TestScheduler_doesNotWaitForATaskKnownAsSlow(t *testing.T) {
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(SystemClock())
		slow := newFakeTask(t, 3, func(Turn) { testtime.Sleep(time.Duration(period) / 2) })
		var waited []int64
		other := newFakeTask(t, 3, func(turn Turn) { waited = append(waited, turn.Now-turn.Due) })
		s.Add(slow, period)
		s.Add(other, period)
		<-slow.left
		<-other.left
		if waited[0] < longTurn || waited[1] != 0 || waited[2] != 0 {
			t.Errorf("the other task waited for %v ns, want to wait in the first round only", waited)
		}
	})
}

func TestScheduler_servesANewTaskWhileItWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(SystemClock())
		far := newFakeTask(t, 1, func(Turn) {})
		s.Add(far, int64(time.Hour))
		synctest.Wait()
		near := newFakeTask(t, 1, func(turn Turn) {
			if turn.Now != turn.Due {
				t.Errorf("a new task waits for %d ns", turn.Now-turn.Due)
			}
		})
		s.Add(near, int64(time.Second))
		<-near.left
		select {
		case <-far.left:
			t.Error("the task due later came first")
		default:
		}
		<-far.left
	})
}

// handedOver is a task that another goroutine owns and writes to as soon as it has
// left. The race detector reports a scheduler that touches it.
type handedOver struct {
	turns   int
	written sync.WaitGroup
}

func (h *handedOver) Run(turn Turn) (next int64, again bool) {
	h.turns++
	h.written.Go(func() { h.turns = 0 })
	return 0, false
}

func TestScheduler_doesNotTouchATaskThatHasLeft(t *testing.T) {
	clock := newFakeClock()
	close(clock.gate)
	s := New(clock)
	for range 100 {
		h := &handedOver{}
		h.written.Add(1)
		s.Add(h, clock.Now())
		for deadline := time.Now().Add(patience); ; runtime.Gosched() {
			s.mu.Lock()
			idle := s.tasks.len() == 0 && len(s.workers) == 0
			s.mu.Unlock()
			if idle {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the task was not run")
			}
		}
		h.written.Done()
		h.written.Wait()
		if h.turns != 0 {
			t.Fatalf("the task has had %d turns since it left", h.turns)
		}
	}
}

// TestScheduler_addsATaskBackFromItsOwner: a task that has left may come back from
// the goroutine that owns it, also while its last turn is still returning.
func TestScheduler_addsATaskBackFromItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(SystemClock())
		done := make(chan struct{})
		turns := 0
		var task taskFunc
		task = func(turn Turn) (int64, bool) {
			if turns++; turns == 10 {
				close(done)
				return 0, false
			}
			go s.Add(task, turn.Due+period)
			return 0, false
		}
		s.Add(task, period)
		<-done
		if turns != 10 {
			t.Errorf("%d turns, want 10", turns)
		}
	})
}

type taskFunc func(Turn) (int64, bool)

func (f taskFunc) Run(turn Turn) (int64, bool) { return f(turn) }
