package replicate

import (
	"testing"
	"time"

	"tactus/game"
	"tactus/loadtest/workload"
)

// Bytes that a client is sent in ten seconds of the benchmarks' workloads, with
// frame headers. They are the same on every machine. A change that saves bytes
// lowers the figure here; a change that costs bytes needs a good reason.
const (
	roomsBytes = 29781
	crowdBytes = 159726
)

// Limits of the workloads, in bytes per client and second.
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
		got := bytesPerClient(t, w.game, w.mode, seconds)
		if got != w.want {
			t.Errorf("%s: a client is sent %d bytes in %d s, want %d", w.mode, got, seconds, w.want)
		}
		if got/seconds > w.mark {
			t.Errorf("%s: %d bytes a second, the limit is %d", w.mode, got/seconds, w.mark)
		}
	}
}

// bytesPerClient returns how many bytes a client of a full match is sent, without
// its keyframe.
func bytesPerClient(t *testing.T, g game.Game, name string, seconds int) int {
	t.Helper()
	mode, _ := g.Info().Mode(name)
	m := newScriptedMatch(t, g, name, mode.MaxPlayers)
	m.tick()
	m.bytes = 0
	for range seconds * g.Info().Rate() {
		m.tick()
	}
	return m.bytes / mode.MaxPlayers
}

// scriptedMatch is a match in which players send inputs from a seed.
type scriptedMatch struct {
	sim      *game.Simulation
	tracker  *Tracker
	encoder  Encoder
	players  []scriptedPlayer
	ticks    int
	bytes    int // sent, with the headers of WebSocket frames
	snapshot []byte
}

func newScriptedMatch(tb testing.TB, g game.Game, name string, players int) *scriptedMatch {
	tb.Helper()
	info := g.Info()
	mode, known := info.Mode(name)
	if !known {
		tb.Fatalf("%s has no mode %s", info.Name, name)
	}
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: mode, Seed: 1, Options: []game.Option{{Name: "seconds", Value: 3600}}})
	if err != nil {
		tb.Fatal(err)
	}
	m := &scriptedMatch{sim: sim, tracker: NewTracker(sim), players: make([]scriptedPlayer, players)}
	for p := range m.players {
		sim.Join(game.Slot(p), game.PlayerInfo{Team: -1})
		m.players[p].view.Slot = game.Slot(p)
		m.players[p].rand.Seed(uint64(p) + 1)
		m.players[p].words = make([]uint32, info.Input.Stride)
	}
	return m
}

// tick steps the world once, sends every player a snapshot, and returns how long
// the snapshots took.
func (m *scriptedMatch) tick() time.Duration {
	rate := m.sim.Info().Rate()
	for p := range m.players {
		m.sim.SetInput(game.Slot(p), 0, m.players[p].steer(m.ticks, rate))
	}
	m.sim.Step()
	tick := m.sim.Tick()
	begun := time.Now()
	m.tracker.CollectEvents(tick)
	m.tracker.BeginSnapshot(tick)
	m.encoder.Reset(m.tracker)
	for p := range m.players {
		v := &m.players[p].view
		m.tracker.Prepare(v)
		m.snapshot = m.encoder.Encode(m.snapshot[:0], v, Header{Ack: uint32(m.ticks), Slack: 1, Percent: 100})
		v.Sent(tick)
		m.bytes += frameHeader(len(m.snapshot)) + len(m.snapshot)
	}
	m.tracker.EndSnapshot()
	m.ticks++
	return time.Since(begun)
}

// frameHeader returns the size of a WebSocket frame's header (RFC 6455, section
// 5.2).
func frameHeader(payload int) int {
	if payload < 126 {
		return 2
	}
	return 4
}

// scriptedPlayer plays as the load tester's bots do: a new direction each
// second, and an aim that turns a little in every tick.
type scriptedPlayer struct {
	view  View
	rand  game.Rand
	words []uint32 // direction, aim; or in the arena: direction (2), aim, buttons
	turn  int32
}

func (p *scriptedPlayer) steer(tick, rate int) []uint32 {
	aim := len(p.words) / 2
	if (tick+int(p.view.Slot))%rate == 0 || tick == 0 {
		if len(p.words) == 2 {
			p.words[0] = uint32(p.rand.Range(1, 256))
		}
		if len(p.words) == 4 {
			p.words[0], p.words[1] = uint32(p.rand.Range(-1, 2)<<16), uint32(p.rand.Range(-1, 2)<<16)
			p.words[3] = uint32(p.rand.Intn(2))
		}
		p.words[aim] = uint32(p.rand.Intn(1 << 16))
		p.turn = p.rand.Range(-512, 512)
	}
	p.words[aim] = uint32(int32(p.words[aim])+p.turn) & 0xFFFF
	return p.words
}
