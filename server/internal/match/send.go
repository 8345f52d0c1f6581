package match

import (
	"tactus/game"
	"tactus/server/internal/overload"
)

// Send ends a tick: it sends a snapshot to each client, in ticks that have one.
// Reliable messages go with the snapshots.
func (m *Match) Send(now int64) {
	if m.stepped && m.snapshot {
		m.sendSnapshots(now)
	}
	m.own.giveBack()
}

func (m *Match) sendSnapshots(now int64) {
	t := m.sim.Tick()
	m.flushRoster()
	m.tracker.SlowFar(m.rung >= overload.FarSlower)
	m.tracker.BeginSnapshot(t)
	m.updatePace(now)
	m.shared.Pace = m.pacer.pause
	m.snapshots++
	hash := m.cfg.HashEvery > 0 && m.snapshots%uint32(m.cfg.HashEvery) == 0
	if m.split() {
		m.deliverSplit(t, hash)
	} else {
		m.deliverAlone(t, hash)
	}
	m.outcome.send(m.online, now, int64(m.cfg.Linger))
	m.tracker.EndSnapshot()
}

func (m *Match) deliverAlone(t game.Tick, hash bool) {
	m.own.encoder.Reset(m.tracker)
	for _, s := range m.online {
		m.tracker.Prepare(&s.View)
		m.own.deliver(s, hash)
	}
	m.own.flush()
	m.dropLost(&m.own)
}

func (m *Match) deliverSplit(t game.Tick, hash bool) {
	for _, s := range m.online {
		m.tracker.Prepare(&s.View)
	}
	m.crew.do(job{kind: deliverFrames, hash: hash})
	m.dropLost(m.crew.hands...)
}

// snapshotDue reports whether the tick's state is sent.
func (m *Match) snapshotDue(t game.Tick) bool {
	return m.rung < overload.HalfRate || t%overload.SnapshotEvery == 0
}
