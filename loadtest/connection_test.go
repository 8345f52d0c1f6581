package loadtest

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// wire collects what a link sends.
type wire struct {
	frames [][]byte
	keep   bool
	full   bool
}

func (w *wire) send(frame []byte) bool {
	if w.keep {
		w.frames = append(w.frames, bytes.Clone(frame))
	}
	return !w.full
}

// messages returns the payloads sent so far, by a WebSocket library's reading.
func (w *wire) post(frame []byte) { w.send(frame) }

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

// newTestConnection returns a link at time 0 whose measuring has begun.
func newTestConnection(verify bool) (*connection, *wire) {
	w := newWindow()
	w.to.Store(math.MaxInt64)
	w.from.Store(0)
	m := newMeter(w)
	out := &wire{keep: true}
	welcome := &protocol.Welcome{Rate: fakeRate, Every: 1, Schema: fakeSchema()}
	l := newConnection(welcome, &visit{bot: &bot{}}, m, newRandom(1, 1), verify, 0)
	l.out = out
	l.due = 0
	return l, out
}

func serverFrame(message []byte) []byte { return ws.MustCompileFrame(ws.NewBinaryFrame(message)) }

func (l *connection) mustReceive(t *testing.T, data []byte, now int64) {
	t.Helper()
	if end, open := l.receive(data, now); !open {
		t.Fatalf("the link ended: %+v", end)
	}
}

func TestConnection_countsMissingSnapshots(t *testing.T) {
	l, _ := newTestConnection(false)
	for _, tick := range []uint32{1, 2, 3, 5, 6, 11} { // 10 ticks passed, 5 snapshots came
		l.mustReceive(t, serverFrame(snapshotAt(tick, 0, false, false)), int64(tick)*tickLength)
	}
	r := Report{}
	r.measure(l.meter)
	if r.Delivered != 0.5 || r.Snapshots != 5 {
		t.Errorf("delivered %v with %d snapshots, want 0.5 and 5", r.Delivered, r.Snapshots)
	}
}

func TestMeter_countsSilenceAtTheEnd(t *testing.T) {
	l, _ := newTestConnection(false)
	for tick := range int64(11) {
		l.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), tick*tickLength)
	}
	l.meter.silence(l.visit, 20*tickLength)
	r := Report{}
	r.measure(l.meter)
	if r.Delivered != 0.5 {
		t.Errorf("delivered %v, want 0.5: 10 snapshots in 20 ticks", r.Delivered)
	}
	if r.GapMS.Max < 499 {
		t.Errorf("longest gap %v ms, want the 500 ms at the end", r.GapMS.Max)
	}
}

// ticks receives a snapshot at each of the ticks.
func (l *connection) ticks(t *testing.T, from, to int64) {
	t.Helper()
	for tick := from; tick <= to; tick++ {
		l.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), tick*tickLength)
	}
}

// TestMeter_countsTimeWithoutSnapshotsAsUnavailable: a silence of more than a second counts,
// whatever ends it.
func TestMeter_countsTimeWithoutSnapshotsAsUnavailable(t *testing.T) {
	const second = int64(fakeRate)
	for name, c := range map[string]struct {
		play func(t *testing.T, l *connection)
		want float64
	}{
		"a snapshot ends it": {func(t *testing.T, l *connection) {
			l.ticks(t, 1, second)
			l.ticks(t, 4*second, 10*second)
		}, 3},
		"a second is none": {func(t *testing.T, l *connection) {
			l.ticks(t, 1, second)
			l.ticks(t, 2*second, 10*second)
		}, 0},
		"the end of the test ends it": {func(t *testing.T, l *connection) { l.ticks(t, 1, second) }, 9},
		"the next match ends it": {func(t *testing.T, l *connection) {
			l.ticks(t, 1, second)
			l.visit.bot.beginVisit()
			l.visit = l.visit.bot.visit
			l.ticks(t, 5*second, 10*second)
		}, 4},
		"no match ends it": {func(t *testing.T, l *connection) {
			l.ticks(t, 1, second)
			l.visit.bot.beginVisit()
			l.visit.bot.beginVisit()
		}, 9},
		"the time between two matches is none": {func(t *testing.T, l *connection) {
			l.ticks(t, 1, second)
			l.visit.end()
			l.visit.bot.beginVisit()
			l.visit = l.visit.bot.visit
			l.ticks(t, 5*second, 10*second)
		}, 0},
		"it began before the window": {func(t *testing.T, l *connection) {
			l.meter.window.from.Store(math.MaxInt64)
			l.ticks(t, 1, second)
			l.meter.window.from.Store(4 * second * tickLength)
			l.ticks(t, 5*second, 10*second)
		}, 1},
		"it covers the window": {func(t *testing.T, l *connection) {
			l.meter.window.from.Store(math.MaxInt64)
			l.ticks(t, 1, second)
			l.meter.window.from.Store(4 * second * tickLength)
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := newTestConnection(false)
			l.visit.bot.visit = l.visit
			l.meter.window.to.Store(10 * second * tickLength)
			c.play(t, l)
			l.meter.finish(l.visit.bot, 10*second*tickLength)
			r := Report{}
			r.measure(l.meter)
			if math.Abs(r.UnavailableS-c.want) > 0.01 || l.visit.bot.unavailable != (c.want > 0) || !l.visit.bot.measured {
				t.Errorf("%v player-seconds unavailable, want %v", r.UnavailableS, c.want)
			}
			if lost := c.want > 0; lost != (r.Delivered < 0.901) {
				t.Errorf("delivered %v", r.Delivered)
			}
		})
	}
}

