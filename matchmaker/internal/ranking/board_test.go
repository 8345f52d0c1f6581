package ranking

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tactus/matchmaker/internal/rating"
)

// naive is a leaderboard as one would write it without caring for time.
type naive struct {
	minimum uint32
	records map[string]record
}

func (n naive) ranked() []string {
	var players []string
	for p, r := range n.records {
		if r.Matches >= n.minimum {
			players = append(players, p)
		}
	}
	slices.SortFunc(players, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(unpack(n.records[b].Skill).Conservative(), unpack(n.records[a].Skill).Conservative()),
			cmp.Compare(a, b),
		)
	})
	return players
}

func TestBoard_isSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minimum := uint32(rapid.IntRange(1, 3).Draw(t, "minimum"))
		b, want := newBoard(minimum, func(string) {}), naive{minimum, map[string]record{}}
		for range rapid.IntRange(0, 300).Draw(t, "puts") {
			player := fmt.Sprintf("p%02d", rapid.IntRange(0, 60).Draw(t, "player"))
			r := record{
				Name:    player,
				Skill:   [2]float64{float64(rapid.IntRange(20, 30).Draw(t, "mu")), float64(rapid.IntRange(1, 3).Draw(t, "sigma"))},
				Matches: uint32(rapid.IntRange(1, 4).Draw(t, "matches")),
			}
			b.put(player, r)
			want.records[player] = r
		}
		order := want.ranked()
		if b.ranked() != len(order) {
			t.Fatalf("%d are ranked, want %d", b.ranked(), len(order))
		}
		for player := range want.records {
			if got := b.rank(player); got != slices.Index(order, player)+1 {
				t.Fatalf("rank of %s: %d, want %d", player, got, slices.Index(order, player)+1)
			}
			if got := b.record(player).Skill; got != want.records[player].Skill {
				t.Fatalf("skill of %s: %v, want %v", player, got, want.records[player].Skill)
			}
		}
		offset, limit := rapid.IntRange(-2, 70).Draw(t, "offset"), rapid.IntRange(-1, 70).Draw(t, "limit")
		var page []string
		for _, w := range b.page(offset, limit) {
			page = append(page, w.player)
		}
		var wanted []string
		if offset >= 0 && offset < len(order) && limit > 0 {
			wanted = order[offset:min(offset+limit, len(order))]
		}
		if !slices.Equal(page, wanted) {
			t.Fatalf("page of %d from %d: %v, want %v", limit, offset, page, wanted)
		}
	})
}

func TestBoard_otherPlayersHaveNoRank(t *testing.T) {
	b := newBoard(3, func(string) {})
	if b.rank("anna") != 0 || b.ranked() != 0 || b.page(0, 10) != nil {
		t.Fatal("an empty board ranks somebody")
	}
	b.put("anna", record{Skill: [2]float64{25, 1}, Matches: 2})
	if b.rank("anna") != 0 || b.ranked() != 0 {
		t.Fatal("two matches make a rank where three are asked for")
	}
}

func filled(players int) *board {
	b := newBoard(1, func(string) {})
	for i := range players {
		b.put(fmt.Sprintf("guest-%030d", i), record{
			Name: fmt.Sprintf("Player %d", i), Matches: 5, Sequence: uint64(i),
			Skill: pack(rating.Skill{Mu: 25 + float64(i*7919%1000003)/1e5, Sigma: 2}),
			Last:  played{Match: fmt.Sprintf("match-%030d", i/10), Mode: "ranked"},
		})
	}
	return b
}

func BenchmarkBoardMillion(b *testing.B) {
	full := filled(1_000_000)
	player := func(i int) string { return fmt.Sprintf("guest-%030d", i*7919%1_000_000) }
	b.Run("put", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			r := full.record(player(i))
			r.Skill[0] += float64(i%100-50) / 100
			full.put(player(i), r)
		}
	})
	b.Run("rank", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			full.rank(player(i))
		}
	})
	b.Run("page of 100", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			full.page(i*7919%999_900, 100)
		}
	})
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
