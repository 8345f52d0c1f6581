package fleet

import (
	"cmp"
	"slices"
	"time"

	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// match is a match of a live server, or one that was asked for. Its fields are guarded
// by the lock of the registry.
type match struct {
	id        string
	server    *server
	game      string
	mode      string
	players   int
	held      int // seats that were asked for, without an answer yet
	seats     int
	open      bool
	private   bool
	finished  bool   // has a result
	queue     string // that made it, empty for none
	backfill  bool   // asks for players of its queue
	teams     []team // as the server reports them; one for all players where the mode has none
	confirmed bool   // the server has reported it
	calls     int    // unanswered
	began     time.Time
	ends      time.Time // zero: unknown
	rated     bool      // the result changes ratings
}

// team is one team of a match.
type team struct {
	players int
	held    int // seats that were asked for, without an answer yet
	seats   int
	skill   float64 // mean of its players
}

// setTeams replaces the teams by those that the server reports. Seats that are asked
// for stay so.
func (m *match) setTeams(reported []*fleetv1.TeamStatus) {
	teams := make([]team, min(len(reported), maxTeams))
	for i := range teams {
		teams[i] = team{players: int(reported[i].GetPeople()), seats: int(reported[i].GetSeats()), skill: reported[i].GetSkill()}
		if i < len(m.teams) {
			teams[i].held = m.teams[i].held
		}
	}
	m.teams = teams
}

// known reports whether the registry still has the match.
func (m *match) known() bool { return m.server.matches[m.id] == m }

// holdTeams counts seats of these teams as asked for, or no longer for -1.
func (m *match) holdTeams(teams []int32, by int) {
	for _, t := range teams {
		if t >= 0 && int(t) < len(m.teams) {
			m.teams[t].held = max(0, m.teams[t].held+by)
		}
	}
}

func (m *match) view(now time.Time, lastCall time.Duration) quickplay.Match {
	return quickplay.Match{
		ID:       m.id,
		Server:   m.server.id,
		Players:  m.players + m.held,
		Seats:    m.seats,
		Open:     m.forAnyone(),
		Private:  m.private,
		Opening:  !m.confirmed,
		EndsSoon: m.endsSoon(now, lastCall),

		Unanswered: m.calls > 0,
	}
}

func (m *match) found() Found {
	return Found{
		Key:     ticket.Key{Game: m.game, Mode: m.mode},
		Version: m.server.games[m.game].GetVersion(),
		Open:    m.forAnyone(),
		Private: m.private,
		Free:    m.seats - m.players - m.held,
		Seats:   m.seats,

		unanswered: m.calls > 0,
	}
}

// freeSeats are the free seats by team, as far as the server reports teams.
func (m *match) freeSeats() quickplay.TeamSeats {
	teams := m.backfillTeams()
	free := make(quickplay.TeamSeats, len(teams))
	for i, t := range teams {
		free[i] = t.Seats - t.Players
	}
	return free
}

// backfillTeams returns the teams with the players that were asked for in each. A player
// who was not asked into a certain team is expected in the emptiest.
func (m *match) backfillTeams() []matchfunc.BackfillTeam {
	teams := make([]matchfunc.BackfillTeam, len(m.teams))
	anywhere := m.held
	for i, t := range m.teams {
		teams[i] = matchfunc.BackfillTeam{Players: t.players + t.held, Seats: t.seats, Skill: t.skill}
		anywhere -= t.held
	}
	for ; anywhere > 0 && len(teams) > 0; anywhere-- {
		emptiest := slices.MaxFunc(teams, func(a, b matchfunc.BackfillTeam) int { return cmp.Compare(a.Seats-a.Players, b.Seats-b.Players) })
		teams[slices.Index(teams, emptiest)].Players++
	}
	return teams
}

// teamsOfOne returns a team of one for each seat.
func (m *match) teamsOfOne() []matchfunc.BackfillTeam {
	teams := make([]matchfunc.BackfillTeam, m.seats)
	for i := range teams {
		teams[i].Seats = 1
		if i < m.players+m.held {
			teams[i].Players = 1
		}
		if i < m.players && len(m.teams) == 1 {
			teams[i].Skill = m.teams[0].skill
		}
	}
	return teams
}

// forAnyone reports whether quick play may add players. A match of a queue takes that
// queue's players alone.
func (m *match) forAnyone() bool { return m.open && m.queue == "" && !m.backfill }

func (m *match) endsSoon(now time.Time, lastCall time.Duration) bool {
	return !m.ends.IsZero() && m.ends.Sub(now) < lastCall
}
