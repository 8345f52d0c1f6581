package matchmaker

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/seal"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

const reportTimeout = 10 * time.Second // to store a match's result

// queueHooks send what happens in the queues to metrics, claims and recordings.
func (m *Matchmaker) queueHooks() queue.Hooks {
	return queue.Hooks{
		Created: m.ticketCreated,
		Ended:   m.ticketEnded,
		Matched: m.matchMade,
		Cycled:  m.metrics.CycleEnded,
		Failed:  m.metrics.AllocationFailed,
	}
}

func (m *Matchmaker) ticketCreated(t *ticket.Ticket, g *matchfunc.Group) {
	m.metrics.TicketCreated(t)
	m.log.Debug("ticket created", zap.String("ticket", t.ID), zap.String("queue", t.Queue), zap.Strings("players", t.Players()))
	if m.recordings != nil && t.Match == "" {
		m.recordings.Created(t.Queue, m.catalog.Version(t.Queue), g)
	}
}

func (m *Matchmaker) ticketEnded(t *ticket.Ticket, s ticket.Status) {
	m.metrics.TicketEnded(t, s)
	m.logEnd(t, s)
	m.parts.searches.Release(t)
	m.parts.host.TicketEnded(t, s)
	if m.recordings != nil && t.Match == "" {
		m.recordings.Ended(t.Queue, t.ID, s.At, metrics.ReasonLabel(s.Reason))
	}
}

// logEnd names ticket, players and match, so that a player's question can be
// answered.
func (m *Matchmaker) logEnd(t *ticket.Ticket, s ticket.Status) {
	e := m.log.Check(zap.DebugLevel, "ticket ended")
	if e == nil {
		return
	}
	match := ""
	if len(s.Assignments) > 0 {
		match = s.Assignments[0].Match
	}
	e.Write(zap.String("ticket", t.ID), zap.String("queue", t.Queue), zap.Strings("players", t.Players()),
		zap.String("reason", metrics.ReasonLabel(s.Reason)), zap.String("match", match), zap.Duration("waited", s.At.Sub(t.Created)))
}

func (m *Matchmaker) matchMade(made queue.Match) {
	var players []string
	for _, t := range made.Tickets {
		players = append(players, t.Players()...)
	}
	m.parts.priority.Matched(made.ID, players)
	m.metrics.MatchMade(made.Queue, made.Quality)
}

// matchEnded stores a match's result. After an error its server sends it again.
func (m *Matchmaker) matchEnded(ctx context.Context, from seal.Reporter, e *fleetv1.MatchEnded) error {
	if m.state.Load() != stateRunning {
		return errors.New("the matchmaker is not running")
	}
	m.parts.priority.Ended(e.GetMatchId())
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if room.IsMatch(e.GetMatchId()) {
		// No rating: the players of a room could agree on any result.
		return m.parts.host.EndMatch(ctx, e.GetMatchId(), "")
	}
	if !m.catalog.Rated(ranking.QueueOf(e)) {
		return nil
	}
	proved, rated := m.seals.Check(ctx, from, e)
	if !rated {
		return nil
	}
	return m.parts.ranking.Report(ctx, proved)
}

// matchLost puts the players of a match that was lost before others.
func (m *Matchmaker) matchLost(match string) {
	if m.state.Load() != stateRunning {
		return
	}
	m.parts.priority.Lost(match)
	if room.IsMatch(match) {
		m.parts.host.EndMatchLater(match)
	}
}
