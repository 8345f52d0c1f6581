package ranking

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Servers report their matches to two replicas on a replicated NATS, while the
// nodes that lead the log and the records die in turn. Every match counts once,
// everywhere, and is archived.
func TestRanking_countsMatchesOnceWhileNodesDie(t *testing.T) {
	if testing.Short() {
		t.Skip("nodes that die take a while to be replaced")
	}
	const matches = 120
	cluster := storetest.StartCluster(t, 3)
	replicas := make([]*Ranking, 2)
	for i := range replicas {
		s := newStore(t, store.Config{URL: cluster.URL(), Name: "test"})
		replicas[i], _ = start(t, s, Config{Leases: leasesOf(t, s, fmt.Sprintf("replica %d", i))})
	}
	done := make(chan struct{}, matches)
	var reports sync.WaitGroup
	for server := range 4 {
		reports.Go(func() {
			for n := server; n < matches; n += 4 {
				reportToAll(t, replicas, over(fmt.Sprintf("m%d", n), fmt.Sprintf("p%d -1 1", n%5), fmt.Sprintf("p%d -1 2", 5+n%7)))
				done <- struct{}{}
			}
		})
	}
	for _, stream := range []string{"test_log_results", "KV_test_ratings"} {
		for range matches / 3 {
			<-done
		}
		leader := cluster.LeaderOf(stream)
		cluster.Kill(leader)
		cluster.Restart(leader)
	}
	reports.Wait()

	want := counted(t, replicas[0])
	players := 0
	for _, rec := range want {
		players += int(rec.Matches)
	}
	if players != 2*matches {
		t.Errorf("%d results of players count, want %d", players, 2*matches)
	}
	for _, r := range replicas {
		same(t, r, want)
	}
	await(t, "the archive", func() bool {
		at, _, err := replicas[0].archive().checkpoint(t.Context())
		return err == nil && at == matches
	})
	await(t, "the archive at all nodes", func() bool { // one may be a moment behind
		return checkArchive(t.Context(), replicas[1], want) == nil
	})
	late, _ := start(t, newStore(t, store.Config{URL: cluster.URL(), Name: "test"}), Config{})
	same(t, late, want)
}

// reportToAll reports a match as a server does: to both replicas, impatiently, until
// one has acknowledged it.
func reportToAll(t *testing.T, replicas []*Ranking, e *fleetv1.MatchEnded) {
	t.Helper()
	for acknowledged := 0; acknowledged < len(replicas); {
		acknowledged = 0
		for _, r := range replicas {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if r.Report(ctx, e) == nil {
				acknowledged++
			}
			cancel()
			if t.Context().Err() != nil {
				return
			}
		}
	}
}
