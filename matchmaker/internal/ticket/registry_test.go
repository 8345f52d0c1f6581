package ticket

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var limits = Limits{Unwatched: 10 * time.Second, WatcherGone: 5 * time.Second, Kept: 30 * time.Second, Tickets: 3}

const expiry = 60 * time.Second

type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) ended(t *Ticket, s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(t.ID, " ", s.Reason))
}

func (l *log) undelivered(list []Assignment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range list {
		l.lines = append(l.lines, "undelivered "+a.Reservation)
	}
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

// each runs a test with its own registry, in fake time.
func each(t *testing.T, f func(t *testing.T, r *Registry, l *log)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var l log
		r := NewRegistry(limits, func(*Ticket, Status) Recording { return nil }, l.ended, l.undelivered)
		f(t, r, &l)
		r.Stop()
	})
}

// newTicket is a party's when there are several players; a player's secret is
// the player's name.
func newTicket(id string, players ...string) *Ticket {
	t := &Ticket{ID: "t.cQ." + id, Queue: "q", Created: time.Now(), Expiry: expiry}
	for _, p := range players {
		t.Members = append(t.Members, Member{Secret: p, Player: p})
	}
	return t
}

func create(t *testing.T, r *Registry, id string, players ...string) *Ticket {
	t.Helper()
	made := newTicket(id, players...)
	if _, err := r.Create(made); err != nil {
		t.Fatal(err)
	}
	return made
}

func watch(t *testing.T, r *Registry, handle string) *Watch {
	t.Helper()
	w, err := r.Watch(handle)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// over waits for the ticket's end.
func (w *Watch) over() Status {
	for {
		s, changed, moved := w.Status()
		if s.State.Over() || moved {
			return s
		}
		<-changed
	}
}

func TestRegistry_abandonsUnwatchedTickets(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		create(t, r, "1", "ann")
		testtime.Sleep(limits.Unwatched - 1)
		l.expect(t)
		testtime.Sleep(1)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestRegistry_abandonsTicketsWhoseWatcherIsGone(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		handle := create(t, r, "1", "ann").Handle(0)
		first, second := watch(t, r, handle), watch(t, r, handle)
		testtime.Sleep(20 * time.Second)
		first.Close()
		first.Close() // twice is once
		testtime.Sleep(20 * time.Second)
		second.Close()
		testtime.Sleep(limits.WatcherGone - 1)
		back := watch(t, r, handle) // just in time
		testtime.Sleep(10 * time.Second)
		l.expect(t)
		back.Close()
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

// TestRegistry_returnsUndeliveredAssignments: its seat need not be held as long
// as that of a player who is on the way.
func TestRegistry_returnsUndeliveredAssignments(t *testing.T) {
	assign := func(r *Registry, made *Ticket) {
		var seats []Assignment
		for _, m := range made.Members {
			seats = append(seats, Assignment{Match: "m1", Server: "s1", Reservation: "r-" + m.Player})
		}
		r.Commit([]string{made.ID}, true)
		r.EndCommitted(made.ID, AssignedTo(seats))
	}
	const ended = "t.cQ.1 END_REASON_MATCHED"
	each(t, func(t *testing.T, r *Registry, l *log) {
		assign(r, create(t, r, "1", "ann"))
		testtime.Sleep(limits.Unwatched - 1)
		l.expect(t, ended)
		testtime.Sleep(1)
		l.expect(t, ended, "undelivered r-ann")
		testtime.Sleep(limits.Kept)
		l.expect(t, ended, "undelivered r-ann")
	})
	// Its watcher has gone at the moment of the assignment.
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		w, err := r.Watch(made.Handle(0))
		if err != nil {
			t.Fatal(err)
		}
		assign(r, made)
		w.Close()
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, ended, "undelivered r-ann")
	})
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann", "bob", "cleo")
		ann, bob := watch(t, r, made.Handle(0)), watch(t, r, made.Handle(1))
		bob.Close()
		assign(r, made)
		ann.over()
		ann.Close()
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, ended, "undelivered r-bob")
		watch(t, r, made.Handle(2)).over() // just in time
		testtime.Sleep(limits.Unwatched)
		l.expect(t, ended, "undelivered r-bob")
	})
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := newTicket("1", "ann")
		r.Restore(made, AssignedTo([]Assignment{{Match: "m1", Server: "s1", Reservation: "r-ann"}}))
		testtime.Sleep(limits.Unwatched)
		l.expect(t)
	})
}

