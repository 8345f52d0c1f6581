package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/seal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// keeper notes what a registry makes of ended matches.
type keeper struct {
	mu     sync.Mutex
	ended  []string
	lost   []string
	answer func(ctx context.Context) error
}

func (k *keeper) registry() *Registry {
	cfg := newTestRegistry().cfg
	cfg.Ended = func(ctx context.Context, _ seal.Reporter, e *fleetv1.MatchEnded) error {
		k.mu.Lock()
		k.ended = append(k.ended, e.GetMatchId())
		k.mu.Unlock()
		if k.answer != nil {
			return k.answer(ctx)
		}
		return nil
	}
	cfg.Lost = func(id string) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.lost = append(k.lost, id)
	}
	return NewRegistry(cfg, func() {}, zap.NewNop())
}

func (k *keeper) seen() string {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	slices.Sort(k.ended)
	return fmt.Sprint("ended ", k.ended, " lost ", k.lost)
}

// acks returns what a server was sent since the last call.
func acks(s *server) string {
	synctest.Wait()
	var ids []string
	for len(s.out) > 0 {
		if a := (<-s.out).GetMatchEndedAck(); a != nil {
			ids = append(ids, a.GetMatchId())
		}
	}
	return fmt.Sprint(ids)
}

func running(server string, matches ...string) *fleetv1.Register {
	reg := register(server)
	for _, id := range matches {
		reg.Matches = append(reg.Matches, &fleetv1.MatchStatus{MatchId: id, Game: "arena", Mode: "ffa", People: 2, Seats: 8})
	}
	return reg
}

func endOf(id, reason string) *fleetv1.MatchEnded {
	return &fleetv1.MatchEnded{MatchId: id, Reason: reason}
}

func TestResults_acknowledgesStoredEndsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		r := k.registry()
		s := add(r, running("s1", "m1", "m2"), nil)
		k.answer = func(context.Context) error { return errors.New("the store is away") }
		r.matchEnded(s, endOf("m1", "over"))
		if got := acks(s); got != "[]" {
			t.Errorf("acknowledged %s", got)
		}
		k.answer = nil
		r.matchEnded(s, endOf("m1", "over"))
		r.matchEnded(s, endOf("m2", "game_error"))
		r.matchEnded(s, endOf("m3", "shutdown")) // of a server that was away meanwhile
		if got := acks(s); len(got) != len("[m1 m2 m3]") {
			t.Errorf("acknowledged %s", got)
		}
		if got := k.seen(); got != "ended [m1 m1 m2 m3] lost [m2 m3]" && got != "ended [m1 m1 m2 m3] lost [m3 m2]" {
			t.Error(got)
		}
		if totals := r.Totals(); totals.Matches != 0 || totals.People != 0 {
			t.Errorf("ended matches are still there: %+v", totals)
		}
		r.Stop()
	})
}

func TestResults_slowStoreDelaysNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{answer: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		r := k.registry()
		s := add(r, running("s1"), nil)
		for i := range storeAtOnce + 10 {
			id := fmt.Sprint("m", i)
			r.matchEnded(s, endOf(id, "over")) // returns at once
			r.matchEnded(s, endOf(id, "over")) // again: it is being stored
		}
		k.seen()
		if len(k.ended) != storeAtOnce {
			t.Errorf("%d at once, want %d", len(k.ended), storeAtOnce)
		}
		testtime.Sleep(storeTimeout)
		k.seen()
		k.answer = nil
		r.matchEnded(s, endOf("m0", "over"))
		if got := acks(s); got != "[m0]" {
			t.Errorf("acknowledged %s", got)
		}
		k.answer = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r.matchEnded(s, endOf("m1", "over"))
		began := time.Now()
		r.Stop()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the end waited %s", waited)
		}
		r.matchEnded(s, endOf("m2", "over")) // after the end: nothing starts
		r.disconnect(s)
	})
}

func TestResults_acknowledgesWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		s := add(r, running("s1", "m1"), nil)
		r.matchEnded(s, endOf("m1", "game_error"))
		if got := acks(s); got != "[m1]" {
			t.Errorf("acknowledged %s", got)
		}
		r.Stop()
	})
}

