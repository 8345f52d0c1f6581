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
	leavers   []Leaver
	message   *protocol.Result // for clients; nil: not known
}

// known reports whether the match has an outcome. Then it only lingers.
func (o *outcome) known() bool { return o.since != 0 }

// resultBytesPerTick bounds the results that are queued in a tick. What the sockets of
// a big match do not take waits in memory.
const resultBytesPerTick = 8 << 20

// send queues the outcome, with the time that is left to look at it. It does so for
// sessions that have the snapshot of its tick, and so all events that led to it. In a
// big match the last of them get it some ticks after the first.
func (o *outcome) send(sessions []*session.Session, now, linger int64) {
	if !o.known() {
		return
	}
	var frame []byte
	for n, left := 0, resultBytesPerTick; n < len(sessions) && left > 0; n++ {
		if !sessions[n].WantsResult(o.tick) {
			continue
		}
		if frame == nil {
			msg := *o.message
			msg.Next -= uint32(min(now-o.since, linger) / int64(time.Millisecond))
			frame = session.AppendResultFrame(&msg)
		}
		sessions[n].QueueResult(frame)
		left -= len(frame)
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
		m.status.changed = m.status.changed || m.status.outdated(m)
		return
	}
	o.set(now, m, standing)
	m.status.changed = true
	// Not at the end: the server may be gone by then.
	m.effects.Finished = &EndReport{ID: m.cfg.ID, Reason: EndOver, Results: o.results, Leavers: o.leavers}
	m.cfg.Log.Info("match over", m.cfg.LogFields(zap.Uint32("tick", uint32(m.sim.Tick())), zap.Int("people", len(o.results)))...)
}

// set keeps the standing at the end.
func (o *outcome) set(now int64, m *Match, standing game.Outcome) {
	sim, seats := m.sim, m.seating
	msg := protocol.Result{Over: true, Next: uint32(m.cfg.Linger / time.Millisecond)}
	for _, r := range standing.Results {
		s := seats.Seat(r.Slot)
		_, bot := sim.Taken(r.Slot)
		name := s.Name
		if bot {
			name = seating.BotName(r.Slot)
		} else if s.Player != "" {
			o.results = append(o.results, PlayerResult{Player: s.Player, Name: seats.AskedName(r.Slot), Seal: m.attendance.sealOf(s.Player), Result: r})
		}
		msg.Results = append(msg.Results, protocol.ResultEntry{
			Slot: r.Slot, Name: name, Team: r.Team, Score: r.Score, Rank: r.Rank, Bot: bot,
		})
	}
	o.leavers = m.attendance.leavers(m.cfg.Leave, m.sim.Info().Rate())
	o.since, o.tick, o.message = now, sim.Tick(), &msg
}
