package replicate

import (
	"fmt"
	"testing"
	"time"

	"tactus/game"
	"tactus/game/arena"
	"tactus/loadtest/workload"
)

// BenchmarkEncoder_snapshot measures snapshots for all players of a full match:
// stamping, encoding and the end of the snapshot, without the world's step.
// ns/client is the fastest snapshot's, which a busy machine disturbs least.
func BenchmarkEncoder_snapshot(b *testing.B) {
	for _, bench := range []struct {
		game    game.Game
		mode    string
		players int
	}{
		{workload.Rooms, workload.ModeRooms, 16},
		{workload.Crowd, workload.ModeCrowd, 200},
		{arena.Game, "ffa", 16},
		{arena.Game, "swarm", 200},
		{arena.Game, "swarm", 2500},
	} {
		b.Run(fmt.Sprintf("%s-%d", bench.mode, bench.players), func(b *testing.B) {
			m := newScriptedMatch(b, bench.game, bench.mode, bench.players)
			for range 100 {
				m.tick()
			}
			b.ReportAllocs()
			fastest := time.Hour
			for b.Loop() {
				fastest = min(fastest, m.tick())
			}
			b.ReportMetric(float64(fastest.Nanoseconds())/float64(bench.players), "ns/client")
		})
	}
}
