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

func (l *log) unheard(list []Assignment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range list {
		l.lines = append(l.lines, "unheard "+a.Reservation)
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

// each runs a test with its own book, in fake time.
func each(t *testing.T, f func(t *testing.T, b *Book, l *log)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var l log
		b := NewBook(limits, func(*Ticket, Status) Recording { return nil }, l.ended, l.unheard)
		f(t, b, &l)
		b.Stop()
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

func create(t *testing.T, b *Book, id string, players ...string) *Ticket {
	t.Helper()
	made := newTicket(id, players...)
	if _, err := b.Create(made); err != nil {
		t.Fatal(err)
	}
	return made
}

func watch(t *testing.T, b *Book, handle string) *Watch {
	t.Helper()
	w, err := b.Watch(handle)
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

func TestUnwatchedTicketIsAbandoned(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		create(t, b, "1", "ann")
		time.Sleep(limits.Unwatched - 1)
		l.expect(t)
		time.Sleep(1)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestTicketWhoseWatcherIsGoneIsAbandoned(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		handle := create(t, b, "1", "ann").Handle(0)
		first, second := watch(t, b, handle), watch(t, b, handle)
		time.Sleep(20 * time.Second)
		first.Close()
		first.Close() // twice is once
		time.Sleep(20 * time.Second)
		second.Close()
		time.Sleep(limits.WatcherGone - 1)
		back := watch(t, b, handle) // just in time
		time.Sleep(10 * time.Second)
		l.expect(t)
		back.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

// TestAssignmentThatNobodyHeardOfIsGivenBack: its seat need not be held as long
// as that of a player who is on the way.
func TestAssignmentThatNobodyHeardOfIsGivenBack(t *testing.T) {
	assign := func(b *Book, made *Ticket) {
		var seats []Assignment
		for _, m := range made.Members {
			seats = append(seats, Assignment{Match: "m1", Server: "s1", Reservation: "r-" + m.Player})
		}
		b.Commit([]string{made.ID}, true)
		b.Settle(made.ID, AssignedTo(seats))
	}
	const ended = "t.cQ.1 END_REASON_MATCHED"
	each(t, func(t *testing.T, b *Book, l *log) {
		assign(b, create(t, b, "1", "ann"))
		time.Sleep(limits.Unwatched - 1)
		l.expect(t, ended)
		time.Sleep(1)
		l.expect(t, ended, "unheard r-ann")
		time.Sleep(limits.Kept)
		l.expect(t, ended, "unheard r-ann")
	})
	// Its watcher has gone at the moment of the assignment.
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		w, err := b.Watch(made.Handle(0))
		if err != nil {
			t.Fatal(err)
		}
		assign(b, made)
		w.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, ended, "unheard r-ann")
	})
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann", "bob", "cleo")
		ann, bob := watch(t, b, made.Handle(0)), watch(t, b, made.Handle(1))
		bob.Close()
		assign(b, made)
		ann.over()
		ann.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, ended, "unheard r-bob")
		watch(t, b, made.Handle(2)).over() // just in time
		time.Sleep(limits.Unwatched)
		l.expect(t, ended, "unheard r-bob")
	})
	each(t, func(t *testing.T, b *Book, l *log) {
		made := newTicket("1", "ann")
		b.Restore(made, AssignedTo([]Assignment{{Match: "m1", Server: "s1", Reservation: "r-ann"}}))
		time.Sleep(limits.Unwatched)
		l.expect(t)
	})
}

