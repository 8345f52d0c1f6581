package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

func openJournal(t *testing.T, s *store.Store, name string, term uint64) (*store.Journal, []store.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	j, records, err := s.OpenJournal(ctx, name, term)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j, records
}

// await returns the error of an append once it is done.
func await(t *testing.T, p *store.Pending) error {
	t.Helper()
	select {
	case <-p.Done():
		return p.Err()
	case <-time.After(time.Minute):
		t.Fatal("the append has no outcome")
		return nil
	}
}

func TestJournal_fencesEarlierWriters(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	checkFencing(t, s, s)
}

func checkFencing(t *testing.T, first, second *store.Store) {
	t.Helper()
	old, _ := openJournal(t, first, "fenced", 4)
	// Many appends are under way while the journal is taken over. Those that the
	// next writer does not read must fail, and all after them.
	var appends []*store.Pending
	for i := range 2000 {
		appends = append(appends, old.Append(fmt.Sprint(i), []byte("old"), 0))
	}
	next, records := openJournal(t, second, "fenced", 5)
	for i := range 2000 {
		appends = append(appends, old.Append(fmt.Sprint(2000+i), []byte("old"), 0))
	}
	select {
	case <-old.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("the earlier writer was not notified")
	}
	for i, p := range appends {
		err := await(t, p)
		if err != nil && !errors.Is(err, store.ErrFenced) {
			t.Fatalf("append %d: %v", i, err)
		}
		if err == nil && i >= len(records) {
			t.Fatalf("append %d was acknowledged, the next writer has read %d", i, len(records))
		}
	}
	for i, r := range records {
		if r.Key != fmt.Sprint(i) {
			t.Fatalf("record %d is %q: there is a hole before it", i, r.Key)
		}
	}
	if old.Healthy() {
		t.Error("a fenced journal is healthy")
	}
	if err := await(t, next.Append("new", []byte("1"), 0)); err != nil {
		t.Fatal(err)
	}
	next.Close()
	_, after := openJournal(t, second, "fenced", 5)
	if len(after) != len(records)+1 {
		t.Errorf("%d records, the next writer had read %d and written 1", len(after), len(records))
	}
	if _, _, err := first.OpenJournal(t.Context(), "fenced", 4); !errors.Is(err, store.ErrFenced) {
		t.Errorf("a lower term opened the journal: %v", err)
	}
}

func TestJournal_recordsExpire(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	j, _ := openJournal(t, s, "q", 1)
	j.Append("brief", []byte("v"), time.Second)
	if err := await(t, j.Append("kept", []byte("v"), 0)); err != nil {
		t.Fatal(err)
	}
	testtime.Until(t, "the record expires", func() bool {
		_, err := s.JournalRecord(t.Context(), "q", "brief")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return err != nil
	})
	// What has expired has not moved the sequence.
	if err := await(t, j.Append("kept", []byte("w"), 0)); err != nil {
		t.Fatal(err)
	}
}

func TestJournal_opensWithManyKeys(t *testing.T) {
	keys := 100_000
	if testing.Short() {
		keys = 10_000
	}
	s := storetest.Embedded(t)
	j, _ := openJournal(t, s, "q", 1)
	value := make([]byte, 200)
	var last *store.Pending
	started := time.Now()
	for i := range keys {
		last = j.Append(fmt.Sprintf("ticket-%06d", i), value, 0)
	}
	if err := await(t, last); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d appends took %v", keys, time.Since(started))
	j.Close()
	started = time.Now()
	_, records := openJournal(t, s, "q", 2)
	t.Logf("opening took %v", time.Since(started))
	if len(records) != keys || records[0].Key != "ticket-000000" || records[keys-1].Key != fmt.Sprintf("ticket-%06d", keys-1) {
		t.Errorf("%d records", len(records))
	}
}