func TestResults_matchesOfAGoneServerAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		r := k.registry()
		r.disconnect(add(r, running("gone", "g1", "g2"), nil))
		r.disconnect(add(r, running("back", "b1", "b2", "b3"), nil))
		testtime.Sleep(lostAfter - time.Second)
		// Of its three matches one goes on, one has ended, and one is not heard of.
		back := add(r, running("back", "b1"), nil)
		r.matchEnded(back, endOf("b2", "over"))
		add(r, running("back", "b1", "b4"), nil) // a newer stream of the same
		if got := k.seen(); got != "ended [b2] lost []" {
			t.Error(got)
		}
		testtime.Sleep(time.Second)
		if got := k.seen(); got != "ended [b2] lost [g1 g2 b3]" && got != "ended [b2] lost [b3 g1 g2]" {
			t.Error(got)
		}
		testtime.Sleep(time.Hour)
		if got := k.seen(); len(got) != len("ended [b2] lost [g1 g2 b3]") {
			t.Error(got)
		}
		if len(r.results.absent) != 0 {
			t.Errorf("%d servers' matches are kept", len(r.results.absent))
		}
		r.disconnect(add(r, running("late", "l1"), nil))
		r.Stop() // the end of the matchmaker loses no match
		testtime.Sleep(time.Hour)
		if got := k.seen(); len(got) != len("ended [b2] lost [g1 g2 b3]") {
			t.Error(got)
		}
	})
}

func TestRegistry_matchWithoutSeatsIsOver(t *testing.T) {
	r := newTestRegistry()
	s := add(r, running("s1", "m1", "m2"), nil)
	other := add(r, running("s2"), nil)
	gone := &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m1"}, {MatchId: "unheard of"}}}
	r.load(other, gone) // not its match
	if totals := r.Totals(); totals.Matches != 2 {
		t.Errorf("totals %+v", totals)
	}
	r.load(s, gone)
	if totals := r.Totals(); totals.Matches != 1 || totals.People != 2 {
		t.Errorf("totals %+v", totals)
	}
}

func TestReplicas_areSentOnceToEachServer(t *testing.T) {
	r := newTestRegistry()
	sent := func(s *server) string {
		var list []string
		for len(s.out) > 0 {
			m := <-s.out
			switch {
			case m.GetRegistered() != nil:
				list = append(list, fmt.Sprint("registered ", m.GetRegistered().GetReplicas().GetAddresses()))
			case m.GetReplicas() != nil:
				list = append(list, fmt.Sprint(m.GetReplicas().GetAddresses()))
			}
		}
		return fmt.Sprint(list)
	}
	early := add(r, register("early"), nil)
	r.SetReplicas([]string{"b:1", "a:1"}, nil)
	r.SetReplicas([]string{"a:1", "b:1"}, nil)
	if got := sent(early); got != "[registered [] [a:1 b:1]]" {
		t.Errorf("sent %s", got)
	}
	if got := sent(add(r, register("late"), nil)); got != "[registered [a:1 b:1]]" {
		t.Errorf("sent %s", got)
	}
	for range outbound { // it does not read
		early.send(releaseMessage(&fleetv1.Release{}))
	}
	r.SetReplicas([]string{"a:1"}, nil)
	if got := sent(early); got != "[]" {
		t.Errorf("sent %s", got)
	}
	r.load(early, &fleetv1.Load{})
	r.load(early, &fleetv1.Load{})
	if got := sent(early); got != "[[a:1]]" {
		t.Errorf("sent %s when it reads again", got)
	}
}

// A match that ended while the stream was broken is not lost: another matchmaker has
// its end.
func TestResults_matchThatEndedMeanwhileIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		k := &keeper{}
		r := k.registry()
		r.results.log = zap.New(core)
		r.disconnect(add(r, running("s1", "m1", "m2"), nil))
		reg := register("s1")
		reg.Matches = []*fleetv1.MatchStatus{{MatchId: "m1", Game: "arena", Mode: "ffa"}} // over; not a word of m2
		add(r, reg, nil)
		testtime.Sleep(lostAfter + time.Second)
		r.Stop()
		if all := logs.All(); len(all) != 1 || all[0].ContextMap()["matches"] != int64(1) {
			t.Errorf("logs %v", all)
		}
		if got := k.seen(); !strings.Contains(got, "m2") || strings.Contains(got, "m1") {
			t.Errorf("lost: %s", got)
		}
	})
}
