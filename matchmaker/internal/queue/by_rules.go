package queue

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/matchfunc"
)

// byRules finds matches by the rules of the queue, or by its function.
func (q *Queue) byRules(ctx context.Context) {
	groups := make([]*matchfunc.Group, len(q.waiting))
	for i, s := range q.waiting {
		groups[i] = s.group
	}
	state := matchfunc.State{
		Now:        time.Now(),
		Backfills:  q.backfills(),
		Capacities: q.set.fleet.Capacities(q.rules.Key),
	}
	proposals, err := q.propose(groups, state)
	if err != nil {
		q.log.Error("match function failed", zap.Error(err))
		q.set.cfg.Hooks.Failed(q.name, "function")
		return
	}
	taken := make([]bool, len(q.waiting))
	found := make([]*foundMatch, 0, len(proposals))
	for _, p := range proposals {
		found = append(found, q.newFoundMatch(p, state.Backfills, taken))
	}
	q.removeTaken(taken)
	for _, f := range found {
		if accept := q.rules.Queue.Accept; accept != nil {
			q.requestAcceptance(ctx, f, accept.Within)
		} else {
			q.reserve(ctx, f)
		}
	}
}

// backfills are the running matches that ask for players, with no more seats than the
// rules allow; the mode may have more. If the rules have teams but the mode has none,
// the teams exist in the rules only, and the players are spread over them.
func (q *Queue) backfills() []matchfunc.Backfill {
	backfills := q.set.fleet.Backfills(q.name)
	for i := range backfills {
		backfills[i].Attributes = q.sharedBy(backfills[i].Match)
	}
	teams := q.rules.Queue.Teams
	if teams.Max <= 1 || q.set.fleet.Teams(q.rules.Key) > 0 {
		for i := range backfills {
			backfills[i].Teams = backfills[i].Teams[:min(len(backfills[i].Teams), teams.Count)]
			for t := range backfills[i].Teams {
				backfills[i].Teams[t].Seats = min(backfills[i].Teams[t].Seats, teams.Max)
			}
		}
		return backfills
	}
	for i := range backfills {
		people, skill := 0, 0.0
		for _, t := range backfills[i].Teams {
			people += t.Players
			skill += t.Skill * float64(t.Players)
		}
		shaped := make([]matchfunc.BackfillTeam, teams.Count)
		for n := range shaped {
			shaped[n] = matchfunc.BackfillTeam{Players: min((people+n)/teams.Count, teams.Max), Seats: teams.Max, Skill: skill / float64(max(people, 1))}
		}
		backfills[i].Teams = shaped
	}
	return backfills
}

// propose calls the match function. A mistake of a custom function, also a panic,
// costs only the proposals of this cycle.
func (q *Queue) propose(groups []*matchfunc.Group, s matchfunc.State) (proposals []matchfunc.Proposal, err error) {
	if q.rules.Function != nil {
		defer func() {
			if p := recover(); p != nil {
				proposals, err = nil, fmt.Errorf("panic: %v", p)
			}
		}()
	}
	proposals = q.matcher(groups, s)
	if q.rules.Function != nil {
		err = matchfn.Check(q.rules.Queue, groups, s, proposals)
	}
	return proposals, err
}

// newFoundMatch makes a found match of a proposal, and marks its searches as taken.
func (q *Queue) newFoundMatch(p matchfunc.Proposal, backfills []matchfunc.Backfill, taken []bool) *foundMatch {
	f := &foundMatch{
		id: p.Match, region: p.Region, version: p.Version, quality: p.Quality, together: true,
		rules: q.rules, joins: p.Match != "",
	}
	if f.id == "" {
		f.id, f.create = newMatchID(), true
	}
	for _, backfill := range backfills {
		if backfill.Match == p.Match {
			f.server = backfill.Server
		}
	}
	// Without teams, or with teams of one player, no team is named.
	named := q.rules.Queue.Teams.Max > 1 && q.set.fleet.Teams(q.rules.Key) > 0
	for team, members := range p.Teams {
		number := int32(team)
		if !named {
			number = -1
		}
		for _, i := range members {
			taken[i] = true
			f.searches = append(f.searches, q.waiting[i])
			f.teams = append(f.teams, number)
		}
	}
	return f
}
