package match

import (
	"cmp"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/game"
)

// gatedClock is a clock by hand that stands still until the gate is opened.
type gatedClock struct {
	handClock
	gate chan struct{}
}

func (c *gatedClock) SleepUntil(t int64, wake <-chan struct{}) {
	<-c.gate
	c.handClock.SleepUntil(t, wake)
}

// onlyOneProcessor leaves the conductor one worker for the rest of the test.
func onlyOneProcessor(t *testing.T) {
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
}

// start runs matches on one conductor until ctx, or they themselves, end, and tells
// onTick of each of their ticks.
func start(ctx context.Context, t *testing.T, c *Conductor, n int, onTick func(match int)) (ended *sync.WaitGroup, matches []*harness) {
	t.Helper()
	ended = &sync.WaitGroup{}
	for i := range n {
		h := newHarnessOn(t, c, game.Mode{MaxPlayers: 2}, nil, prometheus.NewRegistry())
		h.log.onTick = func() { onTick(i) }
		ended.Add(1)
		h.m.Start(ctx, ended.Done)
		matches = append(matches, h)
	}
	return ended, matches
}

func TestMatchesOfOneRateHaveTheirTurnsInOneOrder(t *testing.T) {
	onlyOneProcessor(t)
	clock := &gatedClock{handClock: handClock{now: 1}, gate: make(chan struct{})}
	var order []int
	var at []int64
	ended, _ := start(t.Context(), t, NewConductor(clock), 3, func(match int) {
		order, at = append(order, match), append(at, clock.now)
	})
	close(clock.gate)
	ended.Wait()
	if len(order) < 60 {
		t.Fatalf("%d ticks of three matches until nobody came", len(order))
	}
	for i := 0; i+3 <= len(order); i += 3 {
		if !slices.Equal(order[i:i+3], []int{0, 1, 2}) || at[i] != at[i+2] || at[i]%period != 0 {
			t.Fatalf("turn %d: matches %v at %v, want all three in order at one moment", i/3, order[i:i+3], at[i:i+3])
		}
	}
}

// TestTurnsOfOthersAreNoLateness: who comes third in a round that takes three
// quarters of the period is on time, as long as the round is.
func TestTurnsOfOthersAreNoLateness(t *testing.T) {
	onlyOneProcessor(t)
	clock := &gatedClock{handClock: handClock{now: 1}, gate: make(chan struct{})}
	ended, matches := start(t.Context(), t, NewConductor(clock), 3, func(int) { clock.now += period / 4 })
	close(clock.gate)
	ended.Wait()
	for i, h := range matches {
		value, wait, told := h.m.Pressure()
		if wait > 0.01 || value < 0.2 || value > 0.26 || told < 0.2 {
			t.Errorf("match %d: pressure %v, of which wait %v, %v with a snapshot; want a quarter and no wait", i, value, wait, told)
		}
	}
}

func TestNoMatchNoGoroutine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended, _ := start(ctx, t, NewConductor(SystemClock()), 3, func(int) {})
	cancel()
	ended.Wait()
	for deadline := time.Now().Add(patience); stacksOf("(*Conductor).work") != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a worker without matches goes on")
		}
	}
}

// TestAMatchThatTakesLongHoldsNobodyUp: its rules may never return; the others go
// on, also where there is but one processor, and it goes on when its rules do.
// Once it is known for it, others do not even wait until it is noticed.
func TestAMatchThatTakesLongHoldsNobodyUp(t *testing.T) {
	onlyOneProcessor(t)
	ctx, cancel := context.WithCancel(t.Context())
	const long = 1
	hanging := make(chan struct{})
	var released atomic.Bool
	var turns, others atomic.Int64
	ended, matches := start(ctx, t, NewConductor(SystemClock()), 3, func(match int) {
		if match != long {
			others.Add(1)
			return
		}
		turns.Add(1)
		select {
		case hanging <- struct{}{}:
		case <-ctx.Done():
			return
		}
		for !released.CompareAndSwap(true, false) { // busy, as rules that loop are
		}
	})
	for round := range int64(4) {
		receive(t, "the match hangs", hanging)
		before := others.Load()
		for deadline := time.Now().Add(patience); others.Load() < before+4; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the others wait for it")
			}
		}
		if n := turns.Load(); n != round+1 {
			t.Errorf("round %d: the match that hangs had %d turns", round, n)
		}
		released.Store(true)
	}
	cancel()
	ended.Wait()
	for i, h := range matches {
		if h.m.ended != EndShutdown {
			t.Errorf("match %d ended with %q", i, h.m.ended)
		}
	}
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

func TestAMatchThatStartsIsServedWhileOthersAreWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := NewConductor(SystemClock())
	ticks := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	tell := func(match int) {
		select {
		case ticks[match] <- struct{}{}:
		default:
		}
	}
	first, _ := start(ctx, t, c, 1, func(int) { tell(0) })
	receive(t, "a tick of the first", ticks[0])
	second, _ := start(ctx, t, c, 1, func(int) { tell(1) })
	receive(t, "a tick of the second", ticks[1])
	cancel()
	first.Wait()
	second.Wait()
}

func TestAgendaHasMatchesInTheOrderTheyAreDue(t *testing.T) {
	var a agenda
	r := rand.New(rand.NewPCG(1, 2))
	type due struct{ at, number int64 }
	var want []due
	for n := range int64(5000) {
		if len(want) > 0 && r.IntN(3) == 0 {
			i := a.pop()
			if got := (due{i.due, i.spent}); got != want[0] {
				t.Fatalf("first is %v, want %v", got, want[0])
			}
			want = want[1:]
			continue
		}
		i := item{due: r.Int64N(20), spent: n}
		at, _ := slices.BinarySearchFunc(want, i.due+1, func(d due, at int64) int { return cmp.Compare(d.at, at) })
		want = slices.Insert(want, at, due{i.due, n})
		if first := a.push(i); first != (at == 0) {
			t.Fatalf("the match at place %d is the first: %v", at, first)
		}
		if a.len() != len(want) || a.next() != want[0].at {
			t.Fatalf("%d matches, the first due at %d; want %d, %d", a.len(), a.next(), len(want), want[0].at)
		}
	}
}
