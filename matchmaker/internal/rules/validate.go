package rules

import (
	"fmt"
	"time"
)

func (q *Queue) validate(r *report) {
	checkName(r, "queue", q.Name, maxName, true)
	checkName(r, "game", q.Game, maxGameName, false)
	checkName(r, "mode", q.Mode, maxGameName, false)
	if len([]rune(q.Title)) > maxTitle {
		r.add("title", "has to have at most %d characters", maxTitle)
	}
	if q.Function != "" {
		checkName(r, "function", q.Function, maxName, true)
	}
	q.validateTeams(r)
	q.validateSkill(r)
	q.validateLatency(r)
	q.validateAttributes(r)
	q.validateBalance(r)
	q.validateSearch(r)
	q.validateAssignment(r)
	q.validateLeave(r)
}

func (q *Queue) validateLeave(r *report) {
	l := q.Leave
	if l == nil {
		return
	}
	if l.Result != "" && l.Result != LeaveNone && l.Result != LeaveLoss {
		r.add("leave.result", "has to be none or loss; got %q", l.Result)
	}
	if l.Result == LeaveLoss && !q.Rated {
		r.add("leave.result", "is loss, and the queue is not rated")
	}
	for path, d := range map[string]time.Duration{"leave.after": l.After, "leave.grace": l.Grace} {
		if d < 0 || d > maxLeaveTime {
			r.add(path, "has to be from 0s to %s; got %s", maxLeaveTime, d)
		}
	}
}

// checkName checks a name that programs use.
func checkName(r *report, path, name string, longest int, underscore bool) {
	allowed := "a-z, 0-9 and -"
	if underscore {
		allowed = "a-z, 0-9, - and _"
	}
	ok := name != "" && len(name) <= longest
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || underscore && c == '_')
	}
	switch {
	case ok:
	case name == "":
		r.add(path, "is missing; it is 1 to %d characters of %s", longest, allowed)
	default:
		r.add(path, "has to be 1 to %d characters of %s; got %q", longest, allowed, name)
	}
}

func checkRange(r *report, path string, value, least, most int, meaning string) {
	if value < least || value > most {
		r.add(path, "has to be from %d to %d%s; got %d", least, most, meaning, value)
	}
}

func (q *Queue) validateTeams(r *report) {
	t := q.Teams
	checkRange(r, "teams.count", t.Count, 1, maxTeams, "")
	checkRange(r, "teams.max", t.Max, 1, maxPlayers, "")
	if t.Count < 1 || t.Count > maxTeams || t.Max < 1 || t.Max > maxPlayers {
		return
	}
	if t.Count*t.Max > maxPlayers {
		r.add("teams", "%d teams of %d are %d players; a match has at most %d", t.Count, t.Max, t.Count*t.Max, maxPlayers)
	}
	checkRange(r, "teams.at_least", t.AtLeast, 1, t.Count, " (teams.count)")
	checkRange(r, "teams.min", t.Min, 1, t.Max, " (teams.max)")
	checkRange(r, "party.max", q.Party.Max, 1, t.Max, " (teams.max, since a party is in one team)")
	q.validateFill(r)
}

func (q *Queue) validateFill(r *report) {
	t := q.Teams
	steps := newSteps(r, "teams.fill", len(t.Fill), q.Search.Expiry)
	before := Fill{AtLeast: t.Count, Min: t.Max}
	for i, f := range t.Fill {
		at := steps.check(i, f.After)
		checkRange(r, at+".at_least", f.AtLeast, min(t.AtLeast, before.AtLeast), before.AtLeast, " (from teams.at_least to what was wanted before)")
		checkRange(r, at+".min", f.Min, min(t.Min, before.Min), before.Min, " (from teams.min to what was wanted before)")
		if f.AtLeast == before.AtLeast && f.Min == before.Min {
			r.add(at, "has to ask for fewer teams or players than what was wanted before: %d teams of %d", before.AtLeast, before.Min)
		}
		before = f
	}
	if len(t.Fill) == 0 {
		return
	}
	if before.AtLeast > t.AtLeast {
		r.add("teams.at_least", "%d teams are never enough: the last step of teams.fill still wants %d", t.AtLeast, before.AtLeast)
	}
	if before.Min > t.Min {
		r.add("teams.min", "%d players are never enough: the last step of teams.fill still wants %d", t.Min, before.Min)
	}
}

// steps checks the waits of a relaxation.
type steps struct {
	report *report
	path   string
	expiry time.Duration
	before time.Duration
}

func newSteps(r *report, path string, n int, expiry time.Duration) *steps {
	if n > maxSteps {
		r.add(path, "has to have at most %d steps; got %d", maxSteps, n)
	}
	return &steps{report: r, path: path, expiry: expiry}
}