func TestRegistry_partyNeedsAllItsWatchers(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		party := create(t, r, "1", "ann", "bob")
		ann := watch(t, r, party.Handle(0))
		defer ann.Close()
		testtime.Sleep(limits.Unwatched - 1)
		bob := watch(t, r, party.Handle(1))
		testtime.Sleep(20 * time.Second)
		l.expect(t)
		bob.Close()
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

// A member who polls is a watcher for a moment, again and again. That keeps
// nobody waiting for another who is gone.
func TestRegistry_pollsCountAsWatchers(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		party := create(t, r, "1", "ann", "bob")
		poll := func(members ...int) {
			for _, member := range members {
				watch(t, r, party.Handle(member)).Close()
			}
			testtime.Sleep(2 * time.Second)
		}
		for range 20 {
			poll(0, 1)
		}
		l.expect(t)
		poll(0)
		l.expect(t)
		poll(0)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestRegistry_oneWatcherIsEnoughForBackEnds(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		party := newTicket("1", "ann", "bob")
		party.OneWatcher = true
		if _, err := r.Create(party); err != nil {
			t.Fatal(err)
		}
		w := watch(t, r, party.Handle(1))
		testtime.Sleep(20 * time.Second)
		l.expect(t)
		w.Close()
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestRegistry_expiresSearches(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		w := watch(t, r, create(t, r, "1", "ann").Handle(0))
		defer w.Close()
		s := w.over()
		if waited := time.Since(w.Ticket().Created); waited != expiry {
			t.Errorf("expired after %s", waited)
		}
		if s.State != Ended || s.Message == "" {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t.cQ.1 END_REASON_EXPIRED")
	})
}

func TestRegistry_firstEndWins(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		var winners atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if i%2 == 0 {
					if r.Commit([]string{made.ID}, true)[0] {
						r.EndCommitted(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
						winners.Add(1)
					}
					return
				}
				r.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
			})
		}
		wg.Wait()
		now, _, _ := r.Status(made.ID)
		if len(l.lines) != 1 || (now.State == Assigned) != (winners.Load() == 1) {
			t.Errorf("matches that won: %d, status %+v, ended %q", winners.Load(), now, l.lines)
		}
	})
}

func TestRegistry_committedTicketsEndByTheirMatchOnly(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		w := watch(t, r, made.Handle(0))
		defer w.Close()
		r.Commit([]string{made.ID}, true)
		testtime.Sleep(expiry) // even its time can be over
		r.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		if s, _, _ := r.Status(made.ID); s.State != Committing {
			t.Errorf("cancelled: %+v", s)
		}
		l.expect(t)
		r.EndCommitted(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		if s := w.over(); s.Assignments[0].Match != "m1" {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t.cQ.1 END_REASON_MATCHED")
	})
}

func TestRegistry_statusReportsTheEndOfACommittedTicket(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		r.Commit([]string{made.ID}, true)
		_, changed, _ := r.Status(made.ID)
		select {
		case <-changed:
			t.Error("changed before the end")
		default:
		}
		r.EndCommitted(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		<-changed
		if s, _, known := r.Status(made.ID); !known || s.State != Assigned {
			t.Errorf("status %+v, known %v", s, known)
		}
		l.expect(t, "t.cQ.1 END_REASON_MATCHED")
	})
}

// recording is one that the test decides.
type recording struct {
	done chan struct{}
	err  error
}

func (r *recording) Done() <-chan struct{} { return r.done }
func (r *recording) Err() error            { return r.err }

func TestRegistry_watchersSeeRecordedEndsOnly(t *testing.T) {
	for _, err := range []error{nil, errors.New("the queue is another's")} {
		synctest.Test(t, func(t *testing.T) {
			var l log
			rec := &recording{done: make(chan struct{}), err: err}
			r := NewRegistry(limits, func(*Ticket, Status) Recording { return rec }, l.ended, l.undelivered)
			made := create(t, r, "1", "ann")
			w := watch(t, r, made.Handle(0))
			defer w.Close()
			_, changed, _ := w.Status()
			r.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
			testtime.Sleep(2 * expiry)
			select {
			case <-changed:
				t.Error("its watcher was told")
			default:
			}
			l.expect(t)
			close(rec.done)
			r.Wait()
			if err == nil {
				l.expect(t, "t.cQ.1 END_REASON_CANCELLED")
			} else {
				l.expect(t)
				r.Forget("q")
			}
			r.Stop()
		})
	}
}

