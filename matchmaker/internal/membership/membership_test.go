package membership

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tactus/matchmaker/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type group struct {
	Head
	Count int
}

func open(t *testing.T, empty bool) *Records[group, *group] {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := store.Open(ctx, store.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	rs, err := New[group](ctx, s, Config{Bucket: "groups", Name: "group", Prefix: "g", Life: time.Hour, Empty: empty})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// Processes that change one record at the same time lose nothing of each other's
// changes.
func TestRecords_changeUnderContention(t *testing.T) {
	rs := open(t, true)
	ctx := t.Context()
	r := &group{}
	if err := rs.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	const players, rounds = 12, 8
	var wg sync.WaitGroup
	for i := range players {
		wg.Go(func() {
			for round := range rounds {
				m := NewMember(fmt.Sprint(i), "", "@a/1")
				if _, err := rs.Change(ctx, r.Code, func(r *group) error { r.Count++; return r.Enter(players, m) }); err != nil {
					t.Error(err)
				}
				handle := rs.Handle(r.Code, m.Secret)
				if _, _, err := rs.Watched(ctx, handle, "w"); err != nil {
					t.Error(err)
				}
				if round == rounds-1 || rand.IntN(2) == 0 {
					continue
				}
				if left, _, err := rs.RemoveHandle(ctx, handle, "w", func(r *group) { r.Count++ }); err != nil || left.Player != m.Player && left.Player != "" { // by an earlier handle they stay
					t.Errorf("left %v: %v", left, err)
				}
			}
		})
	}
	wg.Wait()
	end, err := rs.Get(ctx, r.Code)
	if err != nil || len(end.Members) != players || end.Count < players*rounds {
		t.Errorf("%d members, %d changes: %v", len(end.Members), end.Count, err)
	}
	seen := map[string]bool{}
	for _, m := range end.Members {
		if seen[m.Player] {
			t.Errorf("player %s is there twice", m.Player)
		}
		seen[m.Player] = true
	}
}

func TestHead_returningPlayerKeepsTheirPlace(t *testing.T) {
	h := &Head{}
	ann, bob := NewMember("ann", "Ann", "@a/1"), NewMember("bob", "Bob", "@a/1")
	if err := h.Enter(2, ann, bob); err != nil {
		t.Fatal(err)
	}
	again := NewMember("ann", "Anna", "@a/1")
	if err := h.Enter(2, again); err != nil {
		t.Fatal(err)
	}
	if at, ok := h.Member(again.Secret); !ok || at != 0 || h.Members[0].Name != "Anna" {
		t.Errorf("ann is at %d of %v", at, h.Members)
	}
	if at, ok := h.Member(ann.Secret); !ok || at != 0 {
		t.Error("the first handle is not good any more")
	}
	if err := h.Enter(2, again, NewMember("cid", "", "@a/1")); !errors.Is(err, ErrFull) || len(h.Members) != 2 {
		t.Errorf("%v with %d members", err, len(h.Members))
	}
}

func TestRecords_emptyRecordIsKeptByConfig(t *testing.T) {
	for _, kept := range []bool{true, false} {
		rs := open(t, kept)
		m := NewMember("ann", "", "@a/1")
		r := &group{Head: Head{Members: []Member{m}}}
		if err := rs.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		handle := rs.Handle(r.Code, m.Secret)
		if _, _, err := rs.RemoveHandle(t.Context(), handle, "another watcher", nil); !errors.Is(err, ErrUnknown) {
			t.Errorf("left by an old watcher: %v", err)
		}
		if _, _, err := rs.RemoveHandle(t.Context(), handle, m.Watch, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := rs.Get(t.Context(), r.Code); (err == nil) != kept {
			t.Errorf("kept: %t, %v", kept, err)
		}
		for _, id := range []string{"", "g", "g.", "g..", "x." + r.Code + ".s", handle} {
			if _, _, err := rs.Find(t.Context(), id); !errors.Is(err, ErrUnknown) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

// TestRecords_memberLeavesWithTheLastHandle: a player may be in a record by two
// tabs, one of which is closed.
func TestRecords_memberLeavesWithTheLastHandle(t *testing.T) {
	rs := open(t, false)
	tabs := []Member{NewMember("ann", "Ann", ""), NewMember("ann", "Ann", ""), NewMember("ann", "Ann", "")}
	r := &group{Head: Head{Members: []Member{tabs[0]}}}
	if err := rs.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	handle := func(i int) string { return rs.Handle(r.Code, tabs[i].Secret) }
	for _, m := range tabs[1:] {
		if _, err := rs.Change(t.Context(), r.Code, func(r *group) error { return r.Enter(1, m) }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range tabs {
		watched, at, err := rs.Watched(t.Context(), handle(i), fmt.Sprint("w", i))
		if err != nil || rs.WatchOf(watched, at, handle(i)) != fmt.Sprint("w", i) {
			t.Fatalf("tab %d is watched by %q: %v", i, rs.WatchOf(watched, at, handle(i)), err)
		}
	}
	for step, i := range []int{2, 0} { // the newest, and the oldest of the others
		if _, _, err := rs.RemoveHandle(t.Context(), handle(i), "w1", nil); !errors.Is(err, ErrUnknown) {
			t.Errorf("left by another tab's watcher: %v", err)
		}
		left, _, err := rs.RemoveHandle(t.Context(), handle(i), fmt.Sprint("w", i), func(*group) { t.Error("nobody has left") })
		if err != nil || left.Player != "" {
			t.Errorf("step %d: left %q: %v", step, left.Player, err)
		}
		if _, _, err := rs.Find(t.Context(), handle(i)); !errors.Is(err, ErrUnknown) {
			t.Errorf("a handle that was taken back is good still: %v", err)
		}
	}
	if left, _, err := rs.RemoveHandle(t.Context(), handle(1), "", nil); err != nil || left.Player != "ann" {
		t.Errorf("left %q: %v", left.Player, err)
	}
}

func TestMember_earlierHandlesAreBounded(t *testing.T) {
	h := &Head{}
	first := NewMember("ann", "", "")
	_ = h.Enter(1, first)
	for range 10 {
		_ = h.Enter(1, NewMember("ann", "", ""))
	}
	if _, ok := h.Member(first.Secret); ok || len(h.Members[0].Handles()) != 1+maxEarlier {
		t.Errorf("%d handles", len(h.Members[0].Handles()))
	}
}
