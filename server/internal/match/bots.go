package match

import (
	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// fill lets bots take or leave seats so that people and bots together fill the
// mode's number of seats. They wait for the first person: a match must not be
// played before those come whom it was opened for.
func (m *Match) fill() {
	want := m.cfg.Match.Mode.Fill
	if want == 0 || m.outcome.known() || !m.visited {
		return
	}
	people, bots := m.count()
	for ; people+bots < want; bots++ {
		p, ok := m.botSeat()
		if !ok {
			return
		}
		m.join(p, game.PlayerInfo{Bot: true, Team: m.smallestTeam(true)}, "", botName(p))
		m.announceBot(p, protocol.RosterBot|protocol.RosterConnected)
	}
	for ; bots > 0 && people+bots > want; bots-- {
		m.removeBot(m.botOf(-1))
	}
}

// count returns how many people and bots are in the world.
func (m *Match) count() (people, bots int) {
	for p := range m.seats {
		taken, bot := m.sim.Taken(game.Slot(p))
		switch {
		case bot:
			bots++
		case taken:
			people++
		}
	}
	return people, bots
}

func (m *Match) botSeat() (game.Slot, bool) {
	for _, s := range m.seats {
		if taken, _ := m.sim.Taken(s.Slot()); !taken && s.State == session.Free {
			return s.Slot(), true
		}
	}
	return 0, false
}

// botOf picks the bot that gives way: the last one of the team, or of the
// fullest team for -1.
func (m *Match) botOf(team int32) game.Slot {
	last := game.NoSlot
	for p := range m.seats {
		if _, bot := m.sim.Taken(game.Slot(p)); bot && (last == game.NoSlot || team < 0 || m.teamOf(game.Slot(p)) == team) {
			last = game.Slot(p)
		}
	}
	return last
}

func (m *Match) removeBot(p game.Slot) {
	if m.sim.Leave(p, game.LeaveReplaced) {
		m.record.Leave(p, game.LeaveReplaced)
		m.announceBot(p, protocol.RosterBot|protocol.RosterGone)
	}
}

func (m *Match) teamOf(p game.Slot) int32 {
	if t, ok := m.sim.World().(game.Teamer); ok && m.cfg.Match.Mode.Teams > 0 {
		return t.Team(p)
	}
	return -1
}

// smallestTeam returns the team with the fewest members, -1 without teams. For
// a person only people count, also those who are on their way to a team of
// theirs, and bots break ties: bots give way.
func (m *Match) smallestTeam(countBots bool) int32 {
	n := m.cfg.Match.Mode.Teams
	if n == 0 {
		return -1
	}
	weight := make([]int, n)
	for p, s := range m.seats {
		taken, bot := m.sim.Taken(game.Slot(p))
		team := m.teamOf(game.Slot(p))
		switch {
		case !countBots && s.State == session.Reserved && s.Team >= 0:
			weight[s.Team] += game.MaxSlots
		case !taken || team < 0 || int(team) >= n:
		case bot && !countBots:
			weight[team]++
		default:
			weight[team] += game.MaxSlots
		}
	}
	best := 0
	for t := range weight {
		if weight[t] < weight[best] {
			best = t
		}
	}
	return int32(best)
}
