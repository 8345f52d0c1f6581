package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"tactus/internal/millis"
	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// foundMatch is a match that was found for searches and has no seats yet.
type foundMatch struct {
	id       string // of the match
	server   string // empty: not chosen yet
	create   bool
	region   string
	version  string
	searches []*search
	teams    []int32 // by search; -1: the game decides
	quality  float64 // negative: not known
	together bool    // all of them or none
	joins    bool    // the match may be running
	rules    *Rules  // nil: quick play
}

func (f *foundMatch) ticketIDs() []string {
	ids := make([]string, len(f.searches))
	for i, s := range f.searches {
		ids[i] = s.ticket.ID
	}
	return ids
}

func (f *foundMatch) players() int {
	n := 0
	for _, s := range f.searches {
		n += s.ticket.Size()
	}
	return n
}

// reserve requests the seats of a found match from a server, and completes the match
// when the server has answered. Its caller is run, or counts in pending.
func (q *Queue) reserve(ctx context.Context, f *foundMatch) {
	p := assign.Proposal{Match: f.id, Create: f.create, Teams: f.teams, Server: f.server, Key: f.searches[0].ticket.Key}
	p.Rated = f.rules == nil // quick play is
	if f.rules != nil {
		r := f.rules.Queue
		p.Rated, p.Leave = r.Rated, leavePolicy(r)
		p.Queue, p.RulesVersion, p.Term, p.Backfill = q.name, r.Version, q.lease.Term(), r.Backfill
		if p.Server == "" {
			server, ok := q.set.fleet.Pick(p.Key, f.region, f.version, r.Assignment.Policy, f.players())
			if !ok {
				q.set.cfg.Hooks.Failed(q.name, "no_server")
				q.requeue(f)
				return
			}
			p.Server = server
		}
	}
	for _, s := range f.searches {
		p.Tickets = append(p.Tickets, s.ticket)
	}
	asked, err := q.set.assigner.Ask(p)
	if err != nil {
		q.refused(f, err)
		return
	}
	q.pending.Go(func() { q.complete(ctx, f, p.Server, asked) })
}

// leavePolicy is what a queue's rules say of players that leave its matches.
func leavePolicy(r *rules.Queue) *fleetv1.LeavePolicy {
	l := r.LeavePolicy()
	return &fleetv1.LeavePolicy{Loss: l.Result == rules.LeaveLoss, AfterMs: millis.Of(l.After), GraceMs: millis.Of(l.Grace)}
}

// complete waits for the server's answer and lets the match win its tickets. The
// journal decides: once it has the match, the next owner of the queue knows it too.
// If another process owns the queue by then, the journal refuses the match.
func (q *Queue) complete(ctx context.Context, f *foundMatch, server string, asked *assign.Asked) {
	seats, err := asked.Seats(ctx)
	if err != nil && ctx.Err() != nil {
		q.requeue(f) // not refused: the queue is being released
		return
	}
	ids := f.ticketIDs()
	if err == nil && q.endsSoon(f) { // known since the server's answer
		asked.Release(make([]bool, len(ids)))
		err = errEnding
	}
	if err != nil {
		q.log.Debug("no seats", zap.String("server", server), zap.String("match", f.id), zap.Error(err))
		q.refused(f, err)
		return
	}
	won := q.set.tickets.Commit(ids, f.together)
	asked.Release(won)
	if !slices.Contains(won, true) {
		q.requeue(f) // the tickets that search on
		return
	}
	statuses := make([]ticket.Status, len(ids))
	now := time.Now()
	for i := range ids {
		statuses[i] = ticket.AssignedTo(seats[i])
		statuses[i].At = now
	}
	if !q.record(ctx, f, asked, won, statuses) {
		return
	}
	q.set.cfg.Hooks.Matched(Match{ID: f.id, Queue: q.name, Server: server, Quality: f.quality, Tickets: wonTickets(f, won)})
	for i, id := range ids {
		if won[i] {
			q.set.tickets.EndCommitted(id, statuses[i])
		}
	}
}

