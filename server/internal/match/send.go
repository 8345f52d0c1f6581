package match

import (
	"tactus/game"
	"tactus/server/internal/fanout"
	"tactus/server/internal/overload"
)

// Send ends a tick: it sends a snapshot to each client, in ticks that have one.
// Reliable messages go with the snapshots.
func (m *Match) Send(now int64) {
	if m.effects.Snapshot {
		m.sendSnapshots(now)
	}
	m.pool.End()
}

func (m *Match) sendSnapshots(now int64) {
	t := m.sim.Tick()
	m.roster.flush(m.online, m.pool)
	m.tracker.SlowFar(m.rung >= overload.FarSlower)
	m.tracker.BeginSnapshot(t)
	m.updatePace(now)
	m.shared.Pace = m.pacer.pause
	m.snapshots++
	hash := m.cfg.HashEvery > 0 && m.snapshots%uint32(m.cfg.HashEvery) == 0
	m.pool.Send(m.online, fanout.Snapshot{Hash: hash, Result: m.outcome.known(), Percent: m.pacer.percent})
	m.dropLost()
	m.outcome.send(m.online, now, int64(m.cfg.Linger))
	m.tracker.EndSnapshot()
}

// snapshotDue reports whether the tick's state is sent.
func snapshotDue(rung overload.Rung, t game.Tick) bool {
	return rung < overload.HalfRate || t%overload.SnapshotEvery == 0
}
