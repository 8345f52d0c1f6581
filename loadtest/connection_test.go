package loadtest

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
	"tactus/protocol"
)

// wire collects the frames of a connection.
type wire struct {
	frames [][]byte
	keep   bool
	full   bool
}

func (w *wire) Send(frame []byte) bool {
	if w.keep {
		w.frames = append(w.frames, bytes.Clone(frame))
	}
	return !w.full
}

func (w *wire) Post(frame []byte) { w.Send(frame) }

// messages returns the payloads sent so far, as a WebSocket library reads them.
func (w *wire) messages(t *testing.T) (list [][]byte) {
	t.Helper()
	for _, frame := range w.frames {
		in := bytes.NewReader(frame)
		f, err := ws.ReadFrame(in)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Header.Masked || !f.Header.Fin || in.Len() != 0 {
			t.Fatalf("frame %x is not one whole masked frame", frame)
		}
		list = append(list, ws.UnmaskFrame(f).Payload)
	}
	return list
}

const tickLength = int64(time.Second) / fakeRate

// newTestConnection returns a connection at time 0, in a window that has begun.
func newTestConnection(verify bool) (*connection, *wire) {
	w := newWindow()
	w.to.Store(math.MaxInt64)
	w.from.Store(0)
	m := newMeter(w)
	out := &wire{keep: true}
	welcome := &protocol.Welcome{Rate: fakeRate, Every: 1, Schema: fakeSchema()}
	c := newConnection(welcome, &visit{bot: &bot{}}, m, random.New(1, 1), verify, 0)
	c.out = out
	c.due = 0
	return c, out
}

func serverFrame(message []byte) []byte { return ws.MustCompileFrame(ws.NewBinaryFrame(message)) }

func (c *connection) mustReceive(t *testing.T, data []byte, now int64) {
	t.Helper()
	if !c.Receive(data, now, false) {
		t.Fatalf("the connection ended: %+v", c.end)
	}
}

func TestConnection_countsMissingSnapshots(t *testing.T) {
	conn, _ := newTestConnection(false)
	for _, tick := range []uint32{1, 2, 3, 5, 6, 11} { // 10 ticks passed, 5 snapshots came
		conn.mustReceive(t, serverFrame(snapshotAt(tick, 0, false, false)), int64(tick)*tickLength)
	}
	r := Report{}
	r.measure(conn.meter)
	if r.Delivered != 0.5 || r.Snapshots != 5 {
		t.Errorf("delivered %v with %d snapshots, want 0.5 and 5", r.Delivered, r.Snapshots)
	}
}

func TestMeter_countsSilenceAtTheEnd(t *testing.T) {
	conn, _ := newTestConnection(false)
	for tick := range int64(11) {
		conn.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), tick*tickLength)
	}
	conn.meter.silence(conn.visit, 20*tickLength)
	r := Report{}
	r.measure(conn.meter)
	if r.Delivered != 0.5 {
		t.Errorf("delivered %v, want 0.5: 10 snapshots in 20 ticks", r.Delivered)
	}
	if r.GapMS.Max < 499 {
		t.Errorf("longest gap %v ms, want the 500 ms at the end", r.GapMS.Max)
	}
}

// ticks receives a snapshot at each of the ticks.
func (c *connection) ticks(t *testing.T, from, to int64) {
	t.Helper()
	for tick := from; tick <= to; tick++ {
		c.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), tick*tickLength)
	}
}

// A silence of more than a second counts, whatever ends it.
func TestMeter_countsTimeWithoutSnapshotsAsUnavailable(t *testing.T) {
	const second = int64(fakeRate)
	for name, c := range map[string]struct {
		play func(t *testing.T, conn *connection)
		want float64
	}{
		"a snapshot ends it": {func(t *testing.T, conn *connection) {
			conn.ticks(t, 1, second)
			conn.ticks(t, 4*second, 10*second)
		}, 3},
		"a second is none": {func(t *testing.T, conn *connection) {
			conn.ticks(t, 1, second)
			conn.ticks(t, 2*second, 10*second)
		}, 0},
		"the end of the test ends it": {func(t *testing.T, conn *connection) { conn.ticks(t, 1, second) }, 9},
		"the next match ends it": {func(t *testing.T, conn *connection) {
			conn.ticks(t, 1, second)
			conn.visit.bot.beginVisit()
			conn.visit = conn.visit.bot.visit
			conn.ticks(t, 5*second, 10*second)
		}, 4},
		"no match ends it": {func(t *testing.T, conn *connection) {
			conn.ticks(t, 1, second)
			conn.visit.bot.beginVisit()
			conn.visit.bot.beginVisit()
		}, 9},
		"the time between two matches is none": {func(t *testing.T, conn *connection) {
			conn.ticks(t, 1, second)
			conn.visit.matchOver()
			conn.visit.bot.beginVisit()
			conn.visit = conn.visit.bot.visit
			conn.ticks(t, 5*second, 10*second)
		}, 0},
		"it began before the window": {func(t *testing.T, conn *connection) {
			conn.meter.window.from.Store(math.MaxInt64)
			conn.ticks(t, 1, second)
			conn.meter.window.from.Store(4 * second * tickLength)
			conn.ticks(t, 5*second, 10*second)
		}, 1},
		"it covers the window": {func(t *testing.T, conn *connection) {
			conn.meter.window.from.Store(math.MaxInt64)
			conn.ticks(t, 1, second)
			conn.meter.window.from.Store(4 * second * tickLength)
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := newTestConnection(false)
			conn.visit.bot.visit = conn.visit
			conn.meter.window.to.Store(10 * second * tickLength)
			c.play(t, conn)
			conn.meter.finish(conn.visit.bot, 10*second*tickLength)
			r := Report{}
			r.measure(conn.meter)
			if math.Abs(r.UnavailableS-c.want) > 0.01 || conn.visit.bot.unavailable != (c.want > 0) || !conn.visit.bot.measured {
				t.Errorf("%v player-seconds unavailable, want %v", r.UnavailableS, c.want)
			}
			if lost := c.want > 0; lost != (r.Delivered < 0.901) {
				t.Errorf("delivered %v", r.Delivered)
			}
		})
	}
}

