package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

func openBucket(t *testing.T, s *store.Store, cfg store.BucketConfig) *store.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBucket_recordsOutliveTheStoreOnlyWhenDurable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cfg := store.Config{Dir: t.TempDir()}
	write := func(durable bool) string {
		s := storetest.Open(t, cfg)
		defer s.Close()
		b := openBucket(t, s, store.BucketConfig{Name: fmt.Sprint("durable-", durable), Durable: durable})
		all, err := b.All(ctx)
		if err == nil {
			_, err = b.Put(ctx, "k", []byte("v"))
		}
		return fmt.Sprint(len(all), err)
	}
	for _, durable := range []bool{true, false} {
		first, second := write(durable), write(durable)
		want := "0 <nil>"
		if durable {
			want = "1 <nil>"
		}
		if first != "0 <nil>" || second != want {
			t.Errorf("durable %v: %s, then %s", durable, first, second)
		}
	}
}

func TestOpen_locksItsDirectory(t *testing.T) {
	t.Parallel()
	cfg := store.Config{Dir: t.TempDir()}
	storetest.Open(t, cfg)
	if _, err := store.Open(t.Context(), cfg, nil); err == nil {
		t.Error("a second store opened the same directory")
	} else {
		t.Log(err)
	}
}

func TestBucket_followReportsRecordsAndRemovals(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := storetest.Embedded(t)
	b := openBucket(t, s, store.BucketConfig{Name: "b", TTL: time.Second})
	if _, err := b.Put(ctx, "old", []byte("1")); err != nil {
		t.Fatal(err)
	}
	events := make(chan string, 100)
	ended := make(chan error)
	go func() {
		ended <- b.Follow(ctx, func(key string, e *store.Entry) {
			if e == nil {
				events <- "-" + key
			} else {
				events <- key + "=" + string(e.Value)
			}
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-events:
				if got != w {
					t.Errorf("saw %s, want %s", got, w)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing seen, want %s", w)
			}
		}
	}
	expect("old=1")
	for _, key := range []string{"a", "b"} {
		if _, err := b.Put(ctx, key, []byte("2")); err != nil {
			t.Fatal(err)
		}
		expect(key + "=2")
	}
	if err := b.Delete(ctx, "b", 0); err != nil {
		t.Fatal(err)
	}
	expect("-b", "-old", "-a") // the last two by their TTL
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ended with %v", err)
	}
}

// A replica that starts to follow learns from others what is there, and must
// hear that it is gone although it went before the first look.
func TestBucket_followReportsEarlierRemovals(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	b := openBucket(t, s, store.BucketConfig{Name: "b"})
	if _, err := b.Put(t.Context(), "gone", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "gone", 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	calls := 0
	err := b.Follow(ctx, func(key string, e *store.Entry) {
		if key != "gone" || e != nil {
			t.Errorf("saw %s: %v", key, e)
		}
		calls++
		cancel()
	})
	if calls == 0 {
		t.Errorf("Follow did not report that the record is gone: %v", err)
	}
}

func TestConfig_reportsAllMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg      store.Config
		mistakes int
	}{
		{store.Config{}, 0},
		{store.Config{URL: "nats://x", Replicas: 3, User: "u"}, 0},
		{store.Config{URL: "nats://u:p%2Fw@x:4222, tls://y,token@z,[::1]:4222,"}, 0},
		{store.Config{URL: "nats://x,nats://u:p/w@x:4222"}, 1},
		{store.Config{Replicas: 3, Token: "t", Name: "a.b", Timeout: -1}, 4},
		{store.Config{URL: "nats://x", Replicas: 2, Dir: "d"}, 2},
	} {
		err := c.cfg.Validate()
		var joined interface{ Unwrap() []error }
		n := 0
		if errors.As(err, &joined) {
			n = len(joined.Unwrap())
		}
		if n != c.mistakes || err != nil && strings.Contains(err.Error(), "p/w") {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	for _, cfg := range []store.BucketConfig{{}, {Name: "a b"}, {Name: "a", TTL: 1500 * time.Millisecond}} {
		if _, err := storetest.Embedded(t).Bucket(t.Context(), cfg); err == nil {
			t.Errorf("bucket %+v was made", cfg)
		}
	}
}

func TestOpen_reportsWhyItFails(t *testing.T) {
	t.Parallel()
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, Authorization: "right", NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	defer nats.WaitForShutdown()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	address := nats.Addr().String()
	// Not tried again: the context has no end.
	_, err = store.Open(context.Background(), store.Config{URL: "nats://wrong@" + address}, nil)
	if err == nil || !strings.Contains(err.Error(), "refuses the credentials") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong token: %v", err)
	}
	s := storetest.Open(t, store.Config{URL: "nats://" + address, Token: "right"})
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := store.Open(ctx, store.Config{URL: "nats://127.0.0.1:1"}, nil); err == nil || !strings.Contains(err.Error(), "no connection to NATS at nats://127.0.0.1:1") {
		t.Errorf("where nobody listens: %v", err)
	}
}

func TestStore_hintsReachSubscribers(t *testing.T) {
	t.Parallel()
	s := storetest.Embedded(t)
	got := make(chan string, 10)
	unsubscribe, err := s.Subscribe("tickets.cancel", func(data []byte) { got <- string(data) })
	if err != nil {
		t.Fatal(err)
	}
	for _, hint := range []string{"a", "b"} {
		if err := s.Publish("tickets.cancel", []byte(hint)); err != nil {
			t.Fatal(err)
		}
		if g := <-got; g != hint {
			t.Errorf("got %q, want %q", g, hint)
		}
	}
	unsubscribe()
	if !s.Connected() || !s.Embedded() {
		t.Error("an embedded store says that it is not, or not connected")
	}
}
