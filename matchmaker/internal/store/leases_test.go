package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

// replica is one member with its leases.
type replica struct {
	*store.Members
	*store.Leases
	die context.CancelFunc // leaves; the leases stay
}

func join(t *testing.T, s *store.Store, id string) replica {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	members := s.Join(ctx, store.Member{ID: id, Address: id + ":8090"})
	t.Cleanup(members.Leave)
	leases, err := s.Leases(t.Context(), members)
	if err != nil {
		t.Fatal(err)
	}
	return replica{members, leases, cancel}
}

// eventually waits for an outcome that nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testtime.Until(t, what, ok)
}

func TestMembers_seeEachOtherComeAndGo(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	a := s.Join(t.Context(), store.Member{ID: "a", Address: "1"})
	defer a.Leave()
	b := s.Join(t.Context(), store.Member{ID: "b", Address: "2"})
	eventually(t, "both see both", func() bool { return a.IsLive("b") && b.IsLive("a") })
	if live := a.Live(); len(live) != 2 || live[0].ID != "a" || live[1] != (store.Member{ID: "b", Address: "2"}) {
		t.Errorf("a sees %v", live)
	}
	<-a.Changed()
	b.Leave()
	b.Leave()
	<-a.Changed()
	if a.IsLive("b") || !a.IsLive("a") {
		t.Errorf("after b left, a sees %v", a.Live())
	}
}

func TestLease_hasOneHolder(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	a, b := join(t, s, "a"), join(t, s, "b")
	eventually(t, "a sees b", func() bool { return a.IsLive("b") })
	type result struct {
		lease *store.Lease
		err   error
	}
	results := make(chan result)
	for _, r := range []replica{a, b, a, b} {
		go func() {
			lease, err := r.Acquire(t.Context(), "queue")
			results <- result{lease, err}
		}()
	}
	var lease *store.Lease
	for range 4 {
		r := <-results
		var held *store.HeldError
		switch {
		case r.err == nil && lease != nil:
			t.Fatal("two hold the lease")
		case r.err == nil:
			lease = r.lease
		case !errors.As(r.err, &held) && !errors.Is(r.err, store.ErrAcquiring):
			t.Error(r.err)
		}
	}
	if lease == nil {
		t.Fatal("nobody holds the lease")
	}
	for _, r := range []replica{a, b} {
		eventually(t, "both know the holder", func() bool {
			h, ok := r.Holder("queue")
			return ok && h.Term == lease.Term() && h.Address != ""
		})
	}
	lease.Release(t.Context())
	lease.Release(t.Context())
	eventually(t, "both know that it was released", func() bool {
		_, ok := a.Holder("queue")
		_, also := b.Holder("queue")
		return !ok && !also
	})
	next, err := b.Acquire(t.Context(), "queue")
	if err != nil || next.Term() <= lease.Term() {
		t.Fatalf("after release: %v", err)
	}
}

func TestLease_ofADeadHolderIsTaken(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	a, b := join(t, s, "a"), join(t, s, "b")
	eventually(t, "b sees a", func() bool { return b.IsLive("a") })
	old, err := a.Acquire(t.Context(), "queue")
	if err != nil {
		t.Fatal(err)
	}
	var held *store.HeldError
	if _, err := b.Acquire(t.Context(), "queue"); !errors.As(err, &held) || held.Holder.ID != "a" || held.Holder.Term != old.Term() {
		t.Fatalf("of a live holder: %v", err)
	}
	a.die() // but its renewal goes on, as that of a process that was asleep would
	var next *store.Lease
	eventually(t, "b seizes the lease", func() bool {
		next, err = b.Acquire(t.Context(), "queue")
		return err == nil
	})
	select {
	case <-old.Lost():
	case <-time.After(20 * time.Second):
		t.Fatal("the holder before does not know that it lost the lease")
	}
	if next.Term() <= old.Term() {
		t.Errorf("term %d after %d", next.Term(), old.Term())
	}
	old.Release(t.Context()) // too late to release anything
	select {
	case <-next.Lost():
		t.Error("the new holder lost the lease")
	case <-time.After(1500 * time.Millisecond): // a renewal later
	}
}

func TestLease_renewalOutlivesTheTTL(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	a := join(t, s, "a")
	lease, err := a.Acquire(t.Context(), "queue")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-lease.Lost():
		t.Error("lost")
	case <-time.After(4 * time.Second): // the TTL is 3 s
	}
	if h, ok := a.Holder("queue"); !ok || h.Term != lease.Term() {
		t.Errorf("holder %+v, the lease has term %d", h, lease.Term())
	}
}