func TestMeter_countsStallForEverySnapshotHeldUp(t *testing.T) {
	conn, _ := newTestConnection(false)
	at := func(tick int64) int64 { return tick * tickLength }
	for tick := range int64(100) {
		conn.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), at(tick))
	}
	// 50 snapshots come at once, after 51 ticks: one gap of 2.55 s that 1 in 150
	// snapshots ends, but that players spend a third of the time in.
	for tick := int64(100); tick < 150; tick++ {
		conn.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), at(150))
	}
	if p80 := conn.meter.gaps.Micros(80); p80 < 100_000 {
		t.Errorf("p80 gap %d us, want over 100 ms: the stall was coordinated away", p80)
	}
}

func TestConnection_measuresEchoFromWhenInputWasDue(t *testing.T) {
	conn, _ := newTestConnection(false)
	conn.due = int64(10 * time.Millisecond)
	conn.SendInput(int64(15 * time.Millisecond))
	conn.mustReceive(t, serverFrame(snapshotAt(1, 1, false, false)), int64(40*time.Millisecond))
	if n := conn.meter.echoes.Count(); n != 1 {
		t.Fatalf("%d echoes, want 1", n)
	}
	if ms := conn.meter.echoes.Millis(50); ms < 29.9 || ms > 30.1 {
		t.Errorf("echo %v ms, want 30", ms)
	}
	if ms := conn.meter.lateness.Millis(100); ms < 4.9 || ms > 5.1 {
		t.Errorf("lateness %v ms, want 5", ms)
	}
}

func TestConnection_addressesInputsToNextTick(t *testing.T) {
	conn, out := newTestConnection(false)
	now, last := int64(0), protocol.InputHeader{}
	for tick := uint32(1); tick <= 100; tick++ {
		conn.mustReceive(t, serverFrame(snapshotAt(tick, last.Seq, false, false)), now)
		out.frames = out.frames[:0]
		conn.SendInput(now + tickLength/2)
		var words [3]uint32
		h, err := protocol.ParseInput(out.messages(t)[0], words[:])
		if err != nil {
			t.Fatal(err)
		}
		if h.Seq != last.Seq+1 || h.Tick != tick+1 {
			t.Fatalf("input seq %d for tick %d in the middle after tick %d, want seq %d for the next tick", h.Seq, h.Tick, tick, last.Seq+1)
		}
		last, now = h, now+tickLength
	}
}

func TestConnection_sendsEarlierAfterLateInput(t *testing.T) {
	conn, _ := newTestConnection(false)
	almost := tickLength * 9 / 10
	before := conn.nextTick(almost)
	conn.adjustMargin(-1)
	if after := conn.nextTick(almost); after != before+1 {
		t.Errorf("after a late input the next one, as close to its tick, is for tick %d, want %d", after, before+1)
	}
}

func TestConnection_skipsInputsOfPastTicks(t *testing.T) {
	conn, out := newTestConnection(false)
	conn.SendInput(10*tickLength + 1)
	next := conn.InputDue()
	if len(out.frames) != 1 || next != 11*tickLength {
		t.Errorf("%d inputs sent, next due at %d; want 1 and %d", len(out.frames), next, 11*tickLength)
	}
}