// check returns the path of the step.
func (s *steps) check(i int, after time.Duration) string {
	path := fmt.Sprintf("%s[%d]", s.path, i)
	switch {
	case after <= 0:
		s.report.add(path+".after", "has to be a wait of more than 0s; got %s", after)
	case after <= s.before:
		s.report.add(path+".after", "has to be more than %s, the step before it; got %s", s.before, after)
	case after >= s.expiry && s.expiry > 0:
		s.report.add(path+".after", "has to be less than %s (search.expiry), or it never comes; got %s", s.expiry, after)
	}
	s.before = max(s.before, after)
	return path
}

func (r *report) checkPoints(path string, points float64) {
	if !(points > 0 && points <= maxPoints) {
		r.add(path, "has to be more than 0 and at most %.0f points; got %v", maxPoints, points)
	}
}

func (q *Queue) validateSkill(r *report) {
	if q.Skill == nil {
		return
	}
	q.Skill.relaxation().validate(r, "skill", "distance", q.Search.Expiry, r.checkPoints)
}

func (q *Queue) validateBalance(r *report) {
	if q.Balance == nil {
		return
	}
	if q.Teams.Count == 1 {
		r.add("balance", "needs two teams or more to compare; teams.count is 1")
	}
	q.Balance.relaxation().validate(r, "balance", "difference", q.Search.Expiry, r.checkPoints)
}

func (q *Queue) validateLatency(r *report) {
	if q.Latency == nil {
		return
	}
	q.Latency.relaxation().validate(r, "latency", "max", q.Search.Expiry, func(path string, bound time.Duration) {
		checkTime(r, path, bound, maxLatency)
	})
}

func checkTime(r *report, path string, value, most time.Duration) {
	if value <= 0 || value > most {
		r.add(path, "has to be more than 0s and at most %s; got %s", most, value)
	}
}

func (q *Queue) validateAttributes(r *report) {
	if len(q.Attributes) > maxAttributes {
		r.add("attributes", "has to have at most %d; got %d", maxAttributes, len(q.Attributes))
	}
	seen := make(map[string]int)
	for i, a := range q.Attributes {
		at := fmt.Sprintf("attributes[%d]", i)
		checkName(r, at+".name", a.Name, maxName, true)
		if first, twice := seen[a.Name]; twice && a.Name != "" {
			r.add(at+".name", "%q has a rule already, attributes[%d]", a.Name, first)
		} else {
			seen[a.Name] = i
		}
		if a.Rule != RuleEqual && a.Rule != RuleOverlap {
			r.add(at+".rule", "has to be %s or %s; got %q", RuleEqual, RuleOverlap, a.Rule)
		}
		if a.DropAfter < 0 || a.DropAfter >= q.Search.Expiry && a.DropAfter > 0 {
			r.add(at+".drop_after", "has to be less than %s (search.expiry), or it never comes; got %s", q.Search.Expiry, a.DropAfter)
		}
	}
}

func (q *Queue) validateSearch(r *report) {
	checkTime(r, "search.expiry", q.Search.Expiry, maxWait)
	if q.Search.Duplicate != DuplicateReplace && q.Search.Duplicate != DuplicateKeep {
		r.add("search.duplicate", "has to be %s or %s; got %q", DuplicateReplace, DuplicateKeep, q.Search.Duplicate)
	}
	if q.Accept != nil {
		checkTime(r, "accept.within", q.Accept.Within, maxAccept)
	}
	if q.Rated && q.Teams.Count == 1 {
		r.add("rated", "needs two teams or more to compare; teams.count is 1")
	}
}

func (q *Queue) validateAssignment(r *report) {
	a := q.Assignment
	if a.Policy != PolicySpread && a.Policy != PolicyPack {
		r.add("assignment.policy", "has to be %s or %s; got %q", PolicySpread, PolicyPack, a.Policy)
	}
	if len(a.Versions) > maxVersions {
		r.add("assignment.versions", "has to have at most %d; got %d", maxVersions, len(a.Versions))
	}
	seen := make(map[string]int)
	for i, v := range a.Versions {
		at := fmt.Sprintf("assignment.versions[%d]", i)
		if v.Version == "" || len(v.Version) > maxVersion {
			r.add(at+".version", "has to be a version of the game, 1 to %d characters; got %q", maxVersion, v.Version)
		} else if first, twice := seen[v.Version]; twice {
			r.add(at+".version", "%q is named already, assignment.versions[%d]", v.Version, first)
		} else {
			seen[v.Version] = i
		}
		if !(v.Weight > 0 && v.Weight <= maxPoints) {
			r.add(at+".weight", "has to be more than 0, such as 0.1 beside 0.9; got %v", v.Weight)
		}
	}
}
