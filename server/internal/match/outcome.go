package match

import (
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// outcomeEvery is the time between two questions for the outcome: games sort
// their standing for it.
const outcomeEvery = 200 * time.Millisecond

// outcome is how the match ended by its rules.
type outcome struct {
	nextCheck int64
	since     int64     // when it became known; 0: it is not
	tick      game.Tick // of that moment
	results   []PlayerResult
	message   *protocol.Result // for clients; nil: not known
}

// known reports whether the match has an outcome. Then it only lingers.
func (o *outcome) known() bool { return o.since != 0 }

// send queues the outcome, with the time that is left to look at it, for sessions
// that have the snapshot of its tick, and so all events that led to it.
func (o *outcome) send(sessions []*session.Session, now, linger int64) {
	if !o.known() {
		return
	}
	msg := *o.message
	msg.Next -= uint32(min(now-o.since, linger) / int64(time.Millisecond))
	for _, s := range sessions {
		s.QueueResult(&msg, o.tick)
	}
}

// checkOutcome asks the rules for the outcome. When it is known, it ends the match
// after the players had time to look at it.
func (m *Match) checkOutcome(now int64) {
	o := &m.outcome
	if now < o.nextCheck {
		return
	}
	o.nextCheck = now + int64(outcomeEvery)
	if o.known() {
		if now-o.since >= int64(m.cfg.Linger) {
			m.End(EndOver)
		}
		return
	}
	standing, over := m.sim.Outcome()
	if !over {
		m.changed = m.changed || m.statusOutdated()
		return
	}
	m.setOutcome(now, standing)
	report := m.report(EndOver)
	m.finished = &report // not at the end: the server may be gone by then
	m.cfg.Log.Info("match over", m.named(zap.Uint32("tick", uint32(m.sim.Tick())), zap.Int("people", len(o.results)))...)
}

func (m *Match) setOutcome(now int64, standing game.Outcome) {
	msg := protocol.Result{Over: true, Next: uint32(m.cfg.Linger / time.Millisecond)}
	results := m.outcome.results[:0]
	for _, r := range standing.Results {
		s := m.seating.Seat(r.Slot)
		_, bot := m.sim.Taken(r.Slot)
		name := s.Name
		if bot {
			name = seating.BotName(r.Slot)
		} else if s.Player != "" {
			results = append(results, PlayerResult{Player: s.Player, Name: m.seating.AskedName(r.Slot), Result: r})
		}
		msg.Results = append(msg.Results, protocol.ResultEntry{
			Slot: r.Slot, Name: name, Team: r.Team, Score: r.Score, Rank: r.Rank, Bot: bot,
		})
	}
	m.outcome = outcome{nextCheck: m.outcome.nextCheck, since: now, tick: m.sim.Tick(), results: results, message: &msg}
	m.changed = true
}
