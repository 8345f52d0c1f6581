package match

import (
	"tactus/game"
	"tactus/server/internal/session"
)

// hasTeams reports whether the rules know who is in which team.
func (m *Match) hasTeams() bool {
	_, ok := m.sim.World().(game.Teamer)
	return ok && m.cfg.Match.Mode.Teams > 0
}

// wanted is the team that a request asks for, -1 for any.
func (m *Match) wanted(team int32) int32 {
	if team < 0 || int(team) >= m.cfg.Match.Mode.Teams || !m.hasTeams() {
		return -1
	}
	return team
}

// teamSeats is how many people a team has room for.
func (m *Match) teamSeats() int { return max(1, len(m.seats)/m.cfg.Match.Mode.Teams) }

// side is the team of a person's seat, -1 for none yet.
func (m *Match) side(s *session.Seat) int32 {
	if s.State == session.Reserved {
		return s.Team
	}
	return m.teamOf(s.Slot())
}

func (m *Match) teamPeople(team int32) int {
	n := 0
	for _, s := range m.seats {
		if s.State != session.Free && m.side(s) == team {
			n++
		}
	}
	return n
}

// makeRoom lets a bot of the team go where the team has no seat left.
func (m *Match) makeRoom(team int32) {
	if team < 0 {
		return
	}
	members, bot := 0, game.NoSlot
	for p := range m.seats {
		taken, isBot := m.sim.Taken(game.Slot(p))
		if !taken || m.teamOf(game.Slot(p)) != team {
			continue
		}
		members++
		if isBot {
			bot = game.Slot(p)
		}
	}
	if bot != game.NoSlot && members >= m.teamSeats() {
		m.removeBot(bot)
	}
}

// teams counts the people of each team. In a queue's match without teams
// everybody is in one: the queue wants to know how good they are.
func (m *Match) teams() []TeamStatus {
	var list []TeamStatus
	hasTeams := m.hasTeams()
	switch {
	case hasTeams:
		list = make([]TeamStatus, m.cfg.Match.Mode.Teams)
		for t := range list {
			list[t].Seats = m.teamSeats()
		}
	case m.cfg.Queue != "":
		list = []TeamStatus{{Seats: len(m.seats)}}
	default:
		return nil
	}
	for _, s := range m.seats {
		team := int32(0)
		if hasTeams {
			team = m.side(s)
		}
		if s.State != session.Free && team >= 0 && int(team) < len(list) {
			list[team].People++
			list[team].Skill += s.Skill
		}
	}
	for t := range list {
		list[t].Skill /= float64(max(1, list[t].People))
	}
	return list
}
