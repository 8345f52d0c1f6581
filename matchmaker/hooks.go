package matchmaker

import (
	"go.uber.org/zap"

	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
)

// hooks tell metrics, claims and recordings what happens in the queues.
type hooks struct {
	mm *Matchmaker
}

func (h *hooks) queue() queue.Hooks {
	return queue.Hooks{
		Created: h.created,
		Ended:   h.ended,
		Matched: h.matched,
		Cycled:  h.mm.metrics.CycleEnded,
		Failed:  h.mm.metrics.AllocationFailed,
	}
}

func (h *hooks) created(t *ticket.Ticket, g *matchfunc.Group) {
	h.mm.metrics.TicketCreated(t)
	h.mm.log.Debug("ticket created", zap.String("ticket", t.ID), zap.String("queue", t.Queue), zap.Strings("players", playersOf(t)))
	if h.mm.recordings != nil && t.Match == "" {
		h.mm.recordings.Created(t.Queue, h.mm.catalog.Version(t.Queue), g)
	}
}

func (h *hooks) ended(t *ticket.Ticket, s ticket.Status) {
	h.mm.metrics.TicketEnded(t, s)
	h.logEnd(t, s)
	h.mm.service.dropClaims(t)
	h.mm.service.roomTicketEnded(t, s)
	if h.mm.recordings != nil && t.Match == "" {
		h.mm.recordings.Ended(t.Queue, t.ID, s.At, metrics.ReasonLabel(s.Reason))
	}
}

// logEnd names ticket, players and match, so that a player's question can be
// answered.
func (h *hooks) logEnd(t *ticket.Ticket, s ticket.Status) {
	e := h.mm.log.Check(zap.DebugLevel, "ticket ended")
	if e == nil {
		return
	}
	match := ""
	if len(s.Assignments) > 0 {
		match = s.Assignments[0].Match
	}
	e.Write(zap.String("ticket", t.ID), zap.String("queue", t.Queue), zap.Strings("players", playersOf(t)),
		zap.String("reason", metrics.ReasonLabel(s.Reason)), zap.String("match", match), zap.Duration("waited", s.At.Sub(t.Created)))
}

func (h *hooks) matched(m queue.Match) {
	var players []string
	for _, t := range m.Tickets {
		players = append(players, playersOf(t)...)
	}
	h.mm.service.requeue.Matched(m.ID, players)
	h.mm.metrics.MatchMade(m.Queue, m.Quality)
}
