package ranking

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/rating"
	"tactus/matchmaker/internal/store"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// start opens a ranking and runs it until the test ends or stop is called.
func start(t testing.TB, s *store.Store, cfg Config) (r *Ranking, stop func()) {
	t.Helper()
	r, err := Open(t.Context(), s, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

func report(t testing.TB, r *Ranking, matches ...*fleetv1.MatchEnded) {
	t.Helper()
	for _, e := range matches {
		if err := r.Report(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits for what replicas do in their own time.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	testtime.Until(t, what, done)
}

// awaitMatches waits until the ranking has counted so many of a player.
func awaitMatches(t testing.TB, r *Ranking, player string, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d matches of %s", n, player), func() bool { return r.Rating(queue, player).Matches >= n })
}

// counted is what the log of results adds up to, computed anew.
func counted(t testing.TB, r *Ranking) map[owner]record {
	t.Helper()
	last, err := r.results.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sums := map[owner]record{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if last == 0 {
		return sums
	}
	_ = r.results.Follow(ctx, 0, func(sequence uint64, match string, value []byte) error {
		if m, err := decodeResult(value); err == nil {
			for i := range m.Players {
				o := owner{m.Queue, m.Players[i].Player}
				rec := sums[o]
				rec.add(sequence, match, m, &m.Players[i])
				sums[o] = rec
			}
		}
		if sequence == last {
			cancel()
		}
		return nil
	})
	return sums
}

// same compares a ranking with what the log adds up to, to the last bit.
func same(t testing.TB, r *Ranking, want map[owner]record) {
	t.Helper()
	await(t, "all results", func() bool {
		for o, rec := range want {
			if b := r.known(o.queue); b == nil || locked(b, o.player).Sequence < rec.Sequence {
				return false
			}
		}
		return true
	})
	if r.size() != len(want) {
		t.Fatalf("%d records, want %d", r.size(), len(want))
	}
	for o, rec := range want {
		if got := locked(r.known(o.queue), o.player); got != rec {
			t.Fatalf("%v: %+v, want %+v", o, got, rec)
		}
	}
}

func locked(b *queueBoard, player string) record {
	b.RLock()
	defer b.RUnlock()
	return b.record(player)
}

func TestRanking_matchesChangeRatings(t *testing.T) {
	r, _ := start(t, newStore(t, store.Config{}), Config{})
	if got := r.Rating(queue, "anna"); got.Points != 1500 || math.Abs(got.Uncertainty-500) > 1e-9 || got.Matches != 0 || got.Rank != 0 || got.Player != "anna" {
		t.Fatalf("a beginner has %+v", got)
	}
	if _, played := r.Last(queue, "anna"); played {
		t.Fatal("a beginner has a last match")
	}
	e := over("m1", "anna 0 1", "bert 1 2", "cleo 0 1", "dora 1 2")
	report(t, r, e)
	awaitMatches(t, r, "anna", 1)

	newcomer := rating.Default().Initial
	want, err := rating.Default().Rate([][]rating.Skill{{newcomer, newcomer}, {newcomer, newcomer}}, []int32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	anna, bert := r.Rating(queue, "anna"), r.Rating(queue, "bert")
	if anna.Points != want[0][0].Points() || anna.Uncertainty != want[0][0].Uncertainty() || anna.Wins != 1 || anna.Name != "ANNA" {
		t.Errorf("the winner has %+v, want %v points", anna, want[0][0].Points())
	}
	if bert.Points != want[1][0].Points() || bert.Wins != 0 || bert.Matches != 1 {
		t.Errorf("the loser has %+v, want %v points", bert, want[1][0].Points())
	}
	last, _ := r.Last(queue, "bert")
	if last != (Match{ID: "m1", Mode: "duel", Ended: time.UnixMilli(e.EndedUnixMs), Rank: 2, Teams: 2, Before: 1500, After: bert.Points}) {
		t.Errorf("the loser's last match: %+v", last)
	}
	if other := r.Rating("another", "anna"); other.Matches != 0 || other.Points != 1500 {
		t.Errorf("in another queue the winner has %+v", other)
	}
}

func TestRanking_countsRepeatedReportsOnce(t *testing.T) {
	s := newStore(t, store.Config{})
	one, _ := start(t, s, Config{})
	two, stop := start(t, s, Config{})
	var reports sync.WaitGroup
	for i := range 20 {
		reports.Go(func() {
			r := []*Ranking{one, two}[i%2]
			if err := r.Report(t.Context(), over("m1", "anna -1 1", "bert -1 2")); err != nil {
				t.Error(err)
			}
		})
	}
	reports.Wait()
	report(t, one, over("m2", "anna -1 1", "bert -1 2"))
	awaitMatches(t, one, "anna", 2)
	awaitMatches(t, two, "anna", 2)
	stop()

	report(t, one, over("m1", "anna -1 1", "bert -1 2"), over("m3", "cleo -1 1", "bert -1 2"))
	again, _ := start(t, s, Config{})
	report(t, again, over("m2", "anna -1 1", "bert -1 2"))
	for _, r := range []*Ranking{one, again} {
		awaitMatches(t, r, "cleo", 1)
		if n := r.Rating(queue, "anna").Matches; n != 2 {
			t.Errorf("anna has %d matches, want 2", n)
		}
		same(t, r, counted(t, one))
	}
}

// Two matches of a player that are rated at once, neither knowing of the other,
// count both.
func TestRanking_concurrentMatchesBothCount(t *testing.T) {
	s := newStore(t, store.Config{})
	r, err := Open(t.Context(), s, Config{}, nil) // not running: it knows nothing new
	if err != nil {
		t.Fatal(err)
	}
	report(t, r, over("m1", "anna -1 1", "bert -1 2"), over("m2", "anna -1 1", "cleo -1 2"))
	running, _ := start(t, s, Config{})
	awaitMatches(t, running, "anna", 2)
	one, _ := running.Last(queue, "bert")
	gain := r.cfg.Model.Initial.Points() - one.After
	if got := running.Rating(queue, "anna").Points; math.Abs(got-(1500+2*gain)) > 1e-9 {
		t.Errorf("two wins made %v points of 1500, each alone %v more", got, gain)
	}
}

func TestRanking_replicasAgree(t *testing.T) {
	s := newStore(t, store.Config{})
	replicas := make([]*Ranking, 3)
	for i := range replicas {
		replicas[i], _ = start(t, s, Config{MinMatches: 1})
	}
	var reports sync.WaitGroup
	for k, r := range replicas {
		reports.Go(func() {
			for i := range 150 {
				// Each match is reported to two replicas, in another order.
				n := (i*7 + k*50) % 100
				e := over(fmt.Sprintf("m%d", n), fmt.Sprintf("p%d 0 1", n%9), fmt.Sprintf("p%d 0 1", 9+n%7), fmt.Sprintf("p%d 1 %d", 16+n%5, 1+n%3))
				if err := r.Report(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 { // readers all the while
		replicas[0].Leaderboard(queue, 0, 100)
		replicas[1].Around(queue, "p3", 5)
		replicas[2].Last(queue, "p4")
	}
	reports.Wait()
	want := counted(t, replicas[0])
	matches := 0
	for _, r := range replicas {
		same(t, r, want)
	}
	for _, rec := range want {
		matches += int(rec.Matches)
	}
	if matches != 300 {
		t.Errorf("%d were counted, want 100 matches of 3", matches)
	}
	board, ranked := replicas[0].Leaderboard(queue, 0, 0)
	if ranked != 21 || len(board) != 21 {
		t.Fatalf("%d of %d are listed, want 21", len(board), ranked)
	}
	for _, r := range replicas[1:] {
		other, _ := r.Leaderboard(queue, 0, 0)
		for i := range board {
			if other[i] != board[i] || board[i].Rank != i+1 {
				t.Errorf("place %d: %+v here, %+v there", i+1, board[i], other[i])
			}
		}
	}
}

func TestRanking_leaderboard(t *testing.T) {
	r, _ := start(t, newStore(t, store.Config{}), Config{})
	for round := range 3 {
		for p := range 10 { // the lower number wins
			report(t, r, over(fmt.Sprintf("m%d-%d", round, p), fmt.Sprintf("p%d -1 1", p), fmt.Sprintf("q%d -1 2", p)))
			report(t, r, over(fmt.Sprintf("n%d-%d", round, p), fmt.Sprintf("p%d -1 %d", p, 1+p), "rival -1 20"))
		}
	}
	report(t, r, over("once", "tourist -1 1", "rival -1 2"))
	awaitMatches(t, r, "tourist", 1)

	all, ranked := r.Leaderboard(queue, 0, 0)
	if ranked != 21 || len(all) != 21 {
		t.Fatalf("%d of %d are listed, want 21: the tourist has played once", len(all), ranked)
	}
	conservative := func(x Rating) float64 { return x.Points - 3*x.Uncertainty }
	for i, x := range all {
		if x.Rank != i+1 || r.Rating(queue, x.Player) != x {
			t.Errorf("place %d: %+v, alone %+v", i+1, x, r.Rating(queue, x.Player))
		}
		if i > 0 && conservative(x) > conservative(all[i-1])+1e-9 {
			t.Errorf("place %d has more than the one before", i+1)
		}
	}
	if page, _ := r.Leaderboard(queue, 5, 3); len(page) != 3 || page[0] != all[5] || page[2] != all[7] {
		t.Errorf("three from the sixth place: %+v", page)
	}
	if page, n := r.Leaderboard(queue, 21, 3); len(page) != 0 || n != 21 {
		t.Errorf("past the end: %+v of %d", page, n)
	}
	for _, test := range []struct{ rank, first int }{{1, 1}, {2, 1}, {10, 8}, {20, 17}, {21, 17}} {
		page, n := r.Around(queue, all[test.rank-1].Player, 5)
		if n != 21 || len(page) != 5 || page[0].Rank != test.first {
			t.Errorf("five around place %d: %+v, want from place %d", test.rank, page, test.first)
		}
	}
	if page, n := r.Around(queue, "tourist", 5); len(page) != 0 || n != 21 {
		t.Errorf("around who is unranked: %+v of %d", page, n)
	}
	if page, n := r.Leaderboard("nobody plays this", 0, 0); len(page) != 0 || n != 0 {
		t.Errorf("a queue without matches lists %+v", page)
	}
}

func TestRanking_acknowledgesUnratedMatchesWithoutStoring(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	r, err := Open(t.Context(), newStore(t, store.Config{}), Config{Rated: func(q string) bool { return q == queue }}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	casual := over("m1", "anna -1 1", "bert -1 2")
	casual.Queue = "casual"
	empty := over("m2")
	empty.Reason = "empty"
	report(t, r, casual, empty, over("m3", "anna -1 1"))
	if logged.Len() != 0 {
		t.Errorf("logged: %v", logged.All())
	}
	report(t, r, over("m4", "anna -1 1", "anna -1 2"))
	if logged.Len() != 1 || logged.All()[0].ContextMap()["match"] != "m4" || !strings.Contains(fmt.Sprint(logged.All()[0].ContextMap()["error"]), "appears twice") {
		t.Errorf("logged: %v, want why m4 is not rated", logged.All())
	}
	if last, err := r.results.Last(t.Context()); last != 0 || err != nil {
		t.Errorf("%d results are stored, %v", last, err)
	}
}

func TestRanking_reportsWaitForRatings(t *testing.T) {
	s := newStore(t, store.Config{})
	first, stop := start(t, s, Config{})
	report(t, first, over("m1", "anna -1 1", "bert -1 2"))
	stop()
	r, err := Open(t.Context(), s, Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing was archived, and nobody reads the log.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Report(ctx, over("m2", "anna -1 1", "bert -1 2")); err == nil {
		t.Fatal("a match was rated by ratings that were not loaded")
	}
}

func TestConfig_reportsAllMistakes(t *testing.T) {
	_, err := Open(t.Context(), nil, Config{Model: rating.Model{Beta: -1}, MinMatches: -1, Keep: time.Second}, nil)
	for _, want := range []string{"initial skill", "beta", "kappa", "-1 matches", "kept an hour"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %q", err, want)
		}
	}
}
