package match

import (
	"errors"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

// Request asks for one seat.
type Request = seating.Request

// Errors of Reserve.
var (
	ErrOver = errors.New("over")
	ErrFull = seating.ErrFull
	// ErrOverloaded refuses players without a seat.
	ErrOverloaded = seating.ErrOverloaded
)

// Reserve holds a seat for each request until the given time: all of them or none.
// Players without a seat get one if open is true.
func (m *Match) Reserve(now, until int64, open bool, requests []Request) ([]game.Slot, error) {
	m.request(now)
	if m.ended != "" || m.outcome.known() {
		return nil, ErrOver
	}
	slots, err := m.seating.Reserve(until, open, requests)
	if err != nil {
		return nil, err
	}
	m.applySeating()
	m.cfg.Metrics.Reservations.Add(float64(len(slots)))
	m.status.changed = true
	return slots, nil
}

// Release cancels reservations that were not claimed. Without any, no player will
// come: a match without players ends.
func (m *Match) Release(now int64, reservations []string) {
	m.request(now)
	if m.ended != "" {
		return
	}
	if len(reservations) == 0 && m.seating.Players() == 0 {
		m.End(EndEmpty)
	}
	m.seating.Cancel(reservations)
	m.applySeating()
}

// Claim seats a player by the reservation of their join token. The match owns the
// connection from then on, also when it refuses it. features are those that the
// client knows.
func (m *Match) Claim(now int64, conn *ws.Conn, features protocol.Features, slot game.Slot, player, reservation string) {
	m.request(now)
	if m.ended != "" {
		refuse(conn, protocol.CloseMatchOver)
		return
	}
	if int(slot) >= len(m.players) {
		refuse(conn, protocol.CloseBadToken)
		return
	}
	s := &m.players[slot].session
	first, err := m.seating.Claim(now, slot, player, reservation, s.WelcomeConfirmed())
	if err != nil {
		refuse(conn, closeCode(err))
		return
	}
	m.attach(s, conn, features, m.tracker.LastEvent(), !first)
	if first {
		m.seating.Enter(slot)
	} else {
		m.seating.Connected(slot)
	}
	m.applySeating()
	seat := m.seating.Seat(slot)
	// Not the text that the connection brought, which need not be kept.
	m.effects.Seated = append(m.effects.Seated, SeatChange{Player: seat.Player, Slot: slot, Issued: seat.Issued()})
	m.cfg.Log.Info("player joined", m.cfg.LogFields(zap.Uint32("slot", uint32(slot)), zap.String("player", player), zap.String("name", seat.Name))...)
}

// Resume gives a dropped seat, or one whose old connection is still open, a new
// connection. generation is that of the client's secret, event the newest event
// that the client has seen.
func (m *Match) Resume(now int64, conn *ws.Conn, features protocol.Features, slot game.Slot, generation, event uint32) {
	m.request(now)
	if m.ended != "" || int(slot) >= len(m.players) {
		refuse(conn, protocol.CloseUnknownSession)
		return
	}
	s := &m.players[slot].session
	if err := m.seating.Resume(slot, generation, s.WelcomeConfirmed()); err != nil {
		if text, removed := m.moderation.removedBy(slot, generation, now); removed {
			conn.Close(protocol.CloseKicked, text)
			return
		}
		refuse(conn, closeCode(err))
		return
	}
	m.attach(s, conn, features, min(event, m.tracker.LastEvent()), true)
	m.seating.Connected(slot)
	m.applySeating()
	m.cfg.Log.Info("player came back", m.cfg.LogFields(zap.Uint32("slot", uint32(slot)), zap.String("player", m.seating.Seat(slot).Player))...)
}

// Evict frees the seat of a player that now plays in another match, by a join token
// that was made at the given time. A seat by a later one stays.
func (m *Match) Evict(now int64, player string, newer int64) {
	m.request(now)
	if slot, ok := m.seating.SlotOf(player); ok && m.ended != EndError && !m.seating.Seat(slot).NewerThan(newer) {
		m.attendance.gone(player, LeftReplaced, now, m.sim.Tick())
		m.leave(&m.players[slot].session, protocol.CloseReplaced, game.LeaveQuit)
	}
}

// attach gives a player's session a new connection, and queues what it has to know.
func (m *Match) attach(s *session.Session, conn *ws.Conn, features protocol.Features, event uint32, resumed bool) {
	m.offline(s)
	s.Attach(conn, event, features&protocol.ServerFeatures, resumed, m.poller)
	at := 0
	for at < len(m.online) && m.online[at].Slot() < s.Slot() {
		at++
	}
	m.online = append(m.online, nil)
	copy(m.online[at+1:], m.online[at:])
	m.online[at] = s
	m.cfg.Metrics.Sockets.Inc()
	m.welcome(s, resumed)
	m.status.changed = true
}

// leave ends a player's stay for good.
func (m *Match) leave(s *session.Session, code protocol.CloseCode, why game.LeaveReason) {
	if s.Conn() != nil {
		m.offline(s)
		s.Kick(code, m.poller)
	}
	m.seating.Vacate(s.Slot(), why)
	m.applySeating()
}

// applySeating logs and announces what the last call of the seating has changed,
// in its order.
func (m *Match) applySeating() {
	for _, c := range m.seating.Changes() {
		switch c.Kind {
		case seating.ReservationMade, seating.ReservationEnded:
			m.status.changed = true
		case seating.PlayerJoined:
			m.record.Join(c.Slot, c.Info, c.Player, c.Name)
		case seating.PlayerLeft:
			if c.Why == game.LeaveTimeout {
				m.cfg.Log.Info("player did not come back", m.cfg.LogFields(zap.Uint32("slot", uint32(c.Slot)), zap.String("player", c.Player))...)
			}
			m.record.Leave(c.Slot, c.Why)
			m.attendance.gone(c.Player, leftBy(c.Why), m.shared.Now, m.sim.Tick())
		case seating.BotJoined:
			m.record.Join(c.Slot, c.Info, "", c.Name)
			m.roster.announce(&c, protocol.RosterBot|protocol.RosterConnected)
		case seating.BotLeft:
			m.record.Leave(c.Slot, c.Why)
			m.roster.announce(&c, protocol.RosterBot|protocol.RosterGone)
		case seating.PlayerConnected:
			m.attendance.back(c.Player)
			m.roster.announce(&c, protocol.RosterConnected)
			m.status.changed = true
		case seating.PlayerDisconnected:
			m.stopInput(c.Slot)
			m.roster.announce(&c, 0)
		case seating.SeatFreed:
			m.effects.Seated = append(m.effects.Seated, SeatChange{Player: c.Player, Slot: c.Slot, Left: true})
			m.roster.announce(&c, protocol.RosterGone)
			m.players[c.Slot].session.Reset()
			m.status.changed = true
		}
	}
}

// final reports whether a connection ended in a way that its player may not
// come back from.
func final(why error) bool {
	var ce *ws.CloseError
	return errors.As(why, &ce) && !ce.Peer && !ce.Code.Reconnect()
}

// closeCode is the code that a connection is refused with for an error of the
// seating.
func closeCode(err error) protocol.CloseCode {
	switch {
	case errors.Is(err, seating.ErrTokenUsed):
		return protocol.CloseTokenUsed
	case errors.Is(err, seating.ErrTokenExpired):
		return protocol.CloseTokenExpired
	default:
		return protocol.CloseUnknownSession
	}
}

func refuse(conn *ws.Conn, code protocol.CloseCode) { conn.Close(code, code.Text()) }
