package replicate

import (
	"testing"

	"tactus/game"
	"tactus/loadtest/workload"
)

// What a client is sent in ten seconds of the benchmarks' workloads, frame heads
// included, in bytes: the same on every machine. A change of the wire or of the
// engine that makes it less lowers the figure here; one that makes it more needs
// a reason that is worth it.
const (
	roomsBytes = 29781
	crowdBytes = 159726
)

// Marks of the workloads, bytes per client and second.
const (
	roomsMark = 3500
	crowdMark = 24000
)

func TestEncoder_bytesPerClient(t *testing.T) {
	const seconds = 10
	for _, w := range []struct {
		game       game.Game
		mode       string
		want, mark int
	}{
		{workload.Rooms, workload.ModeRooms, roomsBytes, roomsMark},
		{workload.Crowd, workload.ModeCrowd, crowdBytes, crowdMark},
	} {
		got := scriptedBytes(t, w.game, w.mode, seconds)
		if got != w.want {
			t.Errorf("%s: a client is sent %d bytes in %d s, the baseline is %d", w.mode, got, seconds, w.want)
		}
		if got/seconds > w.mark {
			t.Errorf("%s: %d bytes a second, the mark is %d", w.mode, got/seconds, w.mark)
		}
	}
}

// scriptedBytes plays a full match by hand, with inputs from a seed, and returns
// the mean bytes of a client without its keyframe.
func scriptedBytes(t *testing.T, g game.Game, name string, seconds int) int {
	t.Helper()
	info := g.Info()
	mode, known := info.Mode(name)
	if !known {
		t.Fatalf("%s has no mode %s", info.Name, name)
	}
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: mode, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	players := make([]scriptedPlayer, mode.MaxPlayers)
	for p := range players {
		sim.Join(game.Slot(p), game.PlayerInfo{Team: -1})
		players[p].view.Slot = game.Slot(p)
		players[p].rand.Seed(uint64(p) + 1)
	}
	tracker, total := NewTracker(sim), 0
	var encoder Encoder
	var frame []byte
	for tick := range 1 + seconds*info.Rate() {
		for p := range players {
			sim.SetInput(game.Slot(p), 0, players[p].steer(tick, info.Rate()))
		}
		sim.Step()
		tracker.CollectEvents(sim.Tick())
		tracker.BeginSnapshot(sim.Tick())
		encoder.Reset(tracker)
		for p := range players {
			tracker.Prepare(&players[p].view)
			frame = encoder.Encode(frame[:0], &players[p].view, Header{Ack: uint32(tick), Slack: 1, Percent: 100})
			players[p].view.Sent(sim.Tick())
			if tick > 0 {
				total += frameHead(len(frame)) + len(frame)
			}
		}
		tracker.EndSnapshot()
	}
	return total / len(players)
}

// frameHead is the size of a WebSocket frame's head (RFC 6455, section 5.2).
func frameHead(payload int) int {
	if payload < 126 {
		return 2
	}
	return 4
}

// scriptedPlayer plays as the load tester's bots do: another direction each second, and an
// aim that turns a little in every tick.
type scriptedPlayer struct {
	view  View
	rand  game.Rand
	words [2]uint32
	turn  int32
}

func (h *scriptedPlayer) steer(tick, rate int) []uint32 {
	if (tick+int(h.view.Slot))%rate == 0 || tick == 0 {
		h.words = [2]uint32{uint32(h.rand.Range(1, 256)), uint32(h.rand.Intn(1 << 16))}
		h.turn = h.rand.Range(-512, 512)
	}
	h.words[1] = uint32(int32(h.words[1])+h.turn) & 0xFFFF
	return h.words[:]
}