func TestRegistry_commitWinsAllOrNone(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, _ *log) {
		ids := []string{create(t, r, "1", "ann").ID, create(t, r, "2", "bob").ID}
		r.Finish(ids[1], EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		if won := r.Commit(ids, true); slices.Contains(won, true) {
			t.Errorf("won %v", won)
		}
		if !r.Searching(ids[0]) {
			t.Error("the other does not search on")
		}
		if won := r.Commit(ids, false); !won[0] || won[1] {
			t.Errorf("won %v", won)
		}
		r.EndCommitted(ids[0], AssignedTo([]Assignment{{}}))
	})
}

func TestRegistry_showsAndWithdrawsProposals(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		w := watch(t, r, made.Handle(0))
		defer w.Close()
		_, changed, _ := w.Status()
		if shown := r.Propose([]string{made.ID, "gone"}, []*Proposal{{Match: "m1", Players: 2, By: []bool{false}}, {}}); !shown[0] || shown[1] {
			t.Errorf("shown %v", shown)
		}
		<-changed
		if s, _, _ := w.Status(); s.State != Proposed || s.Proposal.Match != "m1" {
			t.Errorf("status %+v", s)
		}
		if r.Searching(made.ID) {
			t.Error("a proposed ticket must not be proposed for another match")
		}
		r.Withdraw([]string{made.ID})
		if s, _, _ := w.Status(); s.State != Searching {
			t.Errorf("status %+v", s)
		}
		l.expect(t)
	})
}

func TestRegistry_keepsEndedTickets(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, _ *log) {
		made := create(t, r, "1", "ann")
		r.Commit([]string{made.ID}, true)
		r.EndCommitted(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		testtime.Sleep(limits.Kept - 1)
		w := watch(t, r, made.Handle(0))
		if w.over().Assignments[0].Match != "m1" {
			t.Error("assignment lost")
		}
		w.Close()
		testtime.Sleep(2)
		if _, err := r.Watch(made.Handle(0)); !errors.Is(err, ErrUnknown) {
			t.Errorf("error %v", err)
		}
	})
}

func TestRegistry_watchNeedsTheSecret(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, _ *log) {
		made := create(t, r, "1", "ann")
		for _, handle := range []string{made.ID, made.ID + ".bob", made.ID + ".", "", "t.cQ.2.ann", made.ID + ".ann.x"} {
			if _, err := r.Watch(handle); !errors.Is(err, ErrUnknown) {
				t.Errorf("%q: error %v", handle, err)
			}
		}
	})
}

func TestRegistry_isBounded(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, _ *log) {
		for i := range limits.Tickets {
			create(t, r, fmt.Sprint(i), fmt.Sprint("p", i))
		}
		if _, err := r.Create(newTicket("more", "p0")); !errors.Is(err, ErrFull) {
			t.Errorf("error %v", err)
		}
		if n := r.Players("q"); n != limits.Tickets {
			t.Errorf("%d players", n)
		}
	})
}

func TestRegistry_forgottenTicketsHaveNoEnd(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := create(t, r, "1", "ann")
		w := watch(t, r, made.Handle(0))
		_, changed, _ := w.Status()
		r.Forget("q")
		<-changed
		if _, _, moved := w.Status(); !moved {
			t.Error("the watcher was not told")
		}
		w.Close()
		if won := r.Commit([]string{made.ID}, false); won[0] {
			t.Error("a match won a ticket that is elsewhere")
		}
		testtime.Sleep(expiry)
		l.expect(t)
		if r.Players("q") != 0 {
			t.Error("they are still counted")
		}
	})
}