func TestPartyNeedsAllItsWatchers(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		party := create(t, b, "1", "ann", "bob")
		ann := watch(t, b, party.Handle(0))
		defer ann.Close()
		time.Sleep(limits.Unwatched - 1)
		bob := watch(t, b, party.Handle(1))
		time.Sleep(20 * time.Second)
		l.expect(t)
		bob.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

// A member who polls is a watcher for a moment, again and again. That keeps
// nobody waiting for another who is gone.
func TestPartyWhoseMembersPoll(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		party := create(t, b, "1", "ann", "bob")
		poll := func(members ...int) {
			for _, member := range members {
				watch(t, b, party.Handle(member)).Close()
			}
			time.Sleep(2 * time.Second)
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

func TestBackEndWatchesForAll(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		party := newTicket("1", "ann", "bob")
		party.OneWatcher = true
		if _, err := b.Create(party); err != nil {
			t.Fatal(err)
		}
		w := watch(t, b, party.Handle(1))
		time.Sleep(20 * time.Second)
		l.expect(t)
		w.Close()
		time.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestSearchExpires(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		w := watch(t, b, create(t, b, "1", "ann").Handle(0))
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

func TestFirstToFinishWins(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		var winners atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if i%2 == 0 {
					if b.Commit([]string{made.ID}, true)[0] {
						b.Settle(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
						winners.Add(1)
					}
					return
				}
				b.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
			})
		}
		wg.Wait()
		now, _, _ := b.Look(made.ID)
		if len(l.lines) != 1 || (now.State == Assigned) != (winners.Load() == 1) {
			t.Errorf("matches that won: %d, status %+v, ended %q", winners.Load(), now, l.lines)
		}
	})
}

func TestMatchThatHasWonATicketKeepsIt(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		w := watch(t, b, made.Handle(0))
		defer w.Close()
		b.Commit([]string{made.ID}, true)
		time.Sleep(expiry) // even its time can be over
		b.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		if s, _, _ := b.Look(made.ID); s.State != Committing {
			t.Errorf("cancelled: %+v", s)
		}
		l.expect(t)
		b.Settle(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		if s := w.over(); s.Assignments[0].Match != "m1" {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t.cQ.1 END_REASON_MATCHED")
	})
}

func TestBook_lookReportsTheEndOfACommittedTicket(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		b.Commit([]string{made.ID}, true)
		_, changed, _ := b.Look(made.ID)
		select {
		case <-changed:
			t.Error("changed before the end")
		default:
		}
		b.Settle(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		<-changed
		if s, _, known := b.Look(made.ID); !known || s.State != Assigned {
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

func TestNobodyHearsOfAnEndingThatIsNotRecorded(t *testing.T) {
	for _, err := range []error{nil, errors.New("the queue is another's")} {
		synctest.Test(t, func(t *testing.T) {
			var l log
			r := &recording{done: make(chan struct{}), err: err}
			b := NewBook(limits, func(*Ticket, Status) Recording { return r }, l.ended, l.unheard)
			made := create(t, b, "1", "ann")
			w := watch(t, b, made.Handle(0))
			defer w.Close()
			_, changed, _ := w.Status()
			b.Finish(made.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
			time.Sleep(2 * expiry)
			select {
			case <-changed:
				t.Error("its watcher was told")
			default:
			}
			l.expect(t)
			close(r.done)
			b.Wait()
			if err == nil {
				l.expect(t, "t.cQ.1 END_REASON_CANCELLED")
			} else {
				l.expect(t)
				b.Forget("q")
			}
			b.Stop()
		})
	}
}

func TestMatchWinsAllOrNone(t *testing.T) {
	each(t, func(t *testing.T, b *Book, _ *log) {
		ids := []string{create(t, b, "1", "ann").ID, create(t, b, "2", "bob").ID}
		b.Finish(ids[1], EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		if won := b.Commit(ids, true); slices.Contains(won, true) {
			t.Errorf("won %v", won)
		}
		if !b.Searching(ids[0]) {
			t.Error("the other does not search on")
		}
		if won := b.Commit(ids, false); !won[0] || won[1] {
			t.Errorf("won %v", won)
		}
		b.Settle(ids[0], AssignedTo([]Assignment{{}}))
	})
}

func TestProposalIsSeenAndWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		w := watch(t, b, made.Handle(0))
		defer w.Close()
		_, changed, _ := w.Status()
		if shown := b.Propose([]string{made.ID, "gone"}, []*Proposal{{Match: "m1", Players: 2, By: []bool{false}}, {}}); !shown[0] || shown[1] {
			t.Errorf("shown %v", shown)
		}
		<-changed
		if s, _, _ := w.Status(); s.State != Proposed || s.Proposal.Match != "m1" {
			t.Errorf("status %+v", s)
		}
		if b.Searching(made.ID) {
			t.Error("a proposed ticket must not be proposed for another match")
		}
		b.Withdraw([]string{made.ID})
		if s, _, _ := w.Status(); s.State != Searching {
			t.Errorf("status %+v", s)
		}
		l.expect(t)
	})
}

func TestEndedTicketIsKeptForAWhile(t *testing.T) {
	each(t, func(t *testing.T, b *Book, _ *log) {
		made := create(t, b, "1", "ann")
		b.Commit([]string{made.ID}, true)
		b.Settle(made.ID, AssignedTo([]Assignment{{Match: "m1"}}))
		time.Sleep(limits.Kept - 1)
		w := watch(t, b, made.Handle(0))
		if w.over().Assignments[0].Match != "m1" {
			t.Error("assignment lost")
		}
		w.Close()
		time.Sleep(2)
		if _, err := b.Watch(made.Handle(0)); !errors.Is(err, ErrUnknown) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOnlyTheHolderOfASecretWatches(t *testing.T) {
	each(t, func(t *testing.T, b *Book, _ *log) {
		made := create(t, b, "1", "ann")
		for _, handle := range []string{made.ID, made.ID + ".bob", made.ID + ".", "", "t.cQ.2.ann", made.ID + ".ann.x"} {
			if _, err := b.Watch(handle); !errors.Is(err, ErrUnknown) {
				t.Errorf("%q: error %v", handle, err)
			}
		}
	})
}

func TestBookIsBounded(t *testing.T) {
	each(t, func(t *testing.T, b *Book, _ *log) {
		for i := range limits.Tickets {
			create(t, b, fmt.Sprint(i), fmt.Sprint("p", i))
		}
		if _, err := b.Create(newTicket("more", "p0")); !errors.Is(err, ErrFull) {
			t.Errorf("error %v", err)
		}
		if n := b.Players("q"); n != limits.Tickets {
			t.Errorf("%d players", n)
		}
	})
}

func TestForgottenTicketsEndForNobodyHere(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := create(t, b, "1", "ann")
		w := watch(t, b, made.Handle(0))
		_, changed, _ := w.Status()
		b.Forget("q")
		<-changed
		if _, _, moved := w.Status(); !moved {
			t.Error("the watcher was not told")
		}
		w.Close()
		if won := b.Commit([]string{made.ID}, false); won[0] {
			t.Error("a match won a ticket that is elsewhere")
		}
		time.Sleep(expiry)
		l.expect(t)
		if b.Players("q") != 0 {
			t.Error("they are still counted")
		}
	})
}

// What comes too late because of a match is remembered, in case the match comes
// to nothing.
func TestTicketSearchesOnWhenItsMatchIsGivenUp(t *testing.T) {
	cancelled := EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, "")
	for _, tt := range []struct {
		name string
		do   func(b *Book, id string) // while the match is being recorded
		want []string
	}{
		{"nothing", func(*Book, string) {}, nil},
		{"cancelled", func(b *Book, id string) {
			b.Finish(id, cancelled)
			b.Finish(id, EndedBy(matchmakerv1.EndReason_END_REASON_REPLACED, ""))
		}, []string{"t.cQ.1 END_REASON_CANCELLED"}},
		{"expired", func(*Book, string) { time.Sleep(expiry) }, []string{"t.cQ.1 END_REASON_EXPIRED"}},
		{"stopped", func(b *Book, _ string) { b.Stop() }, []string{"t.cQ.1 END_REASON_SHUTDOWN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *Book, l *log) {
				made := create(t, b, "1", "ann")
				w := watch(t, b, made.Handle(0))
				defer w.Close()
				b.Propose([]string{made.ID}, []*Proposal{{Match: "m-1"}})
				b.Commit([]string{made.ID}, true)
				tt.do(b, made.ID)
				l.expect(t)
				b.Resume([]string{made.ID})
				l.expect(t, tt.want...)
				if now, _, _ := w.Status(); tt.want == nil && (now.State != Searching || now.Proposal != nil) {
					t.Errorf("status %+v", now)
				}
				if again := b.Commit([]string{made.ID}, true)[0]; again != (tt.want == nil) {
					t.Errorf("another match wins it: %v", again)
				}
			})
		})
	}
}

// Nobody watches any more by then, or the queue is another's.
func TestGivenUpMatchLeavesTheOtherEndings(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made, moved := create(t, b, "1", "ann"), create(t, b, "2", "bob")
		ids := []string{made.ID, moved.ID, "t.cQ.unknown"}
		watch(t, b, made.Handle(0)).Close()
		b.Commit(ids, false)
		b.ForgetTicket(moved)
		time.Sleep(limits.Unwatched)
		b.Resume(ids)
		l.expect(t)
		time.Sleep(limits.WatcherGone)
		l.expect(t, "t.cQ.1 END_REASON_ABANDONED")
	})
}

