package match

import (
	"time"

	"tactus/game"
	"tactus/server/internal/overload"
	"tactus/server/internal/seating"
)

// Status is the public state of a match.
type Status struct {
	ID, Game, Mode string
	People         int // seats held by players, reserved ones included
	Seats          int
	Open           bool // accepts new players by quick play
	Private        bool
	Finished       bool // it has a result and only lingers
	Rated          bool // the result changes ratings
	Started        time.Time
	At             time.Time     // of publication
	Remaining      time.Duration // from then on; 0: unknown

	Queue, RulesVersion string
	Backfill            bool                 // asks for players
	Teams               []seating.TeamStatus // by number
}

// LastCall is the remaining time, if known, below which a match asks for no
// players.
const LastCall = 20 * time.Second

// status is what was published last.
type status struct {
	last    *Status
	changed bool // there is something new to publish
	peak    int  // players at most so far
}

// backfill reports whether a match asks its queue for players: it has lost some, and
// continues for long enough.
func (s *status) backfill(accepts bool, players int, left time.Duration) bool {
	return accepts && players < s.peak && (left == 0 || left > LastCall)
}

// remaining is how long the match is likely to continue, 0 for unknown.
func remaining(sim *game.Simulation) time.Duration {
	if t, ok := sim.World().(game.Timed); ok {
		return time.Duration(t.Remaining()) * time.Second / time.Duration(sim.Info().Rate())
	}
	return 0
}

// acceptsPlayers reports whether the match accepts new players.
func (m *Match) acceptsPlayers() bool {
	return !m.outcome.known() && m.ended == "" && m.rung < overload.NoJoins
}

// outdated reports whether time alone has made the published status of a match wrong.
func (s *status) outdated(m *Match) bool {
	left := remaining(m.sim)
	return m.cfg.Backfill && s.backfill(m.acceptsPlayers(), m.seating.Players(), left) != s.last.Backfill || (left > 0) != (s.last.Remaining > 0)
}

// of returns the status of a match as of now.
func (s *status) of(m *Match) *Status {
	st := &Status{
		ID: m.cfg.ID, Game: m.sim.Info().Name, Mode: m.cfg.Match.Mode.Name,
		Seats: len(m.players), Private: m.cfg.Private, Rated: m.cfg.Rated, Started: m.cfg.Started,
		Queue: m.cfg.Queue, RulesVersion: m.cfg.RulesVersion, Finished: m.outcome.known(),
	}
	st.People = m.seating.Players()
	s.peak = max(s.peak, st.People)
	st.Remaining = remaining(m.sim)
	st.Teams = m.seating.Teams()
	st.Backfill = m.cfg.Backfill && s.backfill(m.acceptsPlayers(), st.People, st.Remaining)
	st.Open = m.acceptsPlayers() && st.People < st.Seats && m.cfg.Queue == "" && !m.cfg.Backfill
	return st
}
