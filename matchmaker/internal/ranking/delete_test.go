package ranking

import (
	"math"
	"strings"
	"sync"
	"testing"

	"tactus/matchmaker/internal/store"
)

// followed counts the players that it hears of.
type followed struct {
	mu    sync.Mutex
	known map[string]int
}

func (f *followed) Learn(player string) { f.add(player, 1) }

func (f *followed) Forget(player string) { f.add(player, -1) }

func (f *followed) add(player string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[player] += n
}

func (f *followed) count(player string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[player]
}

func TestRanking_reportsPlayers(t *testing.T) {
	f := &followed{known: make(map[string]int)}
	r, _ := start(t, newStore(t, store.Config{}), Config{Players: f})
	report(t, r, over("m1", "a -1 1", "b -1 2"), over("m2", "a -1 1", "b -1 2"))
	await(t, "both are known once", func() bool { return f.count("a") == 1 && f.count("b") == 1 })
	if _, _, err := r.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	await(t, "a is forgotten", func() bool { return f.count("a") == 0 && f.count("b") == 1 })
}

func TestRanking_deletionKeepsTheSums(t *testing.T) {
	s := newStore(t, store.Config{Dir: t.TempDir()})
	r, stop := start(t, s, Config{MinMatches: 1})
	report(t, r, over("m1", "a -1 1", "b -1 2"), over("m2", "a -1 1", "b -1 2"))
	awaitMatches(t, r, "a", 2)
	before, other := r.Rating(queue, "a"), r.Rating(queue, "b")
	await(t, "the archive has both", func() bool {
		list, err := r.History(t.Context(), queue, "a", 0)
		return err == nil && len(list) == 2
	})
	tombstone, queues, err := r.Delete(t.Context(), "a")
	if err != nil || queues != 1 || !strings.HasPrefix(tombstone, "x-") {
		t.Fatalf("%q %d %v", tombstone, queues, err)
	}
	check := func(r *Ranking, when string) {
		t.Helper()
		await(t, "the deletion "+when, func() bool { return r.Rating(queue, tombstone).Matches == 2 && r.Rating(queue, "a").Matches == 0 })
		got := r.Rating(queue, tombstone)
		if got.Name != "" || math.Float64bits(got.Points) != math.Float64bits(before.Points) || got.Rank != before.Rank || got.Wins != 2 {
			t.Errorf("%s: %+v, want the sums of %+v", when, got, before)
		}
		if b := r.Rating(queue, "b"); b != other {
			t.Errorf("%s: the other player is %+v, was %+v", when, b, other)
		}
		page, _ := r.Leaderboard(queue, 0, 0)
		for _, line := range page {
			if line.Player == "a" || line.Name == "A" {
				t.Errorf("%s: on the leaderboard: %+v", when, line)
			}
		}
	}
	check(r, "now")
	await(t, "the archive moves it", func() bool {
		_, record := r.records.Get(t.Context(), owner{queue, "a"}.key())
		_, history := r.history.Get(t.Context(), owner{queue, "a"}.key())
		list, err := r.History(t.Context(), queue, tombstone, 0)
		return record != nil && history != nil && err == nil && len(list) == 2
	})
	// A player who comes back begins as a new one, and stays that after a restart.
	report(t, r, over("m3", "a -1 1", "c -1 2"))
	awaitMatches(t, r, "a", 1)
	stop()
	r, _ = start(t, s, Config{MinMatches: 1})
	awaitMatches(t, r, "a", 1)
	awaitMatches(t, r, "b", 2)
	if again := r.Rating(queue, "a"); again.Matches != 1 || again.Name != "A" {
		t.Errorf("the player who came back: %+v", again)
	}
	if got := r.Rating(queue, tombstone); got.Matches != 2 || got.Name != "" {
		t.Errorf("the tombstone after a restart: %+v", got)
	}
}