func TestRestoredTicketKeepsItsTime(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		made := newTicket("1", "ann")
		record, err := DecodeRecord((&Record{Ticket: made}).Encode())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		b.Restore(record.Ticket, Status{})
		w := watch(t, b, made.Handle(0))
		defer w.Close()
		w.over()
		if waited := time.Since(made.Created); waited != expiry {
			t.Errorf("ended after %s", waited)
		}
		l.expect(t, "t.cQ.1 END_REASON_EXPIRED")

		ended := EndedBy(matchmakerv1.EndReason_END_REASON_DECLINED, "")
		b.Restore(newTicket("2", "bob"), ended)
		if s, _, _ := watch(t, b, "t.cQ.2.bob").Status(); s.Reason != ended.Reason {
			t.Errorf("status %+v", s)
		}
		l.expect(t, "t.cQ.1 END_REASON_EXPIRED") // its end was told before
	})
}

func TestStopEndsEverySearch(t *testing.T) {
	each(t, func(t *testing.T, b *Book, l *log) {
		create(t, b, "1", "ann")
		second := create(t, b, "2", "bob")
		b.Finish(second.ID, EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
		b.Stop()
		l.expect(t, "t.cQ.2 END_REASON_CANCELLED", "t.cQ.1 END_REASON_SHUTDOWN")
		if _, err := b.Create(newTicket("3", "cid")); !errors.Is(err, ErrStopping) {
			t.Errorf("error %v", err)
		}
	})
}

func TestQueueOfAHandle(t *testing.T) {
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

func TestEveryReasonHasASentence(t *testing.T) {
	for number := range matchmakerv1.EndReason_name {
		if number != 0 && EndedBy(matchmakerv1.EndReason(number), "").Message == "" {
			t.Errorf("%s has none", matchmakerv1.EndReason(number))
		}
	}
}
