package matchmaker

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/rules"
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

		Declined: m.matchDeclined,
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
	if !m.leavingCosts(ranking.QueueOf(e)) {
		proved.Leavers = nil
	}
	if err := m.coolDown(ctx, proved); err != nil {
		return err
	}
	return m.parts.ranking.Report(ctx, proved)
}

// leavingCosts reports whether players that leave a match of the queue lose it.
func (m *Matchmaker) leavingCosts(queue string) bool {
	r, ok := m.catalog.Lookup(queue)
	return ok && r.Queue != nil && r.Queue.LeavePolicy().Result == rules.LeaveLoss
}

// coolDown makes the players wait that left a match by themselves. Those that a fault
// of the server took out of it are no leavers any more.
func (m *Matchmaker) coolDown(ctx context.Context, e *fleetv1.MatchEnded) error {
	if e.GetReason() != "over" {
		return nil
	}
	e.Leavers = slices.DeleteFunc(e.GetLeavers(), func(p *fleetv1.PlayerResult) bool {
		return p.GetLeft() == fleetv1.Left_LEFT_OURS || p.GetLeft() == fleetv1.Left_LEFT_UNSPECIFIED
	})
	for _, p := range e.GetLeavers() {
		if err := m.parts.cooldown.Add(ctx, p.GetPlayerId(), e.GetMatchId()); err != nil {
			return err
		}
		m.log.Info("player left a rated match", zap.String("match", e.GetMatchId()), zap.String("player", p.GetPlayerId()),
			zap.Stringer("why", p.GetLeft()), zap.Uint32("tick", p.GetLeftTick()))
	}
	return nil
}

// matchDeclined makes the players wait that declined a match, or did not answer.
func (m *Matchmaker) matchDeclined(match string, players []string) {
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	for _, p := range players {
		if err := m.parts.cooldown.Add(ctx, p, match); err != nil {
			m.log.Warn("declined match not counted", zap.String("match", match), zap.String("player", p), zap.Error(err))
		}
	}
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
