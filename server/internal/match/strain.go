package match

import (
	"math"
	"sync/atomic"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/server/internal/overload"
)

// strain is how hard the match has it and what it gives up for that. The rung
// it stands on is its own or its process's, whichever is higher.
type strain struct {
	pressure overload.Pressure
	ladder   overload.Ladder
	rung     overload.Rung

	// For other goroutines, as bits:
	toldValue, toldWait, toldShare atomic.Uint64
}

func (s *strain) init(period int64) { s.pressure = overload.NewPressure(period) }

// Pressure is how hard the match has it, 1 when ticks take, or wait to begin, a
// whole period; how long they wait alone; and what share of the period those with
// a snapshot take. It may be called by anybody.
func (m *Match) Pressure() (value, wait, share float64) {
	s := &m.strain
	return math.Float64frombits(s.toldValue.Load()), math.Float64frombits(s.toldWait.Load()), math.Float64frombits(s.toldShare.Load())
}

// bear notes how a tick went, with a snapshot or without, and moves on the ladder.
// It was due when those before it in its round had had their turns.
func (m *Match) bear(due, began, ended int64, told bool) {
	s := &m.strain
	s.pressure.Tick(due, began, ended, told)
	pressure := s.pressure.Value()
	s.toldValue.Store(math.Float64bits(pressure))
	s.toldWait.Store(math.Float64bits(s.pressure.Wait()))
	s.toldShare.Store(math.Float64bits(s.pressure.SnapshotShare()))
	rung := max(s.ladder.Observe(ended, pressure, s.pressure.AtFullRate()), m.cfg.Process.Rung())
	if rung == s.rung {
		return
	}
	was := s.rung
	s.rung = rung
	m.moved(was, rung, pressure)
}

// moved tells of the change of rungs and lets the clock follow it; the other
// rungs are looked up where they matter.
func (m *Match) moved(was, rung overload.Rung, pressure float64) {
	m.pacer.slowed = rung >= overload.Dilated
	m.changed = m.changed || (was >= overload.NoJoins) != (rung >= overload.NoJoins)
	m.cfg.Metrics.RungMatches[was].Dec()
	m.cfg.Metrics.RungMatches[rung].Inc()
	for r := was + 1; r <= rung; r++ {
		m.cfg.Metrics.MatchClimbs[r].Inc()
	}
	m.cfg.Log.Info("overload", m.named(zap.Stringer("rung", rung), zap.Stringer("was", was), zap.Float64("pressure", pressure))...)
}

// snapshotDue reports whether the tick's state is sent.
func (m *Match) snapshotDue(t game.Tick) bool {
	return m.strain.rung < overload.HalfRate || t%overload.SnapshotEvery == 0
}
