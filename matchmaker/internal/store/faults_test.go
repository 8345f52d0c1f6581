package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

// harass lets the connection stall for longer than writes wait, and breaks it,
// until the context ends; then all goes through again.
func harass(ctx context.Context, proxy *storetest.Proxy) {
	random := rand.New(rand.NewPCG(1, 2))
	sleep := func(most time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.Int64N(int64(most)))):
		}
	}
	for ctx.Err() == nil {
		sleep(60 * time.Millisecond)
		if random.IntN(2) == 0 {
			proxy.Halt()
		} else {
			proxy.HaltAnswers() // what is written is stored, and its writer can't know
		}
		sleep(150 * time.Millisecond)
		if random.IntN(2) == 0 {
			proxy.Cut()
		}
		proxy.Resume()
	}
}

// behindProxy is a store on a NATS node of its own, behind a bad connection, and
// one with a good connection. Its writes wait for 40 ms.
func behindProxy(t *testing.T) (bad, good *store.Store, proxy *storetest.Proxy, cluster *storetest.Cluster) {
	t.Helper()
	cluster = storetest.StartCluster(t, 1)
	proxy = storetest.StartProxy(t, cluster, 0)
	bad = storetest.Open(t, store.Config{URL: proxy.URL(), Replicas: 1, Timeout: 40 * time.Millisecond})
	good = storetest.Open(t, store.Config{URL: cluster.URL(), Replicas: 1})
	return bad, good, proxy, cluster
}

// takeover is how many messages opening a journal, or finding out what of it is
// stored, adds to its stream. All others are appends.
const takeover = 513

func checkAppends(t *testing.T, cluster *storetest.Cluster, want uint64) {
	t.Helper()
	if last := cluster.LastSequence("tactus_journal_q"); last%takeover != want%takeover {
		t.Errorf("the stream has %d messages: no number of takeovers and %d appends makes that", last, want)
	}
}

func TestJournal_findsAppendsWithoutAnswer(t *testing.T) {
	t.Parallel()
	bad, good, proxy, cluster := behindProxy(t)
	j, _ := openJournal(t, bad, "q", 1)
	proxy.HaltAnswers()
	var pending []*store.Pending
	for i := range 300 {
		pending = append(pending, j.Append(fmt.Sprint(i), nil, 0), j.Append("last", []byte(fmt.Sprint(i)), 0))
	}
	// What fits into the window is stored, the last of it under "last".
	eventually(t, "512 appends are stored", func() bool {
		value, err := good.JournalRecord(t.Context(), "q", "last")
		return err == nil && string(value) == "255"
	})
	eventually(t, "the journal is unhealthy", func() bool { return !j.Healthy() })
	proxy.Cut()
	proxy.Resume()
	for i, p := range pending {
		if err := await(t, p); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	if value, err := good.JournalRecord(t.Context(), "q", "last"); err != nil || string(value) != "299" {
		t.Errorf("the last append is %s, %v", value, err)
	}
	checkAppends(t, cluster, 600)
}

func TestJournal_appendsOnceOverABadConnection(t *testing.T) {
	t.Parallel()
	const appends = 10_000
	bad, good, proxy, cluster := behindProxy(t)
	j, _ := openJournal(t, bad, "q", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	go harass(ctx, proxy)
	pending := make([]*store.Pending, appends)
	for i := range pending {
		if i%100 == 0 && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond) // so that troubles find something under way
		}
		// Each key is written twice. What is stored twice, or late, would show as
		// the order of the last writes, or as the earlier value.
		pending[i] = j.Append(fmt.Sprint(i%(appends/2)), []byte(fmt.Sprint(i)), 0)
	}
	for i, p := range pending {
		if err := await(t, p); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	checkAppends(t, cluster, appends)
	_, records := openJournal(t, good, "q", 2)
	if len(records) != appends/2 {
		t.Errorf("%d records, want %d", len(records), appends/2)
	}
	for i, r := range records {
		if r.Key != fmt.Sprint(i) || string(r.Value) != fmt.Sprint(i+appends/2) {
			t.Fatalf("record %d is %s=%s", i, r.Key, r.Value)
		}
	}
}

func TestBucket_updatesOnceOverABadConnection(t *testing.T) {
	t.Parallel()
	bad, good, proxy, _ := behindProxy(t)
	b := openBucket(t, bad, store.BucketConfig{Name: "b"})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	revision, err := b.Create(t.Context(), "n", []byte("0"))
	if err != nil {
		t.Fatal(err)
	}
	go harass(ctx, proxy)
	n := 0
	for ; ctx.Err() == nil; n++ {
		// Nobody else writes: a conflict would be with an attempt of its own.
		if revision, err = b.Update(t.Context(), "n", []byte(fmt.Sprint(n+1)), revision); err != nil {
			t.Fatalf("update %d: %v", n, err)
		}
	}
	e, err := openBucket(t, good, store.BucketConfig{Name: "b"}).Get(t.Context(), "n")
	if err != nil || string(e.Value) != fmt.Sprint(n) {
		t.Errorf("counted %s, want %d, %v", e.Value, n, err)
	}
	t.Logf("%d updates", n)
}

func TestBucket_writeEndsWithItsContextWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	bad, _, proxy, _ := behindProxy(t)
	b := openBucket(t, bad, store.BucketConfig{Name: "b"})
	proxy.Halt()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := b.Put(ctx, "k", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v", err)
	}
	j := make(chan error, 1)
	go func() {
		_, err := b.Get(t.Context(), "k")
		j <- err
	}()
	bad.Close()
	if err := <-j; !errors.Is(err, store.ErrClosed) {
		t.Errorf("get while the store is closed: %v", err)
	}
}

