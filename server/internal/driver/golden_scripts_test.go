package driver

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
)

// probeMode is a mode of the golden tests' game.
func probeMode(players, teams, fill int) game.Mode {
	return game.Mode{Name: "golden", MaxPlayers: players, Teams: teams, Fill: fill}
}

func TestGolden_seats(t *testing.T) {
	mode := probeMode(6, 2, 4)
	s := newScript(t, scriptConfig{game: probeGame{mode: mode}, mode: mode, shards: 1, queue: "q", backfill: true})
	s.run(4)
	ann, bob := s.client("ann"), s.client("bob")
	s.ask("first", time.Minute,
		place{player: "ann", name: "Ann", team: 0, reservation: "r1", skill: 1200},
		place{player: "bob", name: "Ann", team: 1, reservation: "r2", skill: 900})
	s.run(1)
	ann.claim(s.seats["first"][0], "r1", protocol.FeatureReply)
	bob.claim(s.seats["first"][1], "r2", 0)
	s.run(4) // bots fill the match
	seatsPlay(s, ann, bob)
	seatsReservations(s)
	seatsConnections(s, ann, bob)
	seatsEviction(s)
	seatsRefusals(s, ann)
	seatsEnd(s, ann, bob)
	s.finish("seats")
}

// seatsPlay has inputs, commands, chat, pings, and a request for a keyframe.
func seatsPlay(s *script, ann, bob *scriptClient) {
	for i := range int32(20) {
		ann.input(i%5-2, 1)
		bob.input(3, -i%3)
		s.run(1)
	}
	ann.command(1, "shout", 5)
	ann.say("hello", 2)
	ann.input(4, 4)
	ann.command(3, "no such thing")
	bob.say("a\tb", 0)
	bob.command(4, "hit")
	bob.conn.send(protocol.AppendPing(nil, &protocol.Ping{Time: 77}))
	s.run(2)
	ann.conn.send(protocol.AppendResync(nil))
	bob.say("bye for now", 0)
	s.run(2)
	bob.conn.block(true)
	ann.command(0, "shout", 6)
	s.run(3)
	bob.conn.block(false)
	s.run(2)
}

// seatsReservations has one that is taken back, one that expires, and some that
// are refused.
func seatsReservations(s *script) {
	s.ask("cleo", time.Minute, place{player: "cleo", name: "Cleo", team: 0, reservation: "r3"})
	s.ask("dan", 300*time.Millisecond, place{player: "dan", name: "Dan", team: -1, reservation: "r4"})
	s.run(2)
	s.release("r3", "r9")
	s.ask("crowd", time.Minute,
		place{player: "p1", name: "P1", team: 0, reservation: "p1"}, place{player: "p2", name: "P2", team: 0, reservation: "p2"},
		place{player: "p3", name: "P3", team: 0, reservation: "p3"})
	s.run(10)
}

// seatsConnections has lost connections that come back by a secret, by a new
// token, and in place of one that is still open.
func seatsConnections(s *script, ann, bob *scriptClient) {
	ann.input(5, 0)
	bob.input(0, 5)
	s.run(3)
	ann.conn.lose()
	s.run(3)
	ann.resume(ann.secret)
	s.run(3)
	ann.resume(ann.secret) // the old connection is open
	s.run(2)
	bob.command(7, "shout", 9)
	bob.input(2, 2)
	bob.conn.lose()
	s.run(2)
	s.ask("bob again", time.Minute, place{player: "bob", name: "Bob", team: 0, reservation: "r5"})
	s.run(1)
	bob.claim(s.seats["bob again"][0], "r5", 0)
	s.run(2)
	s.ask("bob elsewhere", time.Minute, place{player: "bob", name: "Bob", team: 0, reservation: "r6"})
	s.run(1)
	bob.claim(s.seats["bob elsewhere"][0], "r6", protocol.FeatureReply)
	s.run(2)
	bob.conn.lose() // in one turn, in the order of slots
	ann.conn.lose()
	s.run(2)
	bob.resume(bob.secret)
	ann.resume(ann.secret)
	s.run(2)
}

