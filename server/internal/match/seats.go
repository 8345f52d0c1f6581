package match

import (
	"errors"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// Request asks for one seat.
type Request struct {
	Player, Name string
	Team         int32  // -1: any
	Reservation  string // the join token's id
	Skill        float64
	Queue        string // that asks; empty: none
}

// Errors of Reserve.
var (
	ErrFull = errors.New("full")
	ErrOver = errors.New("over")
	// ErrOverloaded refuses players who have no seat yet.
	ErrOverloaded = errors.New("overloaded")
)

// Reserve holds a seat for each request until the given time: all of them or none.
// Players who have no seat yet get one if open is true.
func (m *Match) Reserve(now, until int64, open bool, requests []Request) ([]game.Slot, error) {
	m.request(now)
	if m.ended != "" || m.outcome.known() {
		return nil, ErrOver
	}
	slots := make([]game.Slot, 0, len(requests))
	var fresh []*session.Seat
	for _, r := range requests {
		s := m.seatOf(r.Player)
		if s == nil {
			var err error
			if s, err = m.newSeat(&r, open); err != nil {
				for _, f := range fresh {
					f.Cancel(f.Reservation())
				}
				return nil, err
			}
			fresh = append(fresh, s)
			r.Name = m.nameSeat(s, r.Name)
		}
		s.Reserve(r.Player, r.Name, m.wanted(r.Team), r.Reservation, until)
		s.Skill = r.Skill
		slots = append(slots, s.Slot())
	}
	m.cfg.Metrics.Reservations.Add(float64(len(slots)))
	m.changed = true
	return slots, nil
}

func (m *Match) seatOf(player string) *session.Seat {
	for _, s := range m.seats {
		if s.State != session.Free && s.Player == player {
			return s
		}
	}
	return nil
}

// newSeat finds a seat for somebody who has none, in a team that has room. A
// queue's match is full for everybody else.
func (m *Match) newSeat(r *Request, open bool) (*session.Seat, error) {
	if !open {
		return nil, ErrOverloaded
	}
	team := m.wanted(r.Team)
	if (m.cfg.Queue == "" || r.Queue == m.cfg.Queue) && (team < 0 || m.teamPeople(team) < m.teamSeats()) {
		if s := m.freeSeat(team); s != nil {
			return s, nil
		}
	}
	return nil, ErrFull
}

// freeSeat prefers a seat that nobody plays to one that a bot would have to
// leave, and a bot of the team to others.
func (m *Match) freeSeat(team int32) *session.Seat {
	var botted *session.Seat
	for _, s := range m.seats {
		if s.State != session.Free {
			continue
		}
		if taken, _ := m.sim.Taken(s.Slot()); !taken {
			return s
		}
		if botted == nil || m.teamOf(botted.Slot()) != team && m.teamOf(s.Slot()) == team {
			botted = s
		}
	}
	return botted
}

func (m *Match) people() int {
	n := 0
	for _, s := range m.seats {
		if s.State != session.Free {
			n++
		}
	}
	return n
}

// Release cancels reservations that were not claimed. Without any, no player will
// come: a match without players ends.
func (m *Match) Release(now int64, reservations []string) {
	m.request(now)
	if len(reservations) == 0 && m.people() == 0 {
		m.End(EndEmpty)
	}
	for _, id := range reservations {
		for _, s := range m.seats {
			if s.Cancel(id) {
				m.changed = true
			}
		}
	}
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
	if int(slot) >= len(m.seats) {
		refuse(conn, protocol.CloseBadToken)
		return
	}
	s := m.seats[slot]
	switch {
	case s.ClaimedBy(reservation):
		refuse(conn, protocol.CloseTokenUsed)
		return
	case !s.Holds(reservation, now) || s.Player != player:
		refuse(conn, protocol.CloseTokenExpired)
		return
	}
	first := s.State == session.Reserved
	m.attach(s, conn, features, m.tracker.LastEvent(), !first)
	if first {
		m.seatPerson(s)
	}
	m.seated = append(m.seated, s.Player) // not the text that the connection brought, which need not be kept
	m.announce(s, protocol.RosterConnected)
	m.cfg.Log.Info("player joined", m.named(zap.Uint32("slot", uint32(slot)), zap.String("player", player), zap.String("name", s.Name))...)
}

// seatPerson puts a person into the world; a bot gives way where it has to.
func (m *Match) seatPerson(s *session.Seat) {
	team := s.Team
	if team < 0 {
		team = m.smallestTeam(false)
	}
	if taken, _ := m.sim.Taken(s.Slot()); taken {
		m.removeBot(s.Slot())
	} else if people, bots := m.count(); bots > 0 && people+bots >= m.cfg.Match.Mode.Fill {
		m.removeBot(m.botOf(team))
	}
	m.makeRoom(team)
	m.visited = true
	m.join(s.Slot(), game.PlayerInfo{Team: team}, s.Player, s.Name)
	s.Team = m.teamOf(s.Slot())
	m.changed = true
}

func (m *Match) join(p game.Slot, info game.PlayerInfo, player, name string) {
	if m.sim.Join(p, info) {
		m.record.Join(p, info, player, name)
	}
}

// Resume gives a dropped seat, or one whose old connection is still open, a new
// connection. generation is that of the client's secret, event the newest event
// that the client has seen.
func (m *Match) Resume(now int64, conn *ws.Conn, features protocol.Features, slot game.Slot, generation, event uint32) {
	m.request(now)
	if m.ended != "" || int(slot) >= len(m.seats) ||
		!m.seats[slot].Accepts(generation, m.players[slot].session.WelcomeConfirmed()) {
		refuse(conn, protocol.CloseUnknownSession)
		return
	}
	s := m.seats[slot]
	m.attach(s, conn, features, min(event, m.tracker.LastEvent()), true)
	m.announce(s, protocol.RosterConnected)
	m.cfg.Log.Info("player came back", m.named(zap.Uint32("slot", uint32(slot)), zap.String("player", s.Player))...)
}

func (m *Match) attach(seat *session.Seat, conn *ws.Conn, features protocol.Features, event uint32, resumed bool) {
	s := &m.players[seat.Slot()].session
	m.offline(s)
	heard := s.LastReceived()
	seat.Connect(s.WelcomeConfirmed())
	s.Attach(conn, event, features&protocol.ServerFeatures, m.poller)
	at := 0
	for at < len(m.online) && m.online[at].Slot() < s.Slot() {
		at++
	}
	m.online = append(m.online, nil)
	copy(m.online[at+1:], m.online[at:])
	m.online[at] = s
	m.cfg.Metrics.Sockets.Inc()
	m.welcome(s, resumed)
	if resumed && m.chatLog != nil {
		m.chatLog.QueueSince(heard, s)
	}
	m.changed = true
}

// Evict frees the seat of a player who plays elsewhere now.
func (m *Match) Evict(now int64, player string) {
	m.request(now)
	if s := m.seatOf(player); s != nil {
		m.leave(s, protocol.CloseReplaced, game.LeaveQuit)
	}
}

// leave ends a player's stay for good.
func (m *Match) leave(seat *session.Seat, code protocol.CloseCode, why game.LeaveReason) {
	if s := &m.players[seat.Slot()].session; s.Online() {
		m.offline(s)
		s.Kick(code, m.poller)
	}
	m.free(seat, why)
}

func (m *Match) free(s *session.Seat, why game.LeaveReason) {
	if taken, bot := m.sim.Taken(s.Slot()); taken && !bot {
		m.sim.Leave(s.Slot(), why)
		m.record.Leave(s.Slot(), why)
	}
	m.announce(s, protocol.RosterGone)
	s.Free()
	m.players[s.Slot()].session.Reset()
	m.changed = true
}

// final reports whether a connection ended in a way that its player may not
// come back from.
func final(why error) bool {
	var ce *ws.CloseError
	return errors.As(why, &ce) && !ce.Peer && !ce.Code.Reconnect()
}

func refuse(conn *ws.Conn, code protocol.CloseCode) { conn.Close(code, code.Text()) }