// Snapshots that a busy load tester reads together are taken to have arrived evenly,
// and counted. Snapshots that it reads together in time have arrived together.
func TestConnection_lateReadIsNoGapOfTheServer(t *testing.T) {
	for _, c := range []struct {
		late           bool
		longest, known int64 // of the gaps, in ticks; of the snapshots
	}{{true, 1, 2}, {false, 3, 4}} {
		conn, _ := newTestConnection(false)
		conn.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
		conn.mustReceive(t, serverFrame(snapshotAt(2, 0, false, false)), tickLength)
		var data []byte
		for tick := uint32(3); tick < 6; tick++ {
			data = append(data, serverFrame(snapshotAt(tick, 0, false, false))...)
		}
		if !conn.Receive(data, 4*tickLength, c.late) {
			t.Fatalf("the connection ended: %+v", conn.end)
		}
		m := conn.meter
		longest := (m.gaps.Micros(100)*int64(time.Microsecond) + tickLength/2) / tickLength
		if longest != c.longest || m.snapshots-m.estimated != c.known || conn.tickAt != 4*tickLength {
			t.Errorf("late %v: longest gap %d ticks, %d of %d snapshots estimated, the newest at %d", c.late, longest, m.estimated, m.snapshots, conn.tickAt)
		}
	}
}

func TestConnection_countsBacklogOfSlowReader(t *testing.T) {
	conn, _ := newTestConnection(false)
	conn.slow = SlowBursts.reading()
	conn.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
	conn.slow.Resumed = 100 * tickLength
	for tick := uint32(2); tick < 5; tick++ {
		conn.mustReceive(t, serverFrame(snapshotAt(tick, 0, false, false)), 100*tickLength+int64(tick))
	}
	conn.mustReceive(t, serverFrame(snapshotAt(5, 0, false, false)), 102*tickLength)
	if got := conn.meter.slow.backlog; got != 3 {
		t.Errorf("backlog %d, want the 3 snapshots that came at once", got)
	}
	if conn.meter.snapshots != 0 {
		t.Error("a slow reader was measured like the others")
	}
}

func TestConnection_receivesFramesInAnyPieces(t *testing.T) {
	conn, _ := newTestConnection(true)
	stream := serverFrame(snapshotAt(1, 0, true, false))
	for tick := uint32(2); tick < 6; tick++ {
		stream = append(stream, serverFrame(snapshotAt(tick, 0, false, false))...)
	}
	for i := range stream {
		conn.mustReceive(t, stream[i:i+1], int64(i))
	}
	if m := conn.meter; m.checked != 5 || m.mismatched+m.broken != 0 {
		t.Errorf("%d checked, %d mismatched, %d broken; want 5, 0, 0", m.checked, m.mismatched, m.broken)
	}
}

func TestConnection_answersControlFrames(t *testing.T) {
	conn, out := newTestConnection(false)
	conn.mustReceive(t, ws.MustCompileFrame(ws.NewPingFrame([]byte("x"))), 0)
	open := conn.Receive(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(4002, "slow"))), 0, false)
	if open || conn.end.code != protocol.CloseSlow {
		t.Errorf("ending %+v, open %v; want code 4002", conn.end, open)
	}
	m := out.messages(t)
	if len(m) != 2 || string(m[0]) != "x" || out.frames[0][0]&0xf != byte(ws.OpPong) || out.frames[1][0]&0xf != byte(ws.OpClose) {
		t.Errorf("answers %x, want a pong with the ping's payload and a close", out.frames)
	}
}

func TestConnection_allocatesNothingPerTick(t *testing.T) {
	for name, verify := range map[string]bool{"counting": false, "verifying": true} {
		t.Run(name, func(t *testing.T) {
			conn, out := newTestConnection(verify)
			out.keep = false
			conn.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
			tick, now := uint32(1), int64(0)
			frames := make([][]byte, 0, 1001)
			for i := range uint32(1001) {
				frames = append(frames, serverFrame(snapshotAt(i+2, i, false, false)))
			}
			allocs := testing.AllocsPerRun(1000, func() {
				conn.mustReceive(t, frames[tick-1], now)
				conn.SendInput(now)
				tick++
				now += tickLength
			})
			if allocs != 0 {
				t.Errorf("%v allocations per tick, want 0", allocs)
			}
			if conn.meter.broken+conn.meter.mismatched != 0 {
				t.Error("the snapshots did not apply")
			}
		})
	}
}

func TestConnection_refusesTextFrames(t *testing.T) {
	c, _ := newTestConnection(false)
	if c.Receive(ws.MustCompileFrame(ws.NewTextFrame([]byte("hi"))), 0, false) || !errors.Is(c.end.err, frame.ErrInvalid) {
		t.Errorf("ending %+v; want %v", c.end, frame.ErrInvalid)
	}
}

func BenchmarkBotTick(b *testing.B) {
	for name, verify := range map[string]bool{"counting": false, "verifying": true} {
		b.Run(name, func(b *testing.B) {
			conn, out := newTestConnection(verify)
			out.keep = false
			keyframe := serverFrame(snapshotAt(1, 0, true, false))
			delta := serverFrame(snapshotAt(2, 0, false, false))
			now := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				conn.Receive(keyframe, now, false)
				conn.Receive(delta, now, false)
				conn.SendInput(now)
				now += tickLength
			}
		})
	}
}