// seatsEviction has players that bots give way to, and players that are evicted,
// leave, break the protocol, or do not return in time.
func seatsEviction(s *script) {
	eve, fay, gus, hal := s.client("eve"), s.client("fay"), s.client("gus"), s.client("hal")
	for _, c := range []*scriptClient{eve, fay, gus, hal} {
		c.sit(-1)
		s.run(2)
	}
	s.evict("eve")
	s.evict("nobody")
	s.run(3)
	fay.input(1, 1)
	fay.command(1, "shout", 11)
	fay.say("leaving", 2)
	fay.conn.send(protocol.AppendBye(nil))
	fay.command(2, "shout", 12)
	s.run(3)
	gus.input(1, 1)
	gus.conn.send([]byte{0xc1})
	s.run(3)
	hal.input(-3, -3)
	s.run(3)
	hal.conn.lose()
	s.run(50)
}

// seatsRefusals has connections that get no seat.
func seatsRefusals(s *script, ann *scriptClient) {
	for i, try := range []struct {
		slot        game.Slot
		reservation string
	}{{ann.slot, "r1"}, {ann.slot, "r5"}, {5, "never"}, {6, "r1"}} {
		s.client(fmt.Sprint("no", i)).claim(try.slot, try.reservation, 0)
		s.run(1)
	}
	stranger := s.client("nobody")
	stranger.slot = ann.slot
	stranger.resume("00")
	s.run(1)
}

// seatsEnd has the match's result, and what comes behind it.
func seatsEnd(s *script, ann, bob *scriptClient) {
	ann.command(1, "finish")
	bob.conn.lose()
	s.run(8)
	bob.resume(bob.secret)
	s.ask("late", time.Minute, place{player: "ida", name: "Ida", team: -1, reservation: "r7"})
	s.run(30)
	s.ask("closed", time.Minute, place{player: "ida", name: "Ida", team: -1, reservation: "r8"})
	s.client("late").claim(0, "r8", 0)
	s.run(1)
}

func TestGolden_panicOfTheRules(t *testing.T) {
	mode := probeMode(4, 0, 3)
	s := newScript(t, scriptConfig{game: probeGame{mode: mode}, mode: mode, shards: 1})
	ann, bob := s.client("ann"), s.client("bob")
	ann.sit(-1)
	bob.sit(-1)
	s.run(6)
	ann.input(1, 1)
	bob.input(2, 2)
	bob.say("look", 1)
	s.run(2)
	bob.input(3, 3)
	ann.command(1, "panic")
	ann.input(-1, -1)
	s.ask("late", time.Minute, place{player: "cleo", name: "Cleo", team: -1, reservation: "r1"})
	s.run(3)
	s.client("cleo").claim(2, "r1", 0)
	s.run(2)
	s.finish("panic")
}

func TestGolden_hibernation(t *testing.T) {
	mode := probeMode(4, 0, 0)
	s := newScript(t, scriptConfig{game: probeGame{mode: mode}, mode: mode, shards: 1})
	ann, bob := s.client("ann"), s.client("bob")
	ann.sit(-1)
	bob.sit(-1)
	for i := range int32(20) {
		ann.input(i%3, 1)
		s.run(1)
	}
	ann.input(0, 0)
	s.run(120) // it hibernates
	bob.conn.send(protocol.AppendPing(nil, &protocol.Ping{Time: 5}))
	s.run(10)
	bob.command(1, "shout", 3)
	s.run(90)
	s.ask("cleo", time.Minute, place{player: "cleo", name: "Cleo", team: -1, reservation: "r1"})
	s.run(100)
	bob.conn.lose()
	s.run(60)
	s.stop()
	s.run(2)
	s.finish("hibernation")
}

func TestGolden_emptyMatchEnds(t *testing.T) {
	mode := probeMode(4, 0, 2)
	s := newScript(t, scriptConfig{game: probeGame{mode: mode}, mode: mode, shards: 1})
	ann := s.client("ann")
	ann.sit(-1)
	s.run(10)
	ann.conn.send(protocol.AppendBye(nil))
	s.run(120)
	s.finish("empty")
}