func TestStore_killedLeadersCostOnlyTime(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills NATS nodes and waits for elections")
	}
	cluster := storetest.StartCluster(t, 3)
	s := storetest.Open(t, store.Config{URL: cluster.URL()})
	other := storetest.Open(t, store.Config{URL: cluster.URL()})
	a := join(t, s, "a")
	lease, err := a.Acquire(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	j, _ := openJournal(t, s, "q", lease.Term())
	l := openLog(t, s)
	b := openBucket(t, s, store.BucketConfig{Name: "b"})

	ctx, stop := context.WithCancel(t.Context())
	following := make(chan int, 1)
	go func() { // a replica that reads along
		n := 0
		err := openLog(t, other).Follow(ctx, 0, func(sequence uint64, key string, _ []byte) error {
			if n++; key != fmt.Sprint(n) {
				return fmt.Errorf("message %d has the key %s, want %d", sequence, key, n)
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		following <- n
	}()
	var acknowledged, logged, counted atomic.Int64
	done := make(chan struct{}, 3)
	go func() {
		defer func() { done <- struct{}{} }()
		for n := 1; ctx.Err() == nil; n++ {
			if err := await(t, j.Append(fmt.Sprint(n), []byte("v"), 0)); err != nil {
				t.Errorf("append %d: %v", n, err)
				return
			}
			acknowledged.Store(int64(n))
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for n := 1; ctx.Err() == nil; n++ {
			if _, first, err := l.AppendOnce(t.Context(), fmt.Sprint(n), nil); err != nil || !first {
				t.Errorf("log %d: first %v, %v", n, first, err)
				return
			}
			logged.Store(int64(n))
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		revision := uint64(0)
		for n := 1; ctx.Err() == nil; n++ {
			next, err := b.Update(t.Context(), "n", []byte(fmt.Sprint(n)), revision)
			if err != nil {
				t.Errorf("update %d: %v", n, err)
				return
			}
			revision = next
			counted.Store(int64(n))
		}
	}()
	goesOn := func() {
		t.Helper()
		started := time.Now()
		counters := []*atomic.Int64{&acknowledged, &logged, &counted}
		for i, name := range []string{"journal", "log", "bucket"} {
			before := counters[i].Load()
			eventually(t, name+" goes on", func() bool { return counters[i].Load() > before+50 })
		}
		t.Logf("all go on after %v", time.Since(started))
	}
	goesOn()
	for _, stream := range []string{"tactus_journal_q", "tactus_log_results", "KV_tactus_leases"} {
		leader := cluster.LeaderOf(stream)
		t.Logf("killing node %d, leader of %s", leader, stream)
		cluster.Kill(leader)
		goesOn()
		cluster.Restart(leader)
		goesOn()
	}
	select {
	case <-lease.Lost():
		t.Error("the lease was lost")
	default:
	}
	stop()
	for range 3 {
		<-done
	}
	if n := int64(<-following); n > logged.Load() {
		t.Errorf("the follower saw %d messages of %d", n, logged.Load())
	}
	_, records := openJournal(t, other, "q", lease.Term()+1)
	if n := acknowledged.Load(); int64(len(records)) != n {
		t.Errorf("the journal has %d records, %d were acknowledged", len(records), n)
	}
	for i, r := range records {
		if r.Key != fmt.Sprint(i+1) {
			t.Fatalf("record %d is %s", i, r.Key)
		}
	}
	if last, err := l.Last(t.Context()); err != nil || int64(last) != logged.Load() {
		t.Errorf("the log has %d messages, %d were acknowledged, %v", last, logged.Load(), err)
	}
	// The replica that is asked may be the one that came back just now.
	eventually(t, "the bucket has what was counted", func() bool {
		e, err := b.Get(t.Context(), "n")
		return err == nil && string(e.Value) == fmt.Sprint(counted.Load())
	})
	lease.Release(t.Context())
	checkFencing(t, s, other)
}

func TestStore_memoryStreamsStartOverWithNATS(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until the loss is certain")
	}
	cluster := storetest.StartCluster(t, 1)
	s := storetest.Open(t, store.Config{URL: cluster.URL(), Replicas: 1})
	ctx, cancel := context.WithCancel(t.Context())
	j, _ := openJournal(t, s, "q", 1)
	write := func(value string) {
		t.Helper()
		b, l := openBucket(t, s, store.BucketConfig{Name: "b"}), openLog(t, s)
		for i := range 10 {
			if _, err := b.Put(ctx, "k", []byte(value)); err != nil {
				t.Fatal(err)
			}
			if value == "before" || i == 0 {
				if _, _, err := l.AppendOnce(ctx, fmt.Sprint(value, i), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		if value == "after" {
			return
		}
		if _, err := b.Put(ctx, "lost", nil); err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	seen := make(chan string, 100)
	ended := make(chan error, 2)
	b, l := openBucket(t, s, store.BucketConfig{Name: "b"}), openLog(t, s)
	go func() {
		ended <- b.Follow(ctx, func(key string, e *store.Entry) {
			if e == nil {
				seen <- "-" + key
			} else {
				seen <- key + "=" + string(e.Value)
			}
		})
	}()
	go func() {
		ended <- l.Follow(ctx, 0, func(_ uint64, key string, _ []byte) error {
			seen <- key
			return nil
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, w := range want {
			missing[w] = true
		}
		for len(missing) > 0 {
			select {
			case got := <-seen:
				delete(missing, got)
			case <-time.After(60 * time.Second):
				t.Fatalf("not seen: %v", missing)
			}
		}
	}
	expect("k=before", "lost=", "before9")
	cluster.Restart(0)
	write("after")
	expect("-lost", "k=after", "after0")
	if err := await(t, j.Append("k", nil, 0)); !errors.Is(err, store.ErrFenced) {
		t.Errorf("append to a lost journal: %v", err)
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
