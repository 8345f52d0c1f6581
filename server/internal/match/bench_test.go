package match

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/arena"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
)

// arenaMatch is a full match of the arena with a player in every seat. Its
// sockets are memory: what is left is the tick itself.
type arenaMatch struct {
	m      *Match
	clock  *matchtest.Clock
	conns  []*matchtest.Conn
	frames [][]byte
	seq    uint32
	bytes  int
}

func newArenaMatch(tb testing.TB, mode string, people int) *arenaMatch {
	tb.Helper()
	a := openArenaMatch(tb, mode, people)
	for range 300 {
		a.tick() // buffers reach their size, players have met
	}
	return a
}

func openArenaMatch(tb testing.TB, mode string, people int) *arenaMatch {
	tb.Helper()
	info := arena.Game.Info()
	md, ok := info.Mode(mode)
	if !ok {
		tb.Fatalf("the arena has no mode %s", mode)
	}
	a := &arenaMatch{clock: &matchtest.Clock{Time: 1}}
	var err error
	a.m, err = New(&Config{
		ID: "bench", Game: arena.Game, Match: game.MatchConfig{Mode: md, Seed: 7, Options: []game.Option{{Name: "seconds", Value: 3600}}},
		Grace: time.Minute, Linger: time.Minute, Empty: time.Minute,
		Now: a.clock.Time, Wake: func() {}, Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop(),
		Record: func(*game.Simulation) Recorder { return matchtest.Silent{} },
	})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range people {
		a.seat(tb, i)
	}
	return a
}

func (a *arenaMatch) seat(tb testing.TB, i int) {
	tb.Helper()
	name := fmt.Sprint("p", i)
	now := a.clock.Time
	slots, err := a.m.Reserve(now, now+int64(time.Minute), true, []Request{{Player: name, Name: name, Team: -1, Reservation: name}})
	if err != nil {
		tb.Fatal(err)
	}
	c := matchtest.NewConn()
	a.m.Claim(now, c.Server, 0, slots[0], name, name)
	a.conns = append(a.conns, c)
	a.frames = append(a.frames, make([]byte, 0, 64))
}

// tick sends an input for each player and steps once.
func (a *arenaMatch) tick() {
	a.seq++
	words := [game.MaxInputWord]uint32{}
	for i, c := range a.conns {
		phase := a.seq/30 + uint32(i)*7
		words[0], words[1] = uint32(int32(phase%3-1)<<16), uint32(int32(phase/3%3-1)<<16)
		words[2], words[3] = (a.seq*400+uint32(i)*9000)&0xFFFF, phase%2
		h := protocol.InputHeader{Seq: a.seq, Tick: uint32(a.m.sim.Tick()) + 1}
		a.frames[i] = protocol.AppendInput(a.frames[i][:0], h, words[:a.m.sim.Info().Input.Stride])
		c.Send(a.frames[i])
		a.bytes += c.Discard()
	}
	a.clock.Time += a.m.pacer.period
	tick(a.m, a.clock.Time)
}

func TestMatch_arenaTickDoesNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	for mode, people := range map[string]int{"duel": 2, "ffa": 16, "teams": 5, "swarm": 30} {
		a := newArenaMatch(t, mode, people)
		if n := testing.AllocsPerRun(200, a.tick); n != 0 {
			t.Errorf("%s with %d people: %v allocations a tick, want 0", mode, people, n)
		}
		for i, c := range a.conns {
			if c.Code() != 0 {
				t.Fatalf("%s: player %d was closed with %v", mode, i, c.Code())
			}
		}
	}
}

func BenchmarkTick(b *testing.B) {
	for _, bench := range []struct {
		mode   string
		people int
	}{{"duel", 2}, {"ffa", 16}, {"teams8", 16}, {"swarm", 200}, {"swarm", 1000}, {"swarm", 2500}} {
		b.Run(fmt.Sprintf("%s-%d", bench.mode, bench.people), func(b *testing.B) {
			a := newArenaMatch(b, bench.mode, bench.people)
			a.bytes = 0
			b.ReportAllocs()
			for b.Loop() {
				a.tick()
			}
			perTick := float64(a.bytes) / float64(b.N) / float64(bench.people)
			b.ReportMetric(perTick*float64(a.m.sim.Info().Rate()), "B/client/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bench.people), "ns/client")
		})
	}
}
