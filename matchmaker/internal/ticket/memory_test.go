package ticket

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var limits = Limits{
	Expiry: 60 * time.Second, Unwatched: 10 * time.Second, WatcherGone: 5 * time.Second,
	Kept: 30 * time.Second, Tickets: 3,
}

type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) ended(t *Ticket, s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(t.ID, " ", s.Reason))
}

func (l *log) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if fmt.Sprint(l.lines) != fmt.Sprint(want) {
		t.Fatalf("ended: %q, want %q", l.lines, want)
	}
}

// each runs a test with its own store, in fake time.
func each(t *testing.T, f func(t *testing.T, m *Memory, l *log)) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		m := NewMemory(limits, l.ended)
		f(t, m, &l)
		m.Stop()
	})
}

func create(t *testing.T, m *Memory, id, player string) {
	t.Helper()
	if err := m.Create(&Ticket{ID: id, Player: player, Key: Key{"arena", "ffa"}, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

func TestUnwatchedTicketIsAbandoned(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		time.Sleep(limits.Unwatched - 1)
		l.expect(t)
		time.Sleep(1)
		l.expect(t, "t1 END_REASON_ABANDONED")
	})
}

func TestTicketWhoseWatcherIsGoneIsAbandoned(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		first, _ := m.Watch("t1")
		second, _ := m.Watch("t1")
		time.Sleep(20 * time.Second)
		first.Close()
		first.Close() // twice is once
		time.Sleep(20 * time.Second)
		second.Close()
		time.Sleep(limits.WatcherGone - 1)
		back, err := m.Watch("t1") // just in time
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		l.expect(t)
		back.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, "t1 END_REASON_ABANDONED")
	})
}

func TestSearchExpires(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		w, _ := m.Watch("t1")
		defer w.Close()
		<-w.Done()
		if waited := time.Since(w.Ticket().Created); waited != limits.Expiry {
			t.Errorf("expired after %s", waited)
		}
		if s := w.Status(); s.State != Ended || s.Message == "" {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t1 END_REASON_EXPIRED")
	})
}

func TestNewTicketReplacesTheOneBefore(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		create(t, m, "t2", "bob")
		create(t, m, "t3", "ann")
		l.expect(t, "t1 END_REASON_REPLACED")
		if n := m.Searching(Key{"arena", "ffa"}); n != 2 {
			t.Errorf("%d searching", n)
		}
		// An assigned ticket stays assigned.
		m.Finish("t3", AssignedTo(Assignment{Match: "m1"}))
		l.expect(t, "t1 END_REASON_REPLACED", "t3 END_REASON_MATCHED")
	})
}

func TestFirstToFinishWins(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		var winners atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				status := EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, "")
				if i%2 == 0 {
					status = AssignedTo(Assignment{Match: "m1"})
				}
				if _, won := m.Finish("t1", status); won {
					winners.Add(1)
				}
			})
		}
		wg.Wait()
		if winners.Load() != 1 || len(l.lines) != 1 {
			t.Errorf("%d winners, ended %q", winners.Load(), l.lines)
		}
	})
}

func TestEndedTicketIsKeptForAWhile(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, _ *log) {
		create(t, m, "t1", "ann")
		m.Finish("t1", AssignedTo(Assignment{Match: "m1"}))
		time.Sleep(limits.Kept - 1)
		w, err := m.Watch("t1")
		if err != nil {
			t.Fatal(err)
		}
		<-w.Done()
		if w.Status().Assignment.Match != "m1" {
			t.Error("assignment lost")
		}
		w.Close()
		time.Sleep(2)
		if _, err := m.Watch("t1"); !errors.Is(err, ErrUnknown) {
			t.Errorf("error %v", err)
		}
	})
}

func TestStoreIsBounded(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, _ *log) {
		for i := range limits.Tickets {
			create(t, m, fmt.Sprint("t", i), fmt.Sprint("p", i))
		}
		if err := m.Create(&Ticket{ID: "more", Player: "p0"}); !errors.Is(err, ErrFull) {
			t.Errorf("error %v", err)
		}
		if !m.IsSearching("t0") {
			t.Error("a refused ticket must not replace the one before")
		}
	})
}

func TestStopEndsEverySearch(t *testing.T) {
	each(t, func(t *testing.T, m *Memory, l *log) {
		create(t, m, "t1", "ann")
		create(t, m, "t2", "bob")
		m.Finish("t2", EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		m.Stop()
		l.expect(t, "t2 END_REASON_CANCELLED", "t1 END_REASON_SHUTDOWN")
		if err := m.Create(&Ticket{ID: "t3"}); !errors.Is(err, ErrStopping) {
			t.Errorf("error %v", err)
		}
	})
}

func TestEveryReasonHasASentence(t *testing.T) {
	for number := range matchmakerv1.EndReason_name {
		if number != 0 && EndedBy(matchmakerv1.EndReason(number), "").Message == "" {
			t.Errorf("%s has none", matchmakerv1.EndReason(number))
		}
	}
}
