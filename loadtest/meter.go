package loadtest

import (
	"math"
	"sync/atomic"
	"time"

	"tactus/loadtest/internal/histogram"
	"tactus/protocol"
)

// window is the time that is measured, on the run's clock. It is set once all bots
// are in a match. Until then it is empty. It is safe for concurrent use.
type window struct{ from, to atomic.Int64 }

func newWindow() *window {
	w := &window{}
	w.from.Store(math.MaxInt64)
	return w
}

// begun reports whether the window has been set.
func (w *window) begun() bool { return w.from.Load() != math.MaxInt64 }

// clip returns the part of a time that lies in the window. Nothing does when to is
// not after from.
func (w *window) clip(from, to int64) (int64, int64) {
	return max(from, w.from.Load()), min(to, w.to.Load())
}

func (w *window) holds(now int64) bool { return now >= w.from.Load() && now < w.to.Load() }

// visit is a bot's time in one match. It outlives a connection, so that snapshots
// missed during a reconnect count as missed. Fields are owned by the engine that
// serves the bot, and by the bot between two connections.
type visit struct {
	bot    *bot
	resume string // the seat's resume token
	seq    uint32 // newest input sent
	events uint32 // newest event seen
	period int64  // ns per snapshot, as the welcome said
	every  int64  // ticks per snapshot
	counts bool   // a snapshot has come within the window: the rest is measured from it
	last   uint32 // tick of the newest snapshot
	at     int64  // when that arrived; 0: none has, or the match is over
}

// matchOver marks the match as over: nothing is missed from then on.
func (v *visit) matchOver() { v.counts, v.at = false, 0 }

// meter is what the bots of one engine measure. It is not safe for concurrent use;
// owned by the engine until that has ended, except for the live numbers.
type meter struct {
	window *window
	slow   slowMeter

	gaps, echoes, lateness histogram.Times

	snapshots int64
	ticksDue  int64 // ticks that passed for measured clients
	ticksGot  int64 // ticks that their snapshots stand for
	// received is how many bytes arrived.
	received    int64
	seen        int64 // ns that clients were measured for
	unavailable int64 // ns that clients were in silences longer than [maxSilence]
	// dropped counts inputs that found the socket full.
	dropped   int64
	estimated int64 // snapshots with an estimated arrival, see [engine.Arrivals]

	checked, mismatched, broken int64 // hashes compared, different; snapshots that did not apply

	live   live
	parsed protocol.Snapshot // scratch
	frame  []byte            // scratch
}

// slowMeter is what slow readers measure.
type slowMeter struct {
	skipped int64 // ticks that the server left out for them
	backlog int64 // most snapshots that waited for one of them
}

// live is what the display reads during a run.
type live struct {
	snapshots, received atomic.Int64
	gapP99              atomic.Int64 // microseconds
}

func newMeter(w *window) *meter {
	return &meter{
		window: w, gaps: histogram.New(), echoes: histogram.New(), lateness: histogram.New(),
	}
}

func (m *meter) bytes(c *connection, n int, now int64) {
	m.live.received.Add(int64(n))
	if c.slow == nil && c.visit.counts && m.window.holds(now) {
		m.received += int64(n)
	}
}

// snapshot counts a snapshot. A late one counts as a gap for each snapshot that was
// due before it, since players saw nothing new in all of that time.
func (m *meter) snapshot(c *connection, h *protocol.SnapshotHeader, now int64) {
	v := c.visit
	m.live.snapshots.Add(1)
	if c.slow != nil {
		m.slow.snapshot(c, h, now)
		return
	}
	if now >= m.window.to.Load() && m.window.begun() {
		return
	}
	if missed := v.bot.missed; missed != nil {
		m.silence(missed, now)
		v.bot.missed = nil
	}
	if !v.counts || !m.window.holds(now) {
		m.silence(v, now)
		v.counts = m.window.holds(now)
		v.bot.measured = v.bot.measured || v.counts
		v.last, v.at, v.every, v.period = h.Tick, now, c.every, c.period*c.every
		return
	}
	m.countUnavailable(v, now)
	m.gaps.RecordGap(now-v.at, c.period*c.every)
	m.snapshots++
	m.ticksGot += c.every
	m.ticksDue += int64(h.Tick - v.last)
	m.seen += now - v.at
	v.last, v.at = h.Tick, now
}

// snapshot counts a slow reader's snapshot. A backlog of 1 means that the newest
// state arrived first when the client began to read again.
func (m *slowMeter) snapshot(c *connection, h *protocol.SnapshotHeader, now int64) {
	if h.Flags&protocol.FlagKeyframe == 0 {
		m.skipped += max(int64(h.Gap)-c.every, 0)
	}
	m.backlog = max(m.backlog, c.waited(now))
}

// silence counts the snapshots that a client has missed within the window since the
// newest one of a visit. The silence may end with the window, with the first snapshot
// of the next match, or with the first one in the window.
func (m *meter) silence(v *visit, until int64) {
	if v.at == 0 {
		return
	}
	m.countUnavailable(v, until)
	from, to := m.window.clip(v.at, until)
	missed := (to - from) / v.period
	if missed < 2 {
		return
	}
	v.bot.measured = true
	m.gaps.RecordGap(to-from, v.period)
	m.ticksDue += missed * v.every
	m.seen += to - from
}

// maxSilence is how long a client may be without snapshots. All of a longer time
// counts as unavailable: players see that the game stands still.
const maxSilence = time.Second

func (m *meter) countUnavailable(v *visit, until int64) {
	if until-v.at <= int64(maxSilence) {
		return
	}
	if from, to := m.window.clip(v.at, until); to > from {
		m.unavailable += to - from
		v.bot.unavailable = true
	}
}

// finish counts the snapshots that a bot has missed until the end of the measurement.
func (m *meter) finish(b *bot, end int64) {
	for _, v := range []*visit{b.missed, b.visit} {
		if v != nil && b.slow == nil {
			m.silence(v, end)
		}
	}
}

// estimate counts a snapshot with an estimated arrival.
func (m *meter) estimate(c *connection, now int64) {
	if c.slow == nil && m.window.holds(now) {
		m.estimated++
	}
}

func (m *meter) echo(c *connection, ns, now int64) {
	if c.slow == nil && m.window.holds(now) {
		m.echoes.Record(ns)
	}
}

func (m *meter) late(ns, now int64) {
	if m.window.holds(now) {
		m.lateness.Record(ns)
	}
}

func (m *meter) verified(s *protocol.Snapshot, err error, differs bool) {
	switch {
	case err != nil:
		m.broken++
	case s.Flags&protocol.FlagHash != 0:
		m.checked++
	}
	if differs {
		m.mismatched++
	}
}

// publish sets the live numbers that are not counted as they happen.
func (m *meter) publish() { m.live.gapP99.Store(m.gaps.Micros(99)) }

// add adds the figures of another meter.
func (m *meter) add(o *meter) {
	m.gaps.Merge(o.gaps)
	m.echoes.Merge(o.echoes)
	m.lateness.Merge(o.lateness)
	m.slow.skipped += o.slow.skipped
	m.slow.backlog = max(m.slow.backlog, o.slow.backlog)
	m.snapshots += o.snapshots
	m.ticksDue += o.ticksDue
	m.ticksGot += o.ticksGot
	m.received += o.received
	m.seen += o.seen
	m.unavailable += o.unavailable
	m.dropped += o.dropped
	m.estimated += o.estimated
	m.checked += o.checked
	m.mismatched += o.mismatched
	m.broken += o.broken
}