func TestMeter_countsStallForEverySnapshotHeldUp(t *testing.T) {
	l, _ := newTestConnection(false)
	at := func(tick int64) int64 { return tick * tickLength }
	for tick := range int64(100) {
		l.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), at(tick))
	}
	// 50 snapshots come at once, after 51 ticks: one gap of 2.55 s that 1 in 150
	// snapshots ends, but that players spend a third of the time in.
	for tick := int64(100); tick < 150; tick++ {
		l.mustReceive(t, serverFrame(snapshotAt(uint32(tick), 0, false, false)), at(150))
	}
	if p80 := l.meter.gaps.ValueAtQuantile(80); p80 < 100_000 {
		t.Errorf("p80 gap %d us, want over 100 ms: the stall was coordinated away", p80)
	}
}

func TestConnection_measuresEchoFromWhenInputWasDue(t *testing.T) {
	l, _ := newTestConnection(false)
	l.due = int64(10 * time.Millisecond)
	l.play(int64(15 * time.Millisecond))
	l.mustReceive(t, serverFrame(snapshotAt(1, 1, false, false)), int64(40*time.Millisecond))
	if n := l.meter.echoes.TotalCount(); n != 1 {
		t.Fatalf("%d echoes, want 1", n)
	}
	if ms := quantile(l.meter.echoes, 50); ms < 29.9 || ms > 30.1 {
		t.Errorf("echo %v ms, want 30", ms)
	}
	if ms := quantile(l.meter.lateness, 100); ms < 4.9 || ms > 5.1 {
		t.Errorf("lateness %v ms, want 5", ms)
	}
}

