package matchmaker_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	"tactus/matchmaker/matchfunc"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// withRules starts a matchmaker with one file of rules.
func withRules(t *testing.T, text string, change func(*matchmaker.Config)) (*world, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	writeRules(t, file, text)
	return start(t, func(c *matchmaker.Config) {
		c.RulesFiles = []string{file}
		if change != nil {
			change(c)
		}
	}), file
}

func writeRules(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// duel asks for two players of about the same skill.
const duel = `
queue: duel
game: arena
mode: duel
teams: {count: 2, max: 1}
party: {max: 1}
skill: {distance: 100}
`

// rated makes a ticket request for players whose skill the caller knows.
func rated(queue string, skill float64, players ...string) *matchmakerv1.CreateTicketRequest {
	req := &matchmakerv1.CreateTicketRequest{Queue: queue}
	for _, p := range players {
		req.Players = append(req.Players, &matchmakerv1.Player{PlayerId: p, PlayerName: p, Skill: &skill})
	}
	return req
}

func TestRules_decideMatches(t *testing.T) {
	w, _ := withRules(t, duel, nil)
	server := w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1900, "bob"))
	cid := w.search(rated("duel", 1950, "cid"))
	bobsWatch, annsWatch := bob.watch(), ann.watch()
	a, b := cid.assigned(), bobsWatch.end().GetAssignment()
	if a.GetMatchId() != b.GetMatchId() || a.GetQueue() != "duel" || len(a.GetRulesVersion()) != 12 {
		t.Errorf("assignments %v and %v", a, b)
	}
	if annsWatch.last.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
		t.Error("ann is 400 points away and was matched")
	}
	server.look(func() {
		r := server.asked[len(server.asked)-1]
		if r.GetQueue() != "duel" || r.GetRulesVersion() != a.GetRulesVersion() || r.GetTerm() == 0 || len(r.GetSeats()) != 2 {
			t.Errorf("the server was asked %v", r)
		}
	})
}

func TestRules_replaceQuickPlayOfTheirMode(t *testing.T) {
	w, _ := withRules(t, duel, nil)
	w.server("s1", nil)
	p := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "duel"})
	watch := p.watch()
	if watch.last.GetQueue() != "duel" || watch.last.GetRulesVersion() == "" {
		t.Errorf("watch %v", watch.last)
	}
	quick := w.search(&matchmakerv1.CreateTicketRequest{Queue: "arena/duel"})
	if a := quick.assigned(); a.GetQueue() != "arena/duel" || a.GetRulesVersion() != "" {
		t.Errorf("quick play gave %v", a)
	}
}

func TestRules_areReloaded(t *testing.T) {
	w, file := withRules(t, duel, nil)
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1900, "bob"))
	annsWatch := ann.watch()
	before := annsWatch.last.GetRulesVersion()

	writeRules(t, file, "queue: duel\ngame: arena\nmood: duel\nskill: {distance: -1}\n")
	err := w.mm.ReloadRules()
	if err == nil || !strings.Contains(err.Error(), "mood") || !strings.Contains(err.Error(), "skill.distance") {
		t.Errorf("a bad file: %v", err)
	}
	if now := w.queue("duel").GetRulesVersion(); now != before {
		t.Errorf("a bad file changed the rules to %s", now)
	}
	writeRules(t, file, strings.ReplaceAll(duel, "100", "500"))
	if err := w.mm.ReloadRules(); err != nil {
		t.Fatal(err)
	}
	a := bob.assigned()
	if b := annsWatch.end().GetAssignment(); b.GetMatchId() != a.GetMatchId() || a.GetRulesVersion() == before {
		t.Errorf("assignments %v and %v, rules before %s", a, b, before)
	}
}

func TestRules_removedQueueEndsItsSearches(t *testing.T) {
	w, file := withRules(t, duel, nil)
	w.server("s1", nil)
	ann := w.search(rated("duel", 1500, "ann"))
	watch := ann.watch()
	writeRules(t, file, strings.ReplaceAll(duel, "queue: duel", "queue: other"))
	if err := w.mm.ReloadRules(); err != nil {
		t.Fatal(err)
	}
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_UNMATCHABLE {
		t.Errorf("ended by %v", last)
	}
}

