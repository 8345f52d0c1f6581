package queue

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/matchfn"
)

// byRules proposes matches as the queue's rules or its function want them.
func (q *Queue) byRules(ctx context.Context) {
	groups := make([]*matchfn.Group, len(q.waiting))
	for i, s := range q.waiting {
		groups[i] = s.group
	}
	situation := matchfn.Situation{
		Now:    time.Now(),
		Gaps:   q.gaps(),
		Places: q.set.fleet.Places(q.rules.Key),
	}
	proposals, err := q.propose(groups, situation)
	if err != nil {
		q.log.Error("the queue's match function failed; nobody is matched by it", zap.Error(err))
		q.set.cfg.Hooks.Failed(q.name, "function")
		return
	}
	taken := make([]bool, len(q.waiting))
	found := make([]*find, 0, len(proposals))
	for _, p := range proposals {
		found = append(found, q.newFind(p, situation.Gaps, taken))
	}
	q.keep(taken)
	for _, f := range found {
		if accept := q.rules.Queue.Accept; accept != nil {
			q.askConsent(ctx, f, accept.Within)
		} else {
			q.seat(ctx, f)
		}
	}
}

// gaps are the running matches that ask for players, with no more seats than the
// rules allow: the mode may have more. Where the mode has no teams but the rules
// have, the teams are the rules' alone, and so is who is in which.
func (q *Queue) gaps() []matchfn.Gap {
	gaps := q.set.fleet.Gaps(q.name)
	for i := range gaps {
		gaps[i].Attributes = q.commonOf(gaps[i].Match)
	}
	teams := q.rules.Queue.Teams
	if teams.Max <= 1 || q.set.fleet.Teams(q.rules.Key) > 0 {
		for i := range gaps {
			gaps[i].Teams = gaps[i].Teams[:min(len(gaps[i].Teams), teams.Count)]
			for t := range gaps[i].Teams {
				gaps[i].Teams[t].Seats = min(gaps[i].Teams[t].Seats, teams.Max)
			}
		}
		return gaps
	}
	for i := range gaps {
		people, skill := 0, 0.0
		for _, t := range gaps[i].Teams {
			people += t.People
			skill += t.Skill * float64(t.People)
		}
		shaped := make([]matchfn.GapTeam, teams.Count)
		for n := range shaped {
			shaped[n] = matchfn.GapTeam{People: min((people+n)/teams.Count, teams.Max), Seats: teams.Max, Skill: skill / float64(max(people, 1))}
		}
		gaps[i].Teams = shaped
	}
	return gaps
}

// propose calls the match function. What a custom one does wrong, up to a
// panic, costs this cycle and no more.
func (q *Queue) propose(groups []*matchfn.Group, s matchfn.Situation) (proposals []matchfn.MatchProposal, err error) {
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

// newFind takes the proposal's searches out of those who wait.
func (q *Queue) newFind(p matchfn.MatchProposal, gaps []matchfn.Gap, taken []bool) *find {
	f := &find{
		match: p.Match, region: p.Region, version: p.Version, quality: p.Quality, together: true,
		rules: q.rules, joins: p.Match != "",
	}
	if f.match == "" {
		f.match, f.create = newMatchID(), true
	}
	for _, gap := range gaps {
		if gap.Match == p.Match {
			f.server = gap.Server
		}
	}
	// A mode without teams, or a side of one player each, has none to name.
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
