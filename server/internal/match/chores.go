package match

import (
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// chores look after deadlines. They run ten times a second: none of them is
// worth a visit of every seat in every tick.
func (m *Match) chores(now int64) {
	for _, s := range m.seats {
		m.expire(s, now)
	}
	if now >= m.nextWatch {
		m.nextWatch = now + int64(time.Second)
		m.watchSilent()
	}
	m.fill()
	m.countLost()
	switch {
	case m.people() > 0:
		m.emptySince = now
	case m.overSince != 0: // nobody looks at the result any more
		m.end(EndOver)
	case now-m.emptySince > int64(m.cfg.Empty):
		m.end(EndEmpty)
	}
}

func (m *Match) expire(s *session.Seat, now int64) {
	switch {
	case s.State == session.Reserved && now >= s.Deadline:
		s.Free()
		m.changed = true
	case s.State == session.Dropped && now >= s.Deadline:
		m.cfg.Log.Info("player did not come back", m.named(zap.Uint32("slot", uint32(s.Slot())), zap.String("player", s.Player))...)
		m.free(s, game.LeaveTimeout)
	}
}

// watchSilent polls the parked sockets for the sake of heartbeats: a half-open
// peer never becomes ready.
func (m *Match) watchSilent() {
	for i := 0; i < len(m.online); i++ {
		if s := m.online[i]; s.Parked() {
			if err := s.CheckTimeouts(&m.own.bench.reader.Tally); err != nil {
				m.drop(s, err)
				i--
			}
		}
	}
}

func (m *Match) countLost() {
	var lost uint64
	for _, t := range m.sim.Tables().Events() {
		lost += t.Lost()
	}
	if lost > m.lost {
		m.cfg.Metrics.EventsLost.Add(float64(lost - m.lost))
		m.lost = lost
	}
}

// watchOutcome notices the end of the match, tells the players, and ends it
// after they had time to look at the result.
func (m *Match) watchOutcome(now int64) {
	if m.overSince != 0 {
		if now-m.overSince >= int64(m.cfg.Linger) {
			m.end(EndOver)
		}
		return
	}
	outcome, over := m.sim.Outcome()
	if !over {
		m.changed = m.changed || m.outdated()
		return
	}
	m.overSince, m.changed = now, true
	m.results = m.results[:0]
	msg := protocol.Result{Over: true, Next: uint32(m.cfg.Linger / time.Millisecond)}
	for _, r := range outcome.Results {
		s := m.seats[r.Slot]
		_, bot := m.sim.Taken(r.Slot)
		name := s.Name
		if bot {
			name = botName(r.Slot)
		} else if s.Player != "" {
			m.results = append(m.results, PlayerResult{Player: s.Player, Name: m.askedName(s), Result: r})
		}
		msg.Results = append(msg.Results, protocol.ResultEntry{
			Slot: r.Slot, Name: name, Team: r.Team, Score: r.Score, Rank: r.Rank, Bot: bot,
		})
	}
	m.verdict, m.overTick = &msg, m.sim.Tick()
	m.cfg.OnOver(m.report(EndOver)) // not at the end: the server may be gone by then
	m.cfg.Log.Info("match over", m.named(zap.Uint32("tick", uint32(m.sim.Tick())), zap.Int("people", len(m.results)))...)
}

// tellResult queues the result, with the time that is left to look at it, for
// those who have the snapshot of its tick, and so all events that led to it.
func (m *Match) tellResult() {
	msg := *m.verdict
	msg.Next -= uint32(min(m.shared.Now-m.overSince, int64(m.cfg.Linger)) / int64(time.Millisecond))
	for _, s := range m.online {
		s.QueueResult(&msg, m.overTick)
	}
}

// publish makes the match's status visible to other goroutines.
func (m *Match) publish() {
	m.changed = false
	st := &Status{
		ID: m.cfg.ID, Game: m.info.Name, Mode: m.cfg.Match.Mode.Name,
		Seats: len(m.seats), Private: m.cfg.Private, Started: m.started, At: time.Now(),
		Queue: m.cfg.Queue, RulesVersion: m.cfg.RulesVersion,
	}
	st.People = m.people()
	m.peak = max(m.peak, st.People)
	st.Remaining = m.remaining()
	st.Teams = m.teams()
	st.Backfill = m.wantsPlayers()
	st.Open = m.takesPeople() && st.People < st.Seats && m.cfg.Queue == "" && !m.cfg.Backfill
	m.status.Store(st)
	m.cfg.OnStatus()
}