func (w *world) queue(name string) *matchmakerv1.QueueInfo {
	w.t.Helper()
	res, err := w.client.ListQueues(w.context(), &matchmakerv1.ListQueuesRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range res.GetQueues() {
		if q.GetName() == name {
			return q
		}
	}
	w.t.Fatalf("no queue %s in %v", name, res)
	return nil
}

func TestListQueues_listsAllQueues(t *testing.T) {
	w, _ := withRules(t, duel+"rated: true\naccept: {within: 5s}\n", nil)
	w.server("s1", nil)
	q := w.queue("duel")
	if q.GetTeams() != 2 || q.GetTeamMax() != 1 || q.GetPartyMax() != 1 || q.GetTitle() == "" || !q.GetAccept() || !q.GetRated() {
		t.Errorf("queue %v", q)
	}
	quick := w.queue("arena/ffa")
	if quick.GetTeamMax() != 4 || quick.GetTitle() != "Free for all" || quick.GetAccept() || !quick.GetRated() {
		t.Errorf("quick play %v", quick)
	}
}

func TestRules_rejectTickets(t *testing.T) {
	w, _ := withRules(t, duel+`
attributes: [{name: language, rule: overlap}]
latency: {max: 80ms}
---
queue: pairs
game: arena
mode: ffa
teams: {count: 2, max: 2}
`, nil)
	w.server("s1", nil)
	good := func() *matchmakerv1.CreateTicketRequest {
		return &matchmakerv1.CreateTicketRequest{
			Queue: "duel", LatencyMs: map[string]uint32{"eu": 20},
			Attributes: map[string]*matchmakerv1.Values{"language": {Values: []string{"en"}}},
		}
	}
	tests := []struct {
		name string
		req  func(*matchmakerv1.CreateTicketRequest)
		code codes.Code
		says string
	}{
		{"unknown queue", func(r *matchmakerv1.CreateTicketRequest) { r.Queue = "nosuch" }, codes.InvalidArgument, "pairs"},
		{"no language", func(r *matchmakerv1.CreateTicketRequest) { r.Attributes = nil }, codes.InvalidArgument, "language"},
		{"no latency", func(r *matchmakerv1.CreateTicketRequest) { r.LatencyMs = nil }, codes.InvalidArgument, "latency_ms"},
		{"absurd latency", func(r *matchmakerv1.CreateTicketRequest) { r.LatencyMs["eu"] = 1 << 30 }, codes.InvalidArgument, "10000"},
		{"too large a party", func(r *matchmakerv1.CreateTicketRequest) {
			r.Players = rated("", 1500, "a", "b").GetPlayers()
		}, codes.InvalidArgument, "2 players"},
		{"a player twice", func(r *matchmakerv1.CreateTicketRequest) {
			r.Queue, r.Players = "pairs", rated("", 1500, "a", "a").GetPlayers()
		}, codes.InvalidArgument, "twice"},
		{"no number of a skill", func(r *matchmakerv1.CreateTicketRequest) {
			r.Players = rated("", math.NaN(), "a").GetPlayers()
		}, codes.InvalidArgument, "NaN"},
		{"too far away", func(r *matchmakerv1.CreateTicketRequest) { r.LatencyMs["eu"] = 500 }, codes.InvalidArgument, "near enough"},
		{"old version", func(r *matchmakerv1.CreateTicketRequest) { r.Version = "0.1" }, codes.FailedPrecondition, "0.1"},
		{"another protocol", func(r *matchmakerv1.CreateTicketRequest) { r.Protocol = "tactus.v9" }, codes.FailedPrecondition, "tactus.v9"},
		{"too long a name of a queue", func(r *matchmakerv1.CreateTicketRequest) { r.Queue = strings.Repeat("x", 65) }, codes.InvalidArgument, "65 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := good()
			tt.req(req)
			_, err := w.client.CreateTicket(w.context(), req)
			if status.Code(err) != tt.code || !strings.Contains(status.Convert(err).Message(), tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := w.client.CreateTicket(w.context(), good()); err != nil {
		t.Errorf("others are served as before: %v", err)
	}
}

func TestMatchFunction_proposesMatches(t *testing.T) {
	const rules = "queue: duel\ngame: arena\nmode: duel\nteams: {count: 2, max: 1}\nfunction: pairs\n"
	calls := 0
	w, _ := withRules(t, rules, func(c *matchmaker.Config) {
		c.Functions = map[string]matchfunc.Func{"pairs": func(groups []*matchfunc.Group, s matchfunc.State) []matchfunc.Proposal {
			if len(groups) < 2 || len(s.Capacities) == 0 {
				return nil
			}
			if calls++; calls == 1 {
				panic("a mistake in the function")
			}
			if calls == 2 { // the same one twice
				return []matchfunc.Proposal{{Version: s.Capacities[0].Version, Teams: [][]int{{0}, {0}}}}
			}
			return []matchfunc.Proposal{{Version: s.Capacities[0].Version, Teams: [][]int{{0}, {1}}}}
		}}
	})
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 0, "ann")), w.search(rated("duel", 9000, "bob"))
	watch := bob.watch()
	if a, b := ann.assigned(), watch.end().GetAssignment(); a.GetMatchId() != b.GetMatchId() {
		t.Errorf("assignments %v and %v", a, b)
	}
	_, err := matchmaker.New(matchmaker.Config{RulesFiles: []string{ruleFile(t, rules)}}, nil)
	if err == nil || !strings.Contains(err.Error(), `"pairs" is not registered`) {
		t.Errorf("an unknown function: %v", err)
	}
}

func ruleFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "queue.yaml")
	writeRules(t, file, text)
	return file
}

func TestRules_decideAboutASecondSearch(t *testing.T) {
	w, _ := withRules(t, `
queue: keeps
game: arena
mode: duel
search: {duplicate: keep}
---
queue: replaces
game: arena
mode: duel
`, nil)
	w.server("s1", nil)
	first := w.search(&matchmakerv1.CreateTicketRequest{Queue: "keeps"})
	again := w.search(&matchmakerv1.CreateTicketRequest{Queue: "keeps", GuestToken: first.GetGuestToken()})
	if !again.GetExisting() || again.GetTicketId() != first.GetTicketId() {
		t.Errorf("a second search where the first stays: %v", again.CreateTicketResponse)
	}
	watch := first.watch()
	other := w.search(&matchmakerv1.CreateTicketRequest{Queue: "replaces", GuestToken: first.GetGuestToken()})
	if last := watch.end(); last.GetReason() != matchmakerv1.EndReason_END_REASON_REPLACED {
		t.Errorf("the first ended by %v", last)
	}
	same := w.search(&matchmakerv1.CreateTicketRequest{Queue: "replaces", GuestToken: first.GetGuestToken(), RequestId: "r1"})
	retried := w.search(&matchmakerv1.CreateTicketRequest{Queue: "replaces", GuestToken: first.GetGuestToken(), RequestId: "r1"})
	if same.GetTicketId() == other.GetTicketId() || retried.GetTicketId() != same.GetTicketId() {
		t.Errorf("a retried request made another ticket: %v, %v", same, retried)
	}
}
