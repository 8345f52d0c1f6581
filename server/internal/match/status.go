package match

import (
	"time"

	"tactus/game"
	"tactus/server/internal/overload"
	"tactus/server/internal/seating"
)

// Status is what others may know of a match.
type Status struct {
	ID, Game, Mode string
	People         int // seats held by people, reserved ones included
	Seats          int
	Open           bool // takes new people by quick play
	Private        bool
	Started        time.Time
	At             time.Time     // when all this was so
	Remaining      time.Duration // from then on; 0: unknown

	Queue, RulesVersion string
	Backfill            bool                 // asks for players
	Teams               []seating.TeamStatus // by number
}

// LastCall is how long a match has to go on, where that is known, to be worth
// asking for players.
const LastCall = 20 * time.Second

// remaining is how long the match is likely to go on, 0 for unknown.
func (m *Match) remaining() time.Duration {
	if t, ok := m.sim.World().(game.Timed); ok {
		return time.Duration(t.Remaining()) * time.Second / time.Duration(m.info.Rate())
	}
	return 0
}

// acceptsPlayers reports whether somebody new would be let in.
func (m *Match) acceptsPlayers() bool {
	return !m.outcome.known() && m.ended == "" && m.rung < overload.NoJoins
}

// wantsPlayers reports whether the match asks its queue for players: it has
// lost some, and goes on long enough for others to come.
func (m *Match) wantsPlayers() bool {
	if !m.cfg.Backfill || !m.acceptsPlayers() || m.seating.Players() >= m.peak {
		return false
	}
	left := m.remaining()
	return left == 0 || left > LastCall
}

// statusOutdated reports whether time alone has made the published status wrong.
func (m *Match) statusOutdated() bool {
	st := m.status
	return m.wantsPlayers() != st.Backfill || (m.remaining() > 0) != (st.Remaining > 0)
}

// newStatus is what others may know of the match now.
func (m *Match) newStatus() *Status {
	st := &Status{
		ID: m.cfg.ID, Game: m.info.Name, Mode: m.cfg.Match.Mode.Name,
		Seats: len(m.players), Private: m.cfg.Private, Started: m.cfg.Started,
		Queue: m.cfg.Queue, RulesVersion: m.cfg.RulesVersion,
	}
	st.People = m.seating.Players()
	m.peak = max(m.peak, st.People)
	st.Remaining = m.remaining()
	st.Teams = m.seating.Teams()
	st.Backfill = m.wantsPlayers()
	st.Open = m.acceptsPlayers() && st.People < st.Seats && m.cfg.Queue == "" && !m.cfg.Backfill
	return st
}