func TestConnection_addressesInputsToNextTick(t *testing.T) {
	l, out := newTestConnection(false)
	now, last := int64(0), protocol.InputHeader{}
	for tick := uint32(1); tick <= 100; tick++ {
		l.mustReceive(t, serverFrame(snapshotAt(tick, last.Seq, false, false)), now)
		out.frames = out.frames[:0]
		l.play(now + tickLength/2)
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
	l, _ := newTestConnection(false)
	almost := tickLength * 9 / 10
	before := l.nextTick(almost)
	l.adjustMargin(-1)
	if after := l.nextTick(almost); after != before+1 {
		t.Errorf("after a late input the next one, as close to its tick, is for tick %d, want %d", after, before+1)
	}
}

func TestConnection_skipsInputsOfPastTicks(t *testing.T) {
	l, out := newTestConnection(false)
	var q queue
	q.add(l)
	now := 10*tickLength + 1
	q.playDue(now)
	next := q.wheel.Next(math.MaxInt64)
	if len(out.frames) != 1 || next != 11*tickLength {
		t.Errorf("%d inputs sent, next due at %d; want 1 and %d", len(out.frames), next, 11*tickLength)
	}
}

// TestConnection_lateReadIsNoGapOfTheServer: what a busy load tester reads at once is
// taken to have come evenly, and counted; what it reads at once though it was in
// time did come at once.
func TestConnection_lateReadIsNoGapOfTheServer(t *testing.T) {
	for _, c := range []struct {
		overdue        bool
		longest, known int64 // of the gaps, in ticks; of the snapshots
	}{{true, 1, 2}, {false, 3, 4}} {
		l, _ := newTestConnection(false)
		l.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
		l.mustReceive(t, serverFrame(snapshotAt(2, 0, false, false)), tickLength)
		var late []byte
		for tick := uint32(3); tick < 6; tick++ {
			late = append(late, serverFrame(snapshotAt(tick, 0, false, false))...)
		}
		l.overdue = c.overdue
		l.mustReceive(t, late, 4*tickLength)
		m := l.meter
		longest := (m.gaps.Max()*int64(time.Microsecond) + tickLength/2) / tickLength
		if longest != c.longest || m.snapshots-m.estimated != c.known || l.tickAt != 4*tickLength {
			t.Errorf("overdue %v: longest gap %d ticks, %d of %d snapshots estimated, the newest at %d", c.overdue, longest, m.estimated, m.snapshots, l.tickAt)
		}
	}
}

func TestConnection_countsBacklogOfSlowReader(t *testing.T) {
	l, _ := newTestConnection(false)
	l.slow = SlowBursts
	l.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
	l.resumeReading(100 * tickLength)
	for tick := uint32(2); tick < 5; tick++ {
		l.mustReceive(t, serverFrame(snapshotAt(tick, 0, false, false)), 100*tickLength+int64(tick))
	}
	l.mustReceive(t, serverFrame(snapshotAt(5, 0, false, false)), 102*tickLength)
	if got := l.meter.slow.backlog; got != 3 {
		t.Errorf("backlog %d, want the 3 snapshots that came at once", got)
	}
	if l.meter.snapshots != 0 {
		t.Error("a slow reader was measured like the others")
	}
}

func TestConnection_receivesFramesInAnyPieces(t *testing.T) {
	l, _ := newTestConnection(true)
	stream := serverFrame(snapshotAt(1, 0, true, false))
	for tick := uint32(2); tick < 6; tick++ {
		stream = append(stream, serverFrame(snapshotAt(tick, 0, false, false))...)
	}
	for i := range stream {
		l.mustReceive(t, stream[i:i+1], int64(i))
	}
	if m := l.meter; m.checked != 5 || m.mismatched+m.broken != 0 {
		t.Errorf("%d checked, %d mismatched, %d broken; want 5, 0, 0", m.checked, m.mismatched, m.broken)
	}
}

func TestConnection_answersControlFrames(t *testing.T) {
	l, out := newTestConnection(false)
	l.mustReceive(t, ws.MustCompileFrame(ws.NewPingFrame([]byte("x"))), 0)
	end, open := l.receive(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(4002, "slow"))), 0)
	if open || end.code != protocol.CloseSlow {
		t.Errorf("ending %+v, open %v; want code 4002", end, open)
	}
	m := out.messages(t)
	if len(m) != 2 || string(m[0]) != "x" || out.frames[0][0]&0xf != byte(ws.OpPong) || out.frames[1][0]&0xf != byte(ws.OpClose) {
		t.Errorf("answers %x, want a pong with the ping's payload and a close", out.frames)
	}
}

func TestConnection_allocatesNothingPerTick(t *testing.T) {
	for name, verify := range map[string]bool{"counting": false, "verifying": true} {
		t.Run(name, func(t *testing.T) {
			l, out := newTestConnection(verify)
			out.keep = false
			l.mustReceive(t, serverFrame(snapshotAt(1, 0, true, false)), 0)
			tick, now := uint32(1), int64(0)
			frames := make([][]byte, 0, 1001)
			for i := range uint32(1001) {
				frames = append(frames, serverFrame(snapshotAt(i+2, i, false, false)))
			}
			allocs := testing.AllocsPerRun(1000, func() {
				l.mustReceive(t, frames[tick-1], now)
				l.play(now)
				tick++
				now += tickLength
			})
			if allocs != 0 {
				t.Errorf("%v allocations per tick, want 0", allocs)
			}
			if l.meter.broken+l.meter.mismatched != 0 {
				t.Error("the snapshots did not apply")
			}
		})
	}
}

func BenchmarkBotTick(b *testing.B) {
	for name, verify := range map[string]bool{"counting": false, "verifying": true} {
		b.Run(name, func(b *testing.B) {
			l, out := newTestConnection(verify)
			out.keep = false
			keyframe := serverFrame(snapshotAt(1, 0, true, false))
			delta := serverFrame(snapshotAt(2, 0, false, false))
			now := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				l.receive(keyframe, now)
				l.receive(delta, now)
				l.play(now)
				now += tickLength
			}
		})
	}
}
