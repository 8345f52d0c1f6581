package matchmaker_test

import (
	"strings"
	"testing"
	"time"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const twoTeams = `
queue: teams
game: arena
mode: ffa
teams: {count: 2, max: 2}
skill: {distance: 200}
backfill: true
`

// asksForPlayers lets a running match of the queue have people of team 0 and 1,
// of two seats each.
func (g *gameServer) asksForPlayers(match, version string, people ...uint32) {
	status := &fleetv1.MatchStatus{
		MatchId: match, Game: "arena", Mode: "ffa", Seats: 4, Queue: "teams", RulesVersion: version, Backfill: true,
	}
	g.mu.Lock()
	fake := &fakeMatch{seats: make([]string, 4), status: status}
	for _, n := range people {
		for range n {
			fake.seats[status.GetPeople()] = "somebody"
			status.People++
		}
		status.Teams = append(status.Teams, &fleetv1.TeamStatus{People: n, Seats: 2, Skill: 1500})
	}
	g.matches[match] = fake
	sent := copyStatus(status)
	sent.Queue, sent.RulesVersion, sent.Backfill, sent.Teams = status.GetQueue(), version, true, status.GetTeams()
	g.mu.Unlock()
	g.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{sent}})
}

// withTeams makes the first mode one of two teams.
func withTeams(_ *gameServer, r *fleetv1.Register) { r.Games[0].Modes[0].Teams = 2 }

func TestBackfill_comesBeforeNewMatches(t *testing.T) {
	w, _ := withRules(t, twoTeams, nil)
	server := w.server("s1", withTeams)
	server.asksForPlayers("m-running", w.queue("teams").GetRulesVersion(), 2, 1)
	w.until("the match is known", func() bool { return len(w.mm.Overview().Servers) == 1 && w.mm.Overview().Servers[0].People == 3 })
	far := w.search(rated("teams", 1900, "far"))
	fars := far.watch()
	ann := w.search(rated("teams", 1550, "ann"))
	a := ann.assigned()
	if a.GetMatchId() != "m-running" || a.GetTeam() != 1 {
		t.Errorf("ann plays at %v", a)
	}
	if fars.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		t.Errorf("a player 400 points away was let in: %v", fars.last)
	}
	server.look(func() {
		r := server.asked[0]
		if r.GetCreate() || r.GetSeats()[0].GetTeam() != 1 || r.GetSeats()[0].GetSkill() != 1550 || !r.GetBackfill() {
			t.Errorf("asked %v", r)
		}
	})
}

// speaking is a ticket request of a player of some language.
func speaking(player, language string) *matchmakerv1.CreateTicketRequest {
	req := rated("teams", 1500, player)
	req.Attributes = map[string]*matchmakerv1.Values{"language": {Values: []string{language}}}
	return req
}

// begun lets two English speakers play and the match ask for others.
func (w *world) begun(server *gameServer) (match string) {
	w.t.Helper()
	one, two := w.search(speaking("ann", "en")), w.search(speaking("bob", "en"))
	watch := two.watch()
	a := one.assigned()
	watch.end()
	server.asksForPlayers(a.GetMatchId(), a.GetRulesVersion(), 1, 1)
	return a.GetMatchId()
}

// oneLanguage starts a match of two and lets more of their language come.
const oneLanguage = `
queue: teams
game: arena
mode: ffa
teams: {count: 2, min: 1, max: 2}
backfill: true
attributes: [{name: language, rule: equal}]
`

func TestBackfill_keepsTheAttributesOfTheMatch(t *testing.T) {
	w, _ := withRules(t, oneLanguage, nil)
	w.onlyEnglishJoins(w.begun(w.server("s1", withTeams)))
}

func TestBackfill_nextOwnerKnowsTheAttributes(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), oneLanguage), sharing(t, "b", nats.URL(), oneLanguage)
	match := a.begun(a.server("s1", withTeams))
	a.stop()
	b.server("s1", withTeams).asksForPlayers(match, b.queue("teams").GetRulesVersion(), 1, 1)
	b.onlyEnglishJoins(match)
}

// onlyEnglishJoins lets a player of another language search first, who is
// passed over.
func (w *world) onlyEnglishJoins(match string) {
	w.t.Helper()
	w.until("the match is known", func() bool { return w.mm.Overview().Servers[0].People == 2 })
	german := w.search(speaking("cid", "de")).watch()
	if a := w.search(speaking("dan", "en")).assigned(); a.GetMatchId() != match {
		w.t.Errorf("dan plays in %s, not in %s", a.GetMatchId(), match)
	}
	german.leave()
	for {
		last, err := german.stream.Recv()
		if err != nil {
			return
		}
		if last.GetAssignment() != nil {
			w.t.Errorf("cid plays too: %v", last)
		}
	}
}

