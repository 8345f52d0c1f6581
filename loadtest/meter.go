package loadtest

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tactus/protocol"
)

// window is the time that is measured, on the run's clock. It is set once all
// bots have come in; until then nothing lies in it.
type window struct{ from, to atomic.Int64 }

func newWindow() *window {
	w := &window{}
	w.from.Store(math.MaxInt64)
	return w
}

// begun reports whether the window has been set.
func (w *window) begun() bool { return w.from.Load() != math.MaxInt64 }

// clip returns the part of a time that lies in the window; to <= from: none.
func (w *window) clip(from, to int64) (int64, int64) {
	return max(from, w.from.Load()), min(to, w.to.Load())
}

func (w *window) holds(now int64) bool { return now >= w.from.Load() && now < w.to.Load() }

// visit is a bot's time in one match. It outlives a connection: what a bot misses
// while it comes back is missed.
type visit struct {
	bot    *bot
	resume string // the seat's secret
	match  string
	seq    uint32 // newest input sent
	events uint32 // newest event seen
	period int64  // ns per snapshot, as the welcome said
	every  int64  // ticks per snapshot
	counts bool   // a snapshot has come within the window: the rest is measured from it
	last   uint32 // tick of the newest snapshot
	at     int64  // when that came; 0: none has, or the match is over
}

// end notes that the match is over: what follows is not missed.
func (s *visit) end() { s.counts, s.at = false, 0 }

// meter is what one loop measures. It belongs to that loop, but for the live
// numbers, until the loop has ended.
type meter struct {
	window *window
	slow   slowMeter

	gaps, echoes, lateness *hdrhistogram.Histogram // microseconds

	snapshots int64
	ticksDue  int64 // ticks that passed for measured clients
	ticksGot  int64 // ticks that their snapshots stand for
	received  int64 // bytes
	seen      int64 // ns that clients were measured for
	unavailable     int64 // ns that clients were in silences longer than [maxSilence]
	dropped   int64 // inputs that found the socket full
	estimated int64 // snapshots whose arrival is not known, see [connection.spread]

	checked, mismatched, broken int64 // hashes compared, different; snapshots that did not apply

	live   live
	parsed protocol.Snapshot // scratch
	frame  []byte            // scratch
}

// slowMeter is what becomes of slow readers.
type slowMeter struct {
	pauses  int64
	skipped int64 // ticks that the server left out for them
	backlog int64 // most snapshots that waited for one of them
}

// live is what the display reads while the loop runs.
type live struct {
	snapshots, received atomic.Int64
	gapP99              atomic.Int64 // microseconds
}

const (
	longest = int64(2 * time.Minute / time.Microsecond)
	digits  = 3
)

func newMeter(w *window) *meter {
	return &meter{
		window:   w,
		gaps:     hdrhistogram.New(1, longest, digits),
		echoes:   hdrhistogram.New(1, longest, digits),
		lateness: hdrhistogram.New(1, longest, digits),
	}
}

func micros(ns int64) int64 { return min(max(ns/1000, 1), longest) }

// record adds a value that is within the histogram's range by construction, so
// that there is no error to handle.
func record(h *hdrhistogram.Histogram, ns int64) { _ = h.RecordValue(micros(ns)) }

func (m *meter) bytes(l *connection, n int, now int64) {
	m.live.received.Add(int64(n))
	if l.slow == "" && l.visit.counts && m.window.holds(now) {
		m.received += int64(n)
	}
}

// snapshot counts a snapshot. Where one came later than it should have, the
// time until then counts as a gap for each that would have come meanwhile:
// players saw nothing new in all of it (what load testers call the omission of
// what was coordinated with a stall).
func (m *meter) snapshot(l *connection, h *protocol.SnapshotHeader, now int64) {
	s := l.visit
	m.live.snapshots.Add(1)
	if l.slow != "" {
		m.slow.snapshot(l, h, now)
		return
	}
	if now >= m.window.to.Load() && m.window.begun() {
		return
	}
	if missed := s.bot.missed; missed != nil {
		m.silence(missed, now)
		s.bot.missed = nil
	}
	if !s.counts || !m.window.holds(now) {
		m.silence(s, now)
		s.counts = m.window.holds(now)
		s.bot.measured = s.bot.measured || s.counts
		s.last, s.at, s.every, s.period = h.Tick, now, l.every, l.period*l.every
		return
	}
	m.countUnavailable(s, now)
	_ = m.gaps.RecordCorrectedValue(micros(now-s.at), micros(l.period*l.every))
	m.snapshots++
	m.ticksGot += l.every
	m.ticksDue += int64(h.Tick - s.last)
	m.seen += now - s.at
	s.last, s.at = h.Tick, now
}

// snapshot counts a slow reader's snapshot. What comes within a tick of its
// reading again had been waiting: 1 means that the newest state came at once.
func (m *slowMeter) snapshot(l *connection, h *protocol.SnapshotHeader, now int64) {
	if h.Flags&protocol.FlagKeyframe == 0 {
		m.skipped += max(int64(h.Gap)-l.every, 0)
	}
	if l.woke > 0 && now-l.woke < l.period {
		l.waited++
		m.backlog = max(m.backlog, l.waited)
	}
}

// resumeReading notes that a slow reader reads again.
func (l *connection) resumeReading(now int64) { l.woke, l.waited = now, 0 }

// silence counts what a client has missed within the window since the newest
// snapshot of a stay, whatever ended that: the end of the window, the first
// snapshot of the next match, or one that came after the window's begin only.
func (m *meter) silence(s *visit, until int64) {
	if s.at == 0 {
		return
	}
	m.countUnavailable(s, until)
	from, to := m.window.clip(s.at, until)
	missed := (to - from) / s.period
	if missed < 2 {
		return
	}
	s.bot.measured = true
	_ = m.gaps.RecordCorrectedValue(micros(to-from), micros(s.period))
	m.ticksDue += missed * s.every
	m.seen += to - from
}

// maxSilence is how long a player hears nothing before all of that time counts as
// unavailable: they see that the game stands still.
const maxSilence = time.Second

func (m *meter) countUnavailable(s *visit, until int64) {
	if until-s.at <= int64(maxSilence) {
		return
	}
	if from, to := m.window.clip(s.at, until); to > from {
		m.unavailable += to - from
		s.bot.unavailable = true
	}
}

// finish counts what a bot has missed until the end of the measurement.
func (m *meter) finish(b *bot, end int64) {
	for _, s := range []*visit{b.missed, b.visit} {
		if s != nil && b.slow == "" {
			m.silence(s, end)
		}
	}
}

// estimate counts a snapshot of which it is not known when it came.
func (m *meter) estimate(l *connection, now int64) {
	if l.slow == "" && m.window.holds(now) {
		m.estimated++
	}
}

func (m *meter) echo(l *connection, ns, now int64) {
	if l.slow == "" && m.window.holds(now) {
		record(m.echoes, ns)
	}
}

func (m *meter) late(ns, now int64) {
	if m.window.holds(now) {
		record(m.lateness, ns)
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
func (m *meter) publish() { m.live.gapP99.Store(m.gaps.ValueAtQuantile(99)) }

// add merges what another meter has measured.
func (m *meter) add(o *meter) {
	m.gaps.Merge(o.gaps)
	m.echoes.Merge(o.echoes)
	m.lateness.Merge(o.lateness)
	m.slow.pauses += o.slow.pauses
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
