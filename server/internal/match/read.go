package match

import (
	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// Read begins a tick: it reads every connection once, then applies what players sent.
// Inputs are kept for their ticks; commands, chat and leaves take effect now.
func (m *Match) Read(now int64) {
	m.shared.Now, m.shared.Tick, m.shared.Every = now, m.sim.Tick(), snapshotEvery(m.rung)
	m.effects.Snapshot = snapshotDue(m.rung, m.sim.Tick()+1)
	m.pool.Begin()
	m.ready = m.poller.Ready(m.ready[:0])
	for _, p := range m.ready {
		m.players[p].session.Unparked()
	}
	m.pool.Read(m.online)
	m.dropLost()
	for i := 0; i < len(m.online); i++ {
		s := m.online[i]
		if s.Parked() {
			continue
		}
		if m.handle(s) {
			i--
			continue
		}
		s.Park(m.poller)
	}
}

// Poll reads and answers the connections of a hibernating match without a tick. It
// reports whether a tick has to follow now.
func (m *Match) Poll(now int64) (tick bool) {
	m.Read(now)
	m.effects.Snapshot = false
	for i := 0; i < len(m.online); i++ {
		s := m.online[i]
		m.needsTick = m.needsTick || !s.Inactive()
		if err := s.Flush(); err != nil {
			m.drop(s, err)
			i--
		}
	}
	m.pool.End()
	if !m.needsTick || m.ended != "" {
		return false
	}
	m.pacer.wake(now)
	return true
}

// handle applies commands, chat and a leave that a read left in the session, also if
// the connection ended behind them. It reports whether the player has left.
func (m *Match) handle(s *session.Session) bool {
	for _, c := range s.Commands() {
		reply, ok := m.sim.Command(s.Slot(), c.Name, c.Args)
		// Refused commands are logged too: refusing may have changed state.
		m.record.Command(s.Slot(), c.Name, c.Args)
		answer := protocol.Reply{ID: c.ID, OK: ok, Words: reply}
		if !ok {
			answer.Reason = protocol.ReasonRefused
		}
		s.Reply(answer)
	}
	for _, line := range s.Chats() {
		m.chat(s, line)
	}
	if s.Left() {
		m.leave(s, protocol.CloseLeft, game.LeaveQuit)
		return true
	}
	return false
}

// chat passes a line on. It is sent behind the roster, so that clients know the sender.
func (m *Match) chat(from *session.Session, line session.Chat) {
	if muted := m.cfg.Muted; muted != nil && muted(m.seating.Seat(from.Slot()).Player) {
		from.RefuseChat(line.ID, protocol.ReasonMuted)
		return
	}
	frame := m.pool.Frame(func(dst []byte) []byte {
		return protocol.AppendChat(dst, &protocol.Chat{Slot: from.Slot(), Text: line.Text})
	})
	if m.chatBudget == nil {
		m.chatBudget, m.shared.Chat = session.NewChatBudget(m.shared.Now), &session.TextLog{}
	}
	if !m.chatBudget.Allow(len(frame), m.shared.Now) {
		from.RefuseChat(line.ID, protocol.ReasonBusy)
		return
	}
	m.shared.Chat.Add(frame, m.shared.Now)
	if from.Features().Has(protocol.FeatureReply) {
		from.Reply(protocol.Reply{ID: line.ID, OK: true})
	}
}