// The rules' two teams are nothing to a mode that has none.
func TestBackfill_fillsMatchesWithoutTeams(t *testing.T) {
	w, _ := withRules(t, twoTeams, nil)
	server := w.server("s1", nil)
	server.asksForPlayers("m-running", w.queue("teams").GetRulesVersion(), 3)
	w.until("the match is known", func() bool { return w.mm.Overview().Servers[0].People == 3 })
	if a := w.search(rated("teams", 1550, "ann")).assigned(); a.GetMatchId() != "m-running" || a.GetTeam() != -1 {
		t.Errorf("ann plays at %v", a)
	}
}

// A mode may have more seats than the rules want players.
func TestBackfill_keepsTheRulesLimits(t *testing.T) {
	for name, change := range map[string]func(*gameServer, *fleetv1.Register){"with teams": withTeams, "without teams": nil} {
		t.Run(name, func(t *testing.T) {
			w, _ := withRules(t, strings.ReplaceAll(twoTeams, "max: 2", "max: 1"), func(c *matchmaker.Config) {
				c.BatchWindow = 200 * time.Millisecond // all are looked at together
			})
			server := w.server("s1", change)
			people := []uint32{1, 0}
			if change == nil {
				people = []uint32{1}
			}
			server.asksForPlayers("m-running", w.queue("teams").GetRulesVersion(), people...)
			w.until("the match is known", func() bool { return w.mm.Overview().Servers[0].People == 1 })
			var watches []*watching
			for _, name := range []string{"ann", "bob", "cid"} {
				watches = append(watches, w.search(rated("teams", 1500, name)).watch())
			}
			joined := 0
			for _, watch := range watches {
				if watch.end().GetAssignment().GetMatchId() == "m-running" {
					joined++
				}
			}
			if joined != 1 {
				t.Errorf("%d players joined the match, which lacked one", joined)
			}
		})
	}
}

func TestQuickPlay_ignoresMatchesOfQueues(t *testing.T) {
	w, _ := withRules(t, twoTeams, nil)
	server := w.server("s1", withTeams)
	server.asksForPlayers("m-running", "v", 1, 1)
	w.until("the match is known", func() bool { return w.mm.Overview().Servers[0].People == 2 })
	if a := w.search(&matchmakerv1.CreateTicketRequest{Queue: "arena/ffa"}).assigned(); a.GetMatchId() == "m-running" {
		t.Error("quick play joined a match that takes players of its queue only")
	}
}

func TestFleet_choosesServersByPolicy(t *testing.T) {
	for policy, want := range map[string]string{"spread": "empty", "pack": "busy"} {
		t.Run(policy, func(t *testing.T) {
			w, _ := withRules(t, duel+"assignment: {policy: "+policy+"}\n", nil)
			busy := w.server("busy", func(_ *gameServer, r *fleetv1.Register) { r.MaxMatches = 10 })
			w.server("empty", func(_ *gameServer, r *fleetv1.Register) { r.MaxMatches = 10 })
			busy.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m-x", Game: "arena", Mode: "ffa", People: 4, Seats: 4}}})
			w.until("the match is known", func() bool {
				people := 0
				for _, s := range w.mm.Overview().Servers {
					people += s.People
				}
				return people == 4
			})
			ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1500, "bob"))
			watch := bob.watch()
			if got := serverOf(ann.assigned()); got != want {
				t.Errorf("assigned to %s, want %s", got, want)
			}
			watch.end()
		})
	}
}

func TestFleet_canaryGetsItsShare(t *testing.T) {
	w, _ := withRules(t, duel+"assignment: {versions: [{version: \"1\", weight: 3}, {version: \"2\", weight: 1}]}\n", nil)
	w.server("old", nil)
	w.server("new", func(_ *gameServer, r *fleetv1.Register) { r.Games[0].Version = "2" })
	seated := make(map[string]int)
	const players = 80
	found := make(chan string, players)
	for range players {
		p := w.search(&matchmakerv1.CreateTicketRequest{Queue: "duel"})
		watch := p.watch()
		go func() {
			last := watch.last
			for last.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
				next, err := watch.stream.Recv()
				if err != nil {
					break
				}
				last = next
			}
			found <- serverOf(last.GetAssignment())
		}()
	}
	// Of each version one may be left over.
	for range players - 2 {
		seated[<-found]++
	}
	// 20 of 80 are expected; 60 or none would be chance's one in a million.
	if n := seated["new"]; n == 0 || n >= players*3/4 {
		t.Errorf("seated %v", seated)
	}
	if seated["old"]+seated["new"] != players-2 {
		t.Errorf("seated %v", seated)
	}
}
