package routing

import (
	"time"

	"tactus/internal/millis"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var wireStates = map[ticket.State]matchmakerv1.WatchTicketResponse_State{
	ticket.Searching:  matchmakerv1.WatchTicketResponse_STATE_SEARCHING,
	ticket.Proposed:   matchmakerv1.WatchTicketResponse_STATE_PROPOSED,
	ticket.Committing: matchmakerv1.WatchTicketResponse_STATE_SEARCHING,
	ticket.Assigned:   matchmakerv1.WatchTicketResponse_STATE_ASSIGNED,
	ticket.Ended:      matchmakerv1.WatchTicketResponse_STATE_ENDED,
}

// describe is a ticket's status as the watching member sees it.
func (r *Router) describe(w *ticket.Watch, now ticket.Status) *matchmakerv1.WatchTicketResponse {
	t := w.Ticket()
	until, known := time.Now(), time.Duration(0)
	if now.State.Over() {
		until = now.At
	} else {
		known = until.Sub(t.Created)
	}
	p50, p90 := r.queues.EstimatedWait(t.Queue, known)
	res := &matchmakerv1.WatchTicketResponse{
		State:              wireStates[now.State],
		WaitedMs:           millis.Of(until.Sub(t.Created)),
		EstimatedWaitMs:    millis.Of(p50),
		EstimatedWaitP90Ms: millis.Of(p90),
		Searching:          uint32(r.queues.Tickets().Players(t.Queue)),
		Reason:             now.Reason,
		Message:            now.Message,
		Queue:              t.Queue,
		RulesVersion:       r.cfg.RulesVersion(t.Queue),
	}
	if now.State == ticket.Searching {
		res.WaitingFor = r.queues.WaitingFor(t)
	}
	if res.GetWaitingFor() == matchmakerv1.WaitingFor_WAITING_FOR_NO_SERVER { // earlier waits say nothing about this one
		res.EstimatedWaitMs, res.EstimatedWaitP90Ms = 0, 0
	}
	if p := now.Proposal; p != nil && now.State == ticket.Proposed {
		res.Proposal = &matchmakerv1.MatchProposal{
			MatchId: p.Match, AcceptWithinMs: millis.Of(time.Until(p.Deadline)),
			Players: uint32(p.Players), Accepted: uint32(p.Accepted), AcceptedByYou: p.By[w.Member()],
		}
	}
	if now.State == ticket.Assigned {
		a := now.Assignments[w.Member()]
		res.RulesVersion = a.RulesVersion
		res.Assignment = &matchmakerv1.Assignment{
			MatchId: a.Match, ServerId: a.Server, Url: a.URL, JoinToken: a.Token, ExpiresMs: millis.Of(time.Until(a.Expires)),
			Game: a.Game, Mode: a.Mode, RoomCode: a.Room,
			Queue: a.Queue, RulesVersion: a.RulesVersion, Team: a.Team,
		}
	}
	return res
}
