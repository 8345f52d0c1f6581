package queue

import (
	"context"
	"crypto/rand"
	"strings"

	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// quickPlay finds matches without rules.
func (q *Queue) quickPlay(ctx context.Context) {
	candidates := make([]quickplay.Ticket, len(q.waiting))
	for i, s := range q.waiting {
		candidates[i] = quickplay.Ticket{Version: s.ticket.Version, Match: s.ticket.Match, Returns: s.ticket.Returns, WaitForMatch: s.ticket.Awaits, Players: s.ticket.Size()}
	}
	seatings, unmatchable := quickplay.Plan(candidates, q.set.fleet.View(q.rules.Key))
	taken := make([]bool, len(q.waiting))
	for _, i := range unmatchable {
		taken[i] = true
		q.unmatchable(q.waiting[i].ticket, "")
	}
	var found []*foundMatch
	for _, p := range seatings {
		f := &foundMatch{id: p.Match, server: p.Server, create: p.Create, joins: p.Match != "", quality: -1}
		if f.id == "" {
			f.id = newMatchID()
		}
		for n, i := range p.Tickets {
			taken[i] = true
			f.searches = append(f.searches, q.waiting[i])
			f.teams = append(f.teams, p.Teams[n])
		}
		found = append(found, f)
	}
	q.removeTaken(taken)
	for _, f := range found {
		q.reserve(ctx, f)
	}
}

// newMatchID returns the ID of a new public match.
func newMatchID() string { return "m-" + strings.ToLower(rand.Text()[:16]) }

// unmatchable ends the search for a certain match that can't be joined.
func (q *Queue) unmatchable(t *ticket.Ticket, reason string) {
	message := "This match is full or has ended."
	switch {
	case reason == "full" && t.Room != "":
		message = "This room is full."
	case reason == "full":
		message = "This match is full."
	case reason != "":
		message = "This match has ended."
	case t.Room != "":
		message = "This room is full or does not exist any more."
	}
	q.set.tickets.Finish(t.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE, message))
}