// TestGolden_crowd plays a match that is big enough for several goroutines. What
// clients receive does not depend on how many there are.
func TestGolden_crowd(t *testing.T) {
	for _, cells := range []bool{false, true} {
		for _, shards := range []int{1, 4} {
			if testing.Short() && shards == 1 {
				continue // one goroutine: nothing for the race detector
			}
			name := "crowd"
			if cells {
				name = "crowd-cells"
			}
			t.Run(fmt.Sprint(name, "-", shards), func(t *testing.T) { playCrowd(t, name, cells, shards) })
		}
	}
}

const crowdSize = 300

func playCrowd(t *testing.T, name string, cells bool, shards int) {
	t.Helper()
	mode := probeMode(crowdSize+20, 2, 0)
	s := newScript(t, scriptConfig{game: probeGame{mode: mode, cells: cells}, mode: mode, shards: shards})
	places := make([]place, crowdSize)
	for i := range places {
		id := fmt.Sprint("p", i)
		places[i] = place{player: id, name: id, team: -1, reservation: id}
	}
	s.ask("crowd", time.Minute, places...)
	s.run(1)
	for i := range places {
		c := s.client(places[i].player)
		c.blind = i%50 != 0
		c.claim(s.seats["crowd"][i], places[i].reservation, protocol.FeatureReply)
	}
	var records bytes.Buffer
	for tick := range 60 {
		s.crowdTick(tick)
		fmt.Fprintf(&records, "tick %d: %d lines %016x\n", tick, bytes.Count(s.records.Bytes(), []byte("\n")), sumOf(s.records.Bytes()))
		s.records.Reset()
	}
	if got := s.shards(); got != shards {
		t.Errorf("the match was read and written by %d goroutines, want %d", got, shards)
	}
	for _, c := range s.clients {
		fmt.Fprintf(&s.stream, "%s %d bytes %016x\n", c.name, c.bytes, c.sum)
	}
	golden(t, name+".stream", s.stream.Bytes())
	golden(t, name+".records", records.Bytes())
}

// crowdTick lets everyone move, and some do something else.
func (s *script) crowdTick(tick int) {
	for i, c := range s.clients {
		if c.closedSeen || (tick/8+i)%5 == 0 {
			continue
		}
		c.input(int32((tick/4+i)%9-4), int32((tick/7+2*i)%5-2))
	}
	of := func(i int) *scriptClient { return s.clients[i] }
	switch tick {
	case 12, 13:
		of(17).command(1, "shout", int32(tick))
		of(3).command(2, "hit")
		of(250).say("hello", 3)
	case 16:
		of(40).conn.block(true)
		of(41).conn.block(true)
		of(90).conn.send(protocol.AppendResync(nil))
	case 20:
		for i := 100; i < 110; i++ {
			of(i).conn.lose()
		}
	case 24:
		of(40).conn.block(false)
		of(60).conn.send(protocol.AppendBye(nil))
		of(61).conn.send(protocol.AppendBye(nil))
	case 26:
		for i := 109; i > 104; i-- {
			of(i).resume(of(i).secret)
		}
	case 30:
		of(41).conn.block(false)
		of(7).conn.send([]byte{0xc1})
	case 36:
		s.evict("p200")
	}
	s.passed += tickTime
	s.advance(tickTime)
	s.sumUp(tick)
}

// sumUp adds what each client received to a sum of its own, and to one of all
// clients that is noted for the tick.
func (s *script) sumUp(tick int) {
	all, size := uint64(0), 0
	for _, c := range s.clients {
		eachFrame(c.conn.received(), func(payload []byte, ping bool) {
			if !ping {
				c.message(payload)
			}
			c.sum = c.sum*0x100000001b3 ^ sumOf(payload)
			c.bytes += len(payload)
			size += len(payload)
		})
		if code := c.conn.closed(); code != 0 && !c.closedSeen {
			c.closedSeen = true
			c.sum = c.sum*0x100000001b3 ^ uint64(code)
		}
		all = all*0x100000001b3 ^ c.sum
	}
	fmt.Fprintf(&s.stream, "tick %d: %d bytes %016x\n", tick, size, all)
}
