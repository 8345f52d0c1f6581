package queue_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/seal"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var ffa = ticket.Key{Game: "arena", Mode: "ffa"}

// fleetScript is a server with one running match, and what it says when it is
// asked for seats in it.
type fleetScript struct {
	again func(*fleetScript) (*fleetv1.ReserveResult, error) // to the second request

	mu       sync.Mutex
	asked    []*fleetv1.Reserve
	released []string // reservations
	gone     bool     // the running match
	ending   bool     // it is
	away     bool     // the server, for what is new
}

const running = "m-running"

func yes(slots ...uint32) *fleetv1.ReserveResult {
	return &fleetv1.ReserveResult{Ok: true, Slots: slots}
}

func (f *fleetScript) View(ticket.Key) quickplay.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := quickplay.View{Seats: 4}
	if !f.away {
		v.Servers = []quickplay.Server{{ID: "s1", FreeMatches: 9, FreePlayers: 99}}
	}
	if !f.gone {
		v.Matches = []quickplay.Match{{ID: running, Server: "s1", Players: 2, Seats: 4, Open: true, EndsSoon: f.ending}}
	}
	return v
}

func (f *fleetScript) Reserve(_ string, r *fleetv1.Reserve) (fleet.Wait, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	result, err := yes(3), error(nil)
	if len(f.asked) == 2 {
		result, err = f.again(f)
	}
	return func(context.Context) (*fleetv1.ReserveResult, error) { return result, err }, nil
}

func (f *fleetScript) Release(_ string, r *fleetv1.Release) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released = append(f.released, r.GetReservations()...)
}

func (f *fleetScript) EndsSoon(match string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ending && match == running
}

func (*fleetScript) IssueTime(string) int64                     { return 1 }
func (*fleetScript) PlayURL(string) (string, bool)              { return "ws://s1.test/play", false }
func (*fleetScript) Backfills(string) []matchfunc.Backfill      { return nil }
func (*fleetScript) Capacities(ticket.Key) []matchfunc.Capacity { return nil }
func (*fleetScript) Hosts(ticket.Key) []fleet.Host              { return nil }
func (*fleetScript) Teams(ticket.Key) int                       { return 0 }
func (*fleetScript) Pick(ticket.Key, string, string, string, int) (string, bool) {
	return "", false
}

// owner is a process that can own queues.
type owner struct {
	*queue.Set
	failed chan string // causes
}

// own makes a process the owner of quick play.
func own(t *testing.T, s *store.Store, id string, f *fleetScript, prompt time.Duration) (*owner, *queue.Queue) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rules := &queue.Rules{Key: ffa}
	o := &owner{failed: make(chan string, 100)}
	o.Set = queue.NewSet(queue.Config{
		Window: time.Millisecond, Attempts: 5, KeepEnded: time.Minute, Prompt: prompt,
		Lookup: func(string) (*queue.Rules, bool) { return rules, true },
		Hooks: queue.Hooks{
			Created: func(*ticket.Ticket, *matchfunc.Group) {}, Ended: func(*ticket.Ticket, ticket.Status) {},
			Matched: func(queue.Match) {}, Cycled: func(string, int, time.Duration) {},
			Failed: func(_, cause string) { o.failed <- cause },
		},
	}, ticket.Limits{Unwatched: time.Minute, WatcherGone: time.Minute, Kept: time.Minute, Tickets: 9}, f, assign.New(assign.Config{
		Seal:    func(seal.Seat) []byte { return nil },
		Timeout: 10 * time.Second, HoldSeats: time.Minute, HoldRoom: time.Minute,
		Answered: func(string, time.Duration) {}, PublicID: func(player string) string { return player },
	}, f, jointoken.NewSigner(key)), zaptest.NewLogger(t))
	members := s.Join(t.Context(), store.Member{ID: id, Address: id})
	t.Cleanup(members.Leave)
	leases, err := s.Leases(t.Context(), members)
	if err != nil {
		t.Fatal(err)
	}
	o.Start(s, leases)
	t.Cleanup(func() { o.Stop(false) })
	q, err := o.Own(t.Context(), "arena/ffa")
	if err != nil {
		t.Fatal(err)
	}
	return o, q
}

