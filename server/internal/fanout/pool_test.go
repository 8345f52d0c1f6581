package fanout

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tactus/game"
	"tactus/game/arena"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
)

// testShards is how many shards tests start, whatever the machine.
const testShards = 3

// crowd is the sessions of a match in which everyone plays.
type crowd struct {
	sim      *game.Simulation
	tracker  *replicate.Tracker
	shared   *session.Shared
	pool     *Pool
	sessions []*session.Session
	peers    []*wstest.Peer
	seq      uint32
	input    []byte
}

func newCrowd(t *testing.T, players int) *crowd {
	t.Helper()
	info := arena.Game.Info()
	mode, ok := info.Mode("swarm")
	if !ok {
		t.Fatal("the arena has no mode swarm")
	}
	sim, err := game.NewSimulation(arena.Game, game.MatchConfig{Mode: mode, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{sim: sim, tracker: replicate.NewTracker(sim)}
	c.shared = &session.Shared{
		Now: 1, Rate: info.Rate(), Input: info.Input, Metrics: metrics.New(prometheus.NewRegistry()),
	}
	c.pool = New(c.shared, c.tracker, mode.MaxPlayers)
	for range players {
		c.join()
	}
	t.Cleanup(func() {
		c.pool.Close()
		goleak.VerifyNone(t)
	})
	return c
}

func (c *crowd) join() {
	slot := game.Slot(len(c.sessions))
	c.sim.Join(slot, game.PlayerInfo{Team: -1})
	s := session.New(c.shared, slot)
	conn, peer := wstest.Pair()
	s.Attach(conn, 0, 0, false, nil)
	c.sessions, c.peers = append(c.sessions, &s), append(c.peers, peer)
}

// turn is a tick in which every player sends an input.
func (c *crowd) turn() {
	c.seq++
	h := protocol.InputHeader{Seq: c.seq, Tick: uint32(c.sim.Tick()) + 1}
	var words [game.MaxInputWord]uint32
	c.input = protocol.AppendInput(c.input[:0], h, words[:c.shared.Input.Stride])
	for _, p := range c.peers {
		p.Send(c.input)
		p.Discard()
	}
	c.shared.Now += int64(time.Second) / int64(c.shared.Rate)
	c.pool.Begin()
	c.pool.Read(c.sessions)
	c.sim.Step()
	c.shared.Tick = c.sim.Tick()
	c.tracker.CollectEvents(c.shared.Tick)
	c.tracker.BeginSnapshot(c.shared.Tick)
	c.pool.Send(c.sessions, Snapshot{Percent: 100})
	c.tracker.EndSnapshot()
	c.pool.End()
}

// reached reports how many inputs were read and how many clients got a snapshot in the
// last turn.
func (c *crowd) reached(t *testing.T) (inputs, snapshots int) {
	t.Helper()
	for i, s := range c.sessions {
		if _, _, ok := s.Input(c.sim.Tick()); ok {
			inputs++
		}
		if c.peers[i].Discard() > 0 {
			snapshots++
		}
	}
	return inputs, snapshots
}

func TestPool_readsAndWritesEverySession(t *testing.T) {
	for _, shards := range []int{1, testShards} {
		c := newCrowd(t, shardFrom)
		if shards > 1 {
			c.pool.StartShards(shards)
		} else {
			before := runtime.GOMAXPROCS(1)
			defer runtime.GOMAXPROCS(before)
		}
		c.turn()
		if inputs, snapshots := c.reached(t); inputs != shardFrom || snapshots != shardFrom || c.pool.Shards() != shards {
			t.Errorf("%d shards: %d inputs, %d snapshots", c.pool.Shards(), inputs, snapshots)
		}
	}
}

func TestPool_startsShardsWhenMatchIsBig(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	c := newCrowd(t, shardFrom-1)
	c.turn()
	if n := c.pool.Shards(); n != 1 {
		t.Errorf("%d shards for %d connections", n, shardFrom-1)
	}
	c.join()
	c.turn()
	if n := c.pool.Shards(); n != 2 {
		t.Errorf("%d shards for %d connections", n, shardFrom)
	}
	if inputs, snapshots := c.reached(t); inputs != shardFrom || snapshots != shardFrom {
		t.Errorf("%d inputs, %d snapshots", inputs, snapshots)
	}
	// A match that has shards and is small again uses the first for all.
	c.sessions, c.peers = c.sessions[:100], c.peers[:100]
	c.turn()
	if inputs, snapshots := c.reached(t); inputs != 100 || snapshots != 100 {
		t.Errorf("small again: %d inputs, %d snapshots", inputs, snapshots)
	}
}

func TestPool_returnsLostSessionsInOrderOfSlots(t *testing.T) {
	c := newCrowd(t, shardFrom)
	c.pool.StartShards(testShards)
	want := []game.Slot{3, 4, 5, 100, 200}
	for _, p := range want {
		c.peers[p].Lose(errors.New("connection reset"))
	}
	c.pool.Begin()
	c.pool.Read(c.sessions)
	c.pool.End()
	var got []game.Slot
	for _, l := range c.pool.Lost() {
		got = append(got, l.Session.Slot())
	}
	if !slices.Equal(got, want) {
		t.Errorf("lost %v, want %v", got, want)
	}
	if again := c.pool.Lost(); len(again) != 0 {
		t.Errorf("lost twice: %v", again)
	}
}

func TestPool_turnDoesNotAllocate(t *testing.T) {
	for _, shards := range []int{1, testShards} {
		before := runtime.GOMAXPROCS(1) // as in AllocsPerRun
		defer runtime.GOMAXPROCS(before)
		c := newCrowd(t, shardFrom)
		if shards > 1 {
			c.pool.StartShards(shards)
		}
		for range 30 {
			c.turn()
		}
		if n := testing.AllocsPerRun(20, c.turn); n != 0 || c.pool.Shards() != shards {
			t.Errorf("%d shards: %v allocations a turn, want 0", c.pool.Shards(), n)
		}
	}
}

// TestPool_panicInPass: when a shard panics, all shards stop before the match's
// goroutine goes on, the memory of the turn is not used again, and the pool can be
// closed.
func TestPool_panicInPass(t *testing.T) {
	for shard := range testShards {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			c := newCrowd(t, shardFrom)
			c.pool.StartShards(testShards)
			c.turn()
			c.peers[shard].OnWrite(func() { panic("frames are wrong") })
			if fault := recovered(c.turn); fault == nil {
				t.Fatal("no panic")
			}
			work := c.pool.shards[0].work
			if work == nil || slices.Contains(spareWorkspaces(), work) {
				t.Error("the memory of a turn that panicked was returned")
			}
			for n := range testShards {
				if h := c.pool.shards[n]; len(h.passes) != 0 || len(h.done) != 0 {
					t.Errorf("shard %d is not done with its pass", n)
				}
			}
			if _, snapshots := c.reached(t); snapshots < shardFrom/testShards*(testShards-1) {
				t.Errorf("%d snapshots from the other shards", snapshots)
			}
			c.pool.Close()
			c.pool.Close() // has nothing to do
		})
	}
}

func recovered(f func()) (fault any) {
	defer func() { fault = recover() }()
	f()
	return nil
}

func spareWorkspaces() []*workspace {
	spare.Lock()
	defer spare.Unlock()
	return slices.Clone(spare.workspaces)
}
