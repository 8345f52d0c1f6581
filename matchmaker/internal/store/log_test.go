package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

func openLog(t *testing.T, s *store.Store) *store.Log {
	t.Helper()
	l, err := s.Log(t.Context(), store.LogConfig{Name: "results"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLog_takesEachKeyOnce(t *testing.T) {
	t.Parallel()
	const keys, writers = 50, 8
	l := openLog(t, storetest.Embedded(t))
	var (
		mu     sync.Mutex
		firsts [keys]int
		at     [keys]uint64
		wg     sync.WaitGroup
	)
	for range writers {
		wg.Go(func() {
			for key := range keys {
				sequence, first, err := l.AppendOnce(t.Context(), fmt.Sprintf("match.%d", key), []byte("result"))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if first {
					firsts[key]++
				}
				if at[key] != 0 && at[key] != sequence {
					t.Errorf("key %d is at %d and at %d", key, at[key], sequence)
				}
				at[key] = sequence
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for key, n := range firsts {
		if n != 1 {
			t.Errorf("key %d was first %d times", key, n)
		}
	}
	if last, err := l.Last(t.Context()); err != nil || last != keys {
		t.Errorf("last is %d, %v", last, err)
	}
}

func TestLog_isFollowedInOrder(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	l := openLog(t, s)
	appendAll := func(from, to int) {
		for i := from; i < to; i++ {
			if _, _, err := l.AppendOnce(t.Context(), fmt.Sprint(i), []byte(fmt.Sprint("v", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	appendAll(0, 100)
	enough := errors.New("enough")
	next := 10
	following := make(chan error, 1)
	go func() {
		following <- l.Follow(t.Context(), 10, func(sequence uint64, key string, value []byte) error {
			if key != fmt.Sprint(next) || string(value) != "v"+key || sequence != uint64(next+1) {
				return fmt.Errorf("got %d %q %q, want number %d", sequence, key, value, next)
			}
			if next++; next == 200 {
				return enough
			}
			return nil
		})
	}()
	appendAll(100, 200)
	if err := <-following; !errors.Is(err, enough) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Follow(ctx, 0, func(uint64, string, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}