// What comes too late because of a match is remembered, in case the match comes
// to nothing.
func TestRegistry_resumedTicketsSearchOn(t *testing.T) {
	cancelled := EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, "")
	for _, tt := range []struct {
		name string
		do   func(r *Registry, id string) // while the match is being recorded
		want []string
	}{
		{"nothing", func(*Registry, string) {}, nil},
		{"cancelled", func(r *Registry, id string) {
			r.Finish(id, cancelled)
			r.Finish(id, EndedBy(matchmakerv1.EndReason_END_REASON_REPLACED, ""))
		}, []string{"t.cQ.1 END_REASON_CANCELLED"}},
		{"expired", func(*Registry, string) { testtime.Sleep(expiry) }, []string{"t.cQ.1 END_REASON_EXPIRED"}},
		{"stopped", func(r *Registry, _ string) { r.Stop() }, []string{"t.cQ.1 END_REASON_SHUTDOWN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, r *Registry, l *log) {
				made := create(t, r, "1", "ann")
				w := watch(t, r, made.Handle(0))
				defer w.Close()
				r.Propose([]string{made.ID}, []*Proposal{{Match: "m-1"}})
				r.Commit([]string{made.ID}, true)
				tt.do(r, made.ID)
				l.expect(t)
				r.Resume([]string{made.ID})
				l.expect(t, tt.want...)
				if now, _, _ := w.Status(); tt.want == nil && (now.State != Searching || now.Proposal != nil) {
					t.Errorf("status %+v", now)
				}
				if again := r.Commit([]string{made.ID}, true)[0]; again != (tt.want == nil) {
					t.Errorf("another match wins it: %v", again)
				}
			})
		})
	}
}

// Nobody watches any more by then, or the queue is another's.
func TestRegistry_resumeKeepsOtherEnds(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made, moved := create(t, r, "1", "ann"), create(t, r, "2", "bob")
		ids := []string{made.ID, moved.ID, "t.cQ.unknown"}
		watch(t, r, made.Handle(0)).Close()
		r.Commit(ids, false)
		r.ForgetTicket(moved)
		testtime.Sleep(limits.Unwatched)
		r.Resume(ids)
		l.expect(t)
		testtime.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestRegistry_restoredTicketsKeepTheirTime(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		made := newTicket("1", "ann")
		record, err := DecodeRecord((&Record{Ticket: made}).Encode())
		if err != nil {
			t.Fatal(err)
		}
		testtime.Sleep(50 * time.Second)
		r.Restore(record.Ticket, Status{})
		w := watch(t, r, made.Handle(0))
		defer w.Close()
		w.over()
		if waited := time.Since(made.Created); waited != expiry {
			t.Errorf("ended after %s", waited)
		}
		l.expect(t, "t.cQ.1 END_REASON_EXPIRED")

		ended := EndedBy(matchmakerv1.EndReason_END_REASON_DECLINED, "")
		r.Restore(newTicket("2", "bob"), ended)
		if s, _, _ := watch(t, r, "t.cQ.2.bob").Status(); s.Reason != ended.Reason {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t.cQ.1 END_REASON_EXPIRED") // its end was told before
	})
}

func TestRegistry_stopEndsEverySearch(t *testing.T) {
	each(t, func(t *testing.T, r *Registry, l *log) {
		create(t, r, "1", "ann")
		second := create(t, r, "2", "bob")
		r.Finish(second.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		r.Stop()
		l.expect(t, "t.cQ.2 END_REASON_CANCELLED", "t.cQ.1 END_REASON_SHUTDOWN")
		if _, err := r.Create(newTicket("3", "cid")); !errors.Is(err, ErrStopping) {
			t.Errorf("error %v", err)
		}
	})
}

func TestQueueOf_readsIDsAndHandles(t *testing.T) {
	id := NewID("arena/ffa")
	made := &Ticket{ID: id, Members: []Member{{Secret: NewSecret()}}}
	for _, s := range []string{id, made.Handle(0)} {
		if q, ok := QueueOf(s); !ok || q != "arena/ffa" {
			t.Errorf("%s: %q %t", s, q, ok)
		}
	}
	for _, s := range []string{"", "t", "t..x", "t.!!.x", "x.cQ.1", "t.cQ"} {
		if q, ok := QueueOf(s); ok {
			t.Errorf("%q is of queue %q", s, q)
		}
	}
}

func TestEndedBy_everyReasonHasASentence(t *testing.T) {
	for number := range matchmakerv1.EndReason_name {
		if number != 0 && EndedBy(matchmakerv1.EndReason(number), "").Message == "" {
			t.Errorf("%s has none", matchmakerv1.EndReason(number))
		}
	}
}