// record records a match, and reports whether its players may get their assignments.
func (q *Queue) record(ctx context.Context, f *foundMatch, asked *assign.Asked, won []bool, statuses []ticket.Status) bool {
	began := time.Now()
	q.journalShared(f)
	recorded := q.journalMatch(f, asked.ID(), won, statuses)
	<-recorded.Done()
	if err := recorded.Err(); err != nil {
		q.set.cfg.Hooks.Failed(q.name, "lost_queue")
		if errors.Is(err, store.ErrFenced) {
			// Another process owns the queue. For it these tickets are searching.
			asked.Release(make([]bool, len(won)))
		}
		// Otherwise the journal may have the match. The seats stay reserved, for the
		// case that the next owner assigns them, and become free by themselves.
		return false
	}
	if time.Since(began) < q.set.cfg.Prompt {
		return true
	}
	// A store without a leader takes seconds, and meanwhile the match may have ended.
	// The confirmation has its own timeout. If the end of the queue cut it short, it
	// would count as a refusal, and a late confirmation would free the seats.
	err := asked.Confirm(context.WithoutCancel(ctx), won)
	if err == nil && q.endsSoon(f) {
		err = errEnding
	}
	if err != nil {
		q.rollBack(f, asked, won, err)
	}
	return err == nil
}

// errEnding refuses seats in a match that ends too soon.
var errEnding = &assign.Refusal{Reason: "ending"}

// endsSoon reports whether a running match is known to end too soon for new players.
// Players that want this match get it all the same.
func (q *Queue) endsSoon(f *foundMatch) bool {
	anywhere := slices.ContainsFunc(f.searches, func(s *search) bool { return s.ticket.Match == "" })
	return f.joins && anywhere && q.set.fleet.EndsSoon(f.id)
}

// rollBack lets the tickets of a recorded match search on, before their players got
// assignments. The shared attributes of the match stay as they are.
func (q *Queue) rollBack(f *foundMatch, asked *assign.Asked, won []bool, why error) {
	removed := q.journal.Append(matchPrefix+asked.ID(), nil, 0)
	<-removed.Done()
	if removed.Err() != nil {
		// The next owner assigns the match or lets the tickets search on. This one can't
		// know which, and reports nothing.
		q.set.cfg.Hooks.Failed(q.name, "lost_queue")
		return
	}
	q.log.Debug("match rolled back", zap.String("match", f.id), zap.Error(why))
	asked.Release(make([]bool, len(won)))
	again := *f
	again.searches = nil
	for i, s := range f.searches {
		if won[i] {
			again.searches = append(again.searches, s)
		}
	}
	q.set.tickets.Resume(again.ticketIDs())
	q.refused(&again, why)
}

// Match is a match that has won its tickets.
type Match struct {
	ID      string
	Queue   string
	Server  string
	Quality float64 // negative: not known
	Tickets []*ticket.Ticket
}

func wonTickets(f *foundMatch, won []bool) []*ticket.Ticket {
	var list []*ticket.Ticket
	for i, s := range f.searches {
		if won[i] {
			list = append(list, s.ticket)
		}
	}
	return list
}

// requeue lets all tickets of a found match search on with their waiting time. Tickets
// that have ended drop out by themselves.
func (q *Queue) requeue(f *foundMatch) {
	q.set.tickets.Withdraw(f.ticketIDs())
	q.add(f.searches...)
}

// refused lets the searches try again with the new state of the fleet, or ends them
// if that can't help.
func (q *Queue) refused(f *foundMatch, err error) {
	var refusal *assign.Refusal
	isRefusal := errors.As(err, &refusal)
	q.set.cfg.Hooks.Failed(q.name, cause(refusal))
	final := isRefusal && (refusal.Reason == "over" || refusal.Reason == "no_match" ||
		refusal.Reason == "full" && len(f.searches) == 1) // of several, some may fit
	q.set.tickets.Withdraw(f.ticketIDs())
	var again []*search
	for _, s := range f.searches {
		s.attempts++
		switch {
		case final && s.ticket.Match != "":
			q.unmatchable(s.ticket, refusal.Reason)
		case s.attempts >= q.set.cfg.Attempts:
			q.set.tickets.Finish(s.ticket.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED, ""))
		default:
			again = append(again, s)
		}
	}
	if len(again) > 0 {
		q.add(again...)
	}
}

func cause(refusal *assign.Refusal) string {
	if refusal == nil {
		return "no_answer"
	}
	return refusal.Reason
}