// searches adds a ticket and returns a watch of it.
func (o *owner) searches(t *testing.T, q *queue.Queue, match string) *ticket.Watch {
	t.Helper()
	made := &ticket.Ticket{
		ID: ticket.NewID(q.Name()), Queue: q.Name(), Key: ffa, Match: match, Created: time.Now(), Expiry: time.Minute,
		Members: []ticket.Member{{Secret: "secret", Player: "ann"}},
	}
	if err := q.Add(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return o.watch(t, made.Handle(0))
}

func (o *owner) watch(t *testing.T, handle string) *ticket.Watch {
	t.Helper()
	w, err := o.Tickets().Watch(handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

const patience = 20 * time.Second

// fails waits for a match that comes to nothing.
func (o *owner) fails(t *testing.T, cause string) {
	t.Helper()
	select {
	case got := <-o.failed:
		if got != cause {
			t.Errorf("a match came to nothing because of %q, not %q", got, cause)
		}
	case <-time.After(patience):
		t.Fatal("no match came to nothing")
	}
}

// end waits for the ticket's.
func end(t *testing.T, w *ticket.Watch) ticket.Status {
	t.Helper()
	for timeout := time.After(patience); ; {
		now, changed, _ := w.Status()
		if now.State.Over() {
			return now
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the search has no end: %+v", now)
		}
	}
}

// lateAnswers are what a server may say when it is asked again.
var lateAnswers = map[string]func(*fleetScript) (*fleetv1.ReserveResult, error){
	"over": func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.gone = true
		return &fleetv1.ReserveResult{Reason: "over"}, nil
	},
	"no_match": func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.gone = true
		return &fleetv1.ReserveResult{Reason: "no_match"}, nil
	},
	"ending": func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.ending = true
		return yes(3), nil
	},
	"late": func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.gone = true
		return yes(2), nil // the seat was lost, this is another
	},
	"no_answer": func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.gone = true
		return nil, fleet.ErrTimeout
	},
}

// A match may end while it is being recorded. Then no player gets an assignment to it.
func TestQueue_rollsBackMatchesThatEndWhileRecorded(t *testing.T) {
	for cause, again := range lateAnswers {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			f := &fleetScript{again: again}
			o, q := own(t, storetest.Embedded(t), "a", f, 0)
			w := o.searches(t, q, "")
			status := end(t, w)
			if status.State != ticket.Assigned || status.Assignments[0].Match == running {
				t.Fatalf("status %+v", status)
			}
			o.fails(t, cause)
			f.mu.Lock()
			defer f.mu.Unlock()
			first, second := f.asked[0], f.asked[1]
			if first.GetMatchId() != running || second.GetMatchId() != running || second.GetCreate() || second.GetRequestId() == first.GetRequestId() {
				t.Errorf("asked %v and then %v", first, second)
			}
			reservation := first.GetSeats()[0].GetReservation()
			if second.GetSeats()[0].GetReservation() != reservation || !slices.Contains(f.released, reservation) {
				t.Errorf("seat %s, asked again for %v, released %v", reservation, second.GetSeats(), f.released)
			}
			if n := len(f.asked); n != 4 || f.asked[2].GetMatchId() != status.Assignments[0].Match {
				t.Errorf("asked %d times: %v", n, f.asked)
			}
		})
	}
}

// The next owner of the queue knows the search as going on, and nothing of the
// match that was given up.
func TestQueue_nextOwnerSearchesOnAfterRollback(t *testing.T) {
	s := storetest.Embedded(t)
	f := &fleetScript{again: func(f *fleetScript) (*fleetv1.ReserveResult, error) {
		f.gone, f.away = true, true // there is nothing else
		return &fleetv1.ReserveResult{Reason: "over"}, nil
	}}
	a, q := own(t, s, "a", f, 0)
	w := a.searches(t, q, "")
	a.fails(t, "over")
	a.Stop(true)
	b, _ := own(t, s, "b", &fleetScript{gone: true, again: func(*fleetScript) (*fleetv1.ReserveResult, error) { return yes(3), nil }}, time.Hour)
	status := end(t, b.watch(t, w.Ticket().Handle(0)))
	if status.State != ticket.Assigned || status.Assignments[0].Match == running {
		t.Errorf("status %+v", status)
	}
}

// Who wants one match has no other: the search ends, with the reason that holds.
func TestQueue_wantedMatchThatEndsWhileRecordedEndsTheSearch(t *testing.T) {
	f := &fleetScript{again: lateAnswers["over"]}
	o, q := own(t, storetest.Embedded(t), "a", f, 0)
	status := end(t, o.searches(t, q, running))
	if status.Reason != matchmakerv1.EndReason_END_REASON_UNMATCHABLE || status.Message != "This match has ended." {
		t.Errorf("status %+v", status)
	}
}

// Who wants one match gets it however soon it ends, and where the store is quick
// a server is asked once.
func TestQueue_keepsSeatsOfWantedMatchesAndPromptRecords(t *testing.T) {
	for _, tt := range []struct {
		match  string
		prompt time.Duration
		asked  int
	}{{match: running, asked: 2}, {prompt: time.Hour, asked: 1}} {
		t.Run(fmt.Sprint(tt.asked), func(t *testing.T) {
			f := &fleetScript{again: lateAnswers["ending"]}
			o, q := own(t, storetest.Embedded(t), "a", f, tt.prompt)
			status := end(t, o.searches(t, q, tt.match))
			f.mu.Lock()
			defer f.mu.Unlock()
			if status.State != ticket.Assigned || status.Assignments[0].Match != running || len(f.asked) != tt.asked || len(f.released) > 0 {
				t.Errorf("status %+v, asked %d times, released %v", status, len(f.asked), f.released)
			}
		})
	}
}
