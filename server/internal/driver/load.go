package driver

import (
	"math"
	"sync/atomic"

	"go.uber.org/zap"

	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
)

// load is how busy a match is. Its rung is that of the match or of the process,
// the higher of them.
type load struct {
	pressure overload.Pressure
	ladder   overload.Ladder
	rung     overload.Rung

	// Of the pressure, for other goroutines, as bits:
	publishedValue, publishedWait, publishedShare atomic.Uint64
}

func (l *load) init(period int64, m *metrics.Metrics) {
	l.pressure = overload.NewPressure(period)
	m.RungMatches[overload.Calm].Inc()
}

func (l *load) close(m *metrics.Metrics) { m.RungMatches[l.rung].Dec() }

// observe adds a tick, with a snapshot or without.
func (l *load) observe(due, began, ended int64, snapshot bool, process overload.Rung) overload.Rung {
	l.pressure.Tick(due, began, ended, snapshot)
	value := l.pressure.Value()
	l.publishedValue.Store(math.Float64bits(value))
	l.publishedWait.Store(math.Float64bits(l.pressure.Wait()))
	l.publishedShare.Store(math.Float64bits(l.pressure.SnapshotShare()))
	return max(l.ladder.Observe(ended, value, l.pressure.AtFullRate()), process)
}

// Pressure is how busy the match is: value is 1 when ticks take, or wait to begin,
// a whole period; wait is how long they wait alone; share is the share of the
// period that ticks with a snapshot take. It is safe for concurrent use.
func (d *Driver) Pressure() (value, wait, share float64) {
	l := &d.load
	return math.Float64frombits(l.publishedValue.Load()), math.Float64frombits(l.publishedWait.Load()), math.Float64frombits(l.publishedShare.Load())
}

// observe measures a tick that ended now. It was due when those before it in its
// round had had their turns.
func (d *Driver) observe(turn scheduler.Turn, now int64, snapshot bool) {
	rung := d.load.observe(turn.Due+turn.Behind, turn.Now, now, snapshot, d.cfg.Process.Rung())
	if was := d.load.rung; rung != was {
		d.load.rung = rung
		d.rungChanged(was, rung)
	}
}

func (d *Driver) rungChanged(was, rung overload.Rung) {
	d.match.SetRung(rung)
	m := d.cfg.Match.Metrics
	m.RungMatches[was].Dec()
	m.RungMatches[rung].Inc()
	for r := was + 1; r <= rung; r++ {
		m.MatchClimbs[r].Inc()
	}
	d.cfg.Match.Log.Info("overload", d.cfg.Match.LogFields(zap.Stringer("rung", rung), zap.Stringer("was", was),
		zap.Float64("pressure", d.load.pressure.Value()))...)
}
