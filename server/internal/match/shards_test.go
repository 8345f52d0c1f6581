package match

import (
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/seating"
)

// testShards is how many shards the tests' matches have, whatever the machine.
const testShards = 3

// oneCore lets a match believe that there is no other.
func oneCore(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// crowd is a match of many players with a small world.
type crowd struct {
	*harness
	conns  []*matchtest.Conn
	inputs [][]byte
	seq    uint32
}

func newCrowd(t *testing.T, people, shards int) *crowd {
	t.Helper()
	c := &crowd{harness: newHarness(t, game.Mode{MaxPlayers: people + 1})}
	c.m.record = matchtest.Silent{}
	if shards > 1 {
		c.m.pool.StartShards(shards)
	}
	c.m.shared.Now = c.clock.Time
	for range people {
		c.join()
	}
	t.Cleanup(func() {
		c.m.End(EndShutdown)
		c.m.Close()
		goleak.VerifyNone(t)
	})
	return c
}

func (c *crowd) join() {
	c.t.Helper()
	name := fmt.Sprint("p", len(c.conns))
	slots, err := c.m.Reserve(c.clock.Time, c.clock.Time+int64(time.Minute), true, []Request{{Player: name, Name: name, Team: -1, Reservation: name}})
	if err != nil {
		c.t.Fatal(err)
	}
	conn := matchtest.NewConn()
	c.m.Claim(c.m.shared.Now, conn.Server, 0, slots[0], name, name)
	c.conns = append(c.conns, conn)
	c.inputs = append(c.inputs, make([]byte, 0, 64))
}

// turn lets all players move, forgets what was sent, and steps once.
func (c *crowd) turn() {
	c.seq++
	h := protocol.InputHeader{Seq: c.seq, Tick: uint32(c.m.sim.Tick()) + 1}
	for p, conn := range c.conns {
		words := [1]uint32{(c.seq + uint32(p)) % 3}
		c.inputs[p] = protocol.AppendInput(c.inputs[p][:0], h, words[:])
		conn.Send(c.inputs[p])
		conn.Discard()
	}
	c.tick(1)
}

// sent ticks n times after the first, in which each player gets a secret. It returns
// a checksum of what was sent for each tick and player.
func sent(conns []*matchtest.Conn, tick func(), n int) []uint64 {
	tick()
	var sums []uint64
	for range n {
		tick()
		for _, c := range conns {
			h := fnv.New64a()
			_, _ = h.Write(c.Received())
			sums = append(sums, h.Sum64())
		}
	}
	return sums
}

// sameBytes compares what a match sends on one goroutine to what it sends in shards.
func sameBytes(t *testing.T, play func(t *testing.T, shards int) []uint64) {
	t.Helper()
	var alone []uint64
	t.Run("on one goroutine", func(t *testing.T) {
		oneCore(t)
		alone = play(t, 1)
	})
	t.Run("in shards", func(t *testing.T) {
		for i, sum := range play(t, testShards) {
			if sum != alone[i] {
				t.Fatalf("frame %d: what is sent differs", i)
			}
		}
	})
}

func TestMatch_shardsSendWhatOneGoroutineSends(t *testing.T) {
	t.Run("everyone sees everything", func(t *testing.T) {
		sameBytes(t, func(t *testing.T, shards int) []uint64 {
			c := newCrowd(t, 400, shards)
			sums := sent(c.conns, c.turn, 10)
			if c.m.pool.Shards() != shards {
				t.Errorf("the match has %d shards, want %d", c.m.pool.Shards(), shards)
			}
			return sums
		})
	})
	t.Run("interest", func(t *testing.T) {
		sameBytes(t, func(t *testing.T, shards int) []uint64 {
			a := openArenaMatch(t, "swarm", 400)
			a.m.cfg.HashEvery = 4
			defer a.m.Close()
			if shards > 1 {
				a.m.pool.StartShards(shards)
			}
			return sent(a.conns, a.tick, 10)
		})
	})
}

func TestMatch_tickInShardsDoesNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	c := newCrowd(t, 400, testShards)
	for range 20 {
		c.turn()
	}
	if n := testing.AllocsPerRun(20, c.turn); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}

func TestMatch_shardsDropOnlyLostConnections(t *testing.T) {
	c := newCrowd(t, 400, testShards)
	c.turn()
	const lost = 17
	c.conns[lost].Lose(errors.New("connection reset"))
	c.turn()
	c.turn()
	for p, conn := range c.conns {
		state := c.m.seating.Seat(game.Slot(p)).State()
		switch {
		case p == lost && (conn.Code() == 0 || state != seating.Dropped):
			t.Errorf("player %d was not dropped: closed with %v", p, conn.Code())
		case p != lost && (conn.Code() != 0 || len(conn.Received()) == 0):
			t.Fatalf("player %d: closed with %v, %d bytes sent", p, conn.Code(), len(conn.Received()))
		}
	}
}

func TestMatch_endsWhenShardPanics(t *testing.T) {
	for p := range testShards { // one player of each
		t.Run(fmt.Sprint("shard ", p), func(t *testing.T) {
			c := newCrowd(t, 260, testShards)
			c.turn()
			c.conns[p].OnWrite(func() { panic("frames are wrong") })
			c.turn()
			if c.m.ended != EndError {
				t.Errorf("the match's end is %q, want %q", c.m.ended, EndError)
			}
		})
	}
}
