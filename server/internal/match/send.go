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

// updatePace lets a match hibernate when its state does not change and no player
// sends anything, and sets it back to the full rate when something happens. Snapshots
// announce both. A countdown in a table is a change of state.
func (m *Match) updatePace(now int64) {
	still := !m.tracker.Active() && !m.outcome.known() && len(m.online) > 0 && !m.needsTick
	pause := hibernationPeriod
	for _, s := range m.online {
		still = still && s.Inactive()
		if !s.Parked() {
			pause = pollPeriod
		}
	}
	m.needsTick = false
	if !still {
		m.pacer.awakeSince = now
	}
	if now-m.pacer.awakeSince < int64(idleAfter) {
		pause = 0
	}
	m.pacer.setPause(pause, now)
}

// snapshotDue reports whether the tick's state is sent.
func snapshotDue(rung overload.Rung, t game.Tick) bool {
	return int(t)%snapshotEvery(rung) == 0
}

// snapshotEvery is the number of ticks per snapshot.
func snapshotEvery(rung overload.Rung) int {
	if rung < overload.HalfRate {
		return 1
	}
	return overload.SnapshotEvery
}
