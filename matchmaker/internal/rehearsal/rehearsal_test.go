package rehearsal

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tactus/matchmaker/internal/rehearsal/population"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/matchfunc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

var epoch = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// tape writes a recording by hand.
type tape struct {
	t    *testing.T
	path string
	on   *os.File
	*recording.Writer
}

func newTape(t *testing.T, queue string) *tape {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tickets.jsonl")
	on, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return &tape{t: t, path: path, on: on, Writer: recording.NewWriter(on, recording.Header{Queue: queue, RulesVersion: "recorded"})}
}

// search writes that a ticket with players of these skills came.
func (w *tape) search(id string, at time.Duration, change func(*matchfunc.Group), skills ...float64) {
	g := &matchfunc.Group{ID: id, Created: epoch.Add(at)}
	for i, skill := range skills {
		g.Players = append(g.Players, matchfunc.Player{ID: fmt.Sprint(id, i), Skill: skill})
	}
	if change != nil {
		change(g)
	}
	w.Created(g)
}

func (w *tape) end(id string, at time.Duration, reason string) { w.Ended(id, epoch.Add(at), reason) }

func (w *tape) close() string {
	w.t.Helper()
	if err := errors.Join(w.Flush(), w.on.Close()); err != nil {
		w.t.Fatal(err)
	}
	return w.path
}

func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const duel = `
queue: duel
game: arena
mode: duel
teams: {count: 2, max: 1}
search: {expiry: 30s}
`

const duelBySkill = duel + `skill: {distance: 100, relax: [{after: 5s, distance: 300}]}
`

// stopped is a stopwatch that shows 0.
func stopped() time.Time { return time.Time{} }

func rehearse(t *testing.T, cfg Config) *Report {
	t.Helper()
	report, err := run(context.Background(), cfg, stopped)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Seven tickets whose fates were worked out by hand. The queue looks 20 ms after
// something happened and, while somebody waits, 120 ms after it looked last.
func TestRun_countsOutcomesOfSevenTickets(t *testing.T) {
	w := newTape(t, "duel")
	w.search("a", 0, nil, 1500)
	w.search("b", time.Second, nil, 1550)   // a and b at 1.02 s
	w.search("c", 2*time.Second, nil, 1800) // alone at first
	w.search("d", 4*time.Second, nil, 2000) // c accepts 200 points from 7 s on, d from 9 s: at 4.02 + 42 * 0.12 = 9.06 s
	w.search("e", 20*time.Second, nil, 1500)
	w.search("f", 21*time.Second, nil, 1500, 1500) // a party, in a queue for single players
	w.search("g", 22*time.Second, nil, 3000)
	w.end("a", time.Second+time.Hour, "matched")
	w.end("d", 14*time.Second, "cancelled") // later than its match
	w.end("g", 24*time.Second, "cancelled")
	report := rehearse(t, Config{Tickets: []string{w.close()}, Rules: rulesFile(t, duelBySkill)})
	got := report.Results[0]
	spread := func(n int, p50, p90, p99, most float64) Spread {
		return Spread{Count: n, P50: p50, P90: p90, P99: p99, Max: most}
	}
	want := Result{
		Tickets: 7, Players: 8, Matched: 4, MatchedShare: 4.0 / 7, Unmatched: 3, Expired: 1, Cancelled: 1, Refused: 1,
		WaitMS: spread(4, 1020, 7060, 7060, 7060), SkillSpread: spread(2, 50, 200, 200, 200), Balance: spread(2, 50, 200, 200, 200),
		Matches: 2, PlayersPerMatch: 2, MostMatches: 2, MostWaiting: 2,
		Regions: map[string]Class{"-": {Tickets: 7, Matched: 4, MatchedShare: 4.0 / 7, WaitMS: spread(4, 1020, 7060, 7060, 7060)}},
		Parties: map[string]Class{"1": {Tickets: 6, Matched: 4, MatchedShare: 4.0 / 6, WaitMS: spread(4, 1020, 7060, 7060, 7060)}, "2": {Tickets: 1}},
		Rules:   got.Rules, Queue: "duel", RulesVersion: got.RulesVersion,
		// What the match function thinks of it, and how often it was asked.
		QualityMean: got.QualityMean, Cycles: got.Cycles, CycleMS: got.CycleMS,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if report.SpanS != 22 {
		t.Errorf("a span of %v s, want 22", report.SpanS)
	}
	if got.QualityMean <= 0 || got.QualityMean > 1 || got.Cycles < 100 {
		t.Errorf("quality %v in %d cycles", got.QualityMean, got.Cycles)
	}
}

// With one place for a match, the second one waits for the first one's end.
func TestRun_waitsForFreeServer(t *testing.T) {
	w := newTape(t, "duel")
	inEurope := func(g *matchfunc.Group) {
		g.Latency = map[string]time.Duration{"eu": 30 * time.Millisecond, "us": 120 * time.Millisecond}
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		w.search(id, time.Duration(i/2)*time.Second, inEurope, 1500)
	}
	cfg := Config{Tickets: []string{w.close()}, Rules: rulesFile(t, duel), Servers: "eu=1", MatchLength: "10050ms"}
	got := rehearse(t, cfg).Results[0]
	// The first match is opened at 0.02 s and ends at 10.07; c and d wait from
	// 1 s to 10.09.
	if got.Matched != 4 || got.MostMatches != 1 || got.WaitMS.P50 != 20 || got.WaitMS.Max != 9090 {
		t.Errorf("with one place: %+v", got)
	}
	if got.FullShare < 0.9 || got.FullShare >= 1 {
		t.Errorf("the region was full in %v of the cycles, want all but the first", got.FullShare)
	}
	if got.LatencyMS.Max != 30 || got.LatencyMS.Count != 4 {
		t.Errorf("latency %+v, want 30 ms for all", got.LatencyMS)
	}
	cfg.MatchLength = "1h" // longer than they wait
	if got := rehearse(t, cfg).Results[0]; got.Matched != 2 || got.Expired != 2 {
		t.Errorf("with one place for an hour: %+v", got)
	}
	cfg.Servers = "" // as many as there are
	if got := rehearse(t, cfg).Results[0]; got.Matched != 4 || got.WaitMS.Max != 20 || got.MostMatches != 2 || got.FullShare != 0 {
		t.Errorf("with all places: %+v", got)
	}
	cfg.Servers = "eu=0,us=0"
	if got := rehearse(t, cfg).Results[0]; got.Matched != 0 || got.Expired != 4 {
		t.Errorf("with no place: %+v", got)
	}
}

// Clients meet servers and players of their own version, which share the places
// of a region unless these are of a version.
func TestRun_matchesPlayersOfOneVersion(t *testing.T) {
	w := newTape(t, "duel")
	for i, version := range []string{"1", "2", "1", "2"} {
		w.search(fmt.Sprint("t", i), time.Duration(i)*time.Millisecond, func(g *matchfunc.Group) {
			g.Version, g.Latency = version, map[string]time.Duration{"eu": 30 * time.Millisecond}
		}, 1500)
	}
	tickets := []string{w.close()}
	for servers, want := range map[string]int{"": 4, "eu=2": 4, "eu=1": 2, "eu@1=5": 2, "eu@1=1,eu=1": 4, "eu@3=5": 0} {
		got := rehearse(t, Config{Tickets: tickets, Rules: rulesFile(t, duel), Servers: servers, MatchLength: "1h"}).Results[0]
		if got.Matched != want {
			t.Errorf("servers %q: %d matched, want %d", servers, got.Matched, want)
		}
	}
	canary := rulesFile(t, duel+"assignment: {versions: [{version: \"2\", weight: 1}]}\n")
	if got := rehearse(t, Config{Tickets: tickets, Rules: canary}).Results[0]; got.Matched != 2 {
		t.Errorf("%d matched where only one of two versions gets matches, want 2", got.Matched)
	}
}

// Who is asked for a patience that was seen gives up by it, whoever got a match
// in reality does not.
func TestRun_letsPlayersGiveUpAsRecorded(t *testing.T) {
	w := newTape(t, "duel")
	for i, reason := range []string{"cancelled", "abandoned", "replaced", "matched", "expired", "shutdown", ""} {
		id := fmt.Sprint("t", i)
		w.search(id, 0, nil, float64(10_000*i))
		if reason != "" {
			w.end(id, 2*time.Second, reason)
		}
	}
	got := rehearse(t, Config{Tickets: []string{w.close()}, Rules: rulesFile(t, duelBySkill)}).Results[0]
	if got.Cancelled != 3 || got.Expired != 4 {
		t.Errorf("%d cancelled, %d expired; want 3 and 4", got.Cancelled, got.Expired)
	}
}

// populated makes a recording of a generated population.
func populated(t *testing.T, cfg population.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "population.jsonl")
	on, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(population.Generate(context.Background(), on, cfg), on.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const narrow = `
queue: ranked
game: arena
mode: teams
teams: {count: 2, max: 2}
skill: {distance: 60, relax: [{after: 20s, distance: 200}]}
latency: {max: 100ms}
search: {expiry: 60s}
`

var wide = strings.Replace(narrow, "{distance: 60, relax: [{after: 20s, distance: 200}]}", "{distance: 600}", 1)

// Wider rules buy shorter waits with worse matches; that is what a rehearsal
// has to show.
func TestRun_widerRulesMatchSoonerAndWorse(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	tickets := populated(t, population.Config{Rate: "4/s", For: 3 * time.Minute, Parties: "1=0.8,2=0.2", Regions: "eu=0.7,us=0.3", Seed: 3})
	report := rehearse(t, Config{Tickets: []string{tickets}, Rules: rulesFile(t, wide), Against: rulesFile(t, narrow)})
	w, n := report.Results[0], report.Results[1]
	if w.Tickets != n.Tickets || w.Tickets < 500 {
		t.Fatalf("%d and %d tickets", w.Tickets, n.Tickets)
	}
	if !(w.WaitMS.P50 < n.WaitMS.P50/2 && w.WaitMS.P90 < n.WaitMS.P90) {
		t.Errorf("waits: wide %+v, narrow %+v", w.WaitMS, n.WaitMS)
	}
	if !(w.SkillSpread.P50 > 1.5*n.SkillSpread.P50 && w.SkillSpread.P90 > n.SkillSpread.P90) {
		t.Errorf("spreads: wide %+v, narrow %+v", w.SkillSpread, n.SkillSpread)
	}
	if w.MatchedShare < n.MatchedShare {
		t.Errorf("matched: wide %v, narrow %v", w.MatchedShare, n.MatchedShare)
	}
	if n.SkillSpread.Max > 200 || w.SkillSpread.Max > 600 || n.LatencyMS.Max > 100 || w.LatencyMS.Max > 100 {
		t.Errorf("rules were broken: wide %+v, narrow %+v", w, n)
	}
	for _, r := range report.Results {
		if r.Matched+r.Unmatched != r.Tickets || r.Expired+r.Cancelled+r.Refused != r.Unmatched || r.PlayersPerMatch != 4 {
			t.Errorf("figures don't add up: %+v", r)
		}
	}
}

// The same files and seed give the same figures, whatever the machine is doing.
func TestRun_isDeterministic(t *testing.T) {
	cfg := Config{
		Tickets: []string{populated(t, population.Config{Rate: "5/s", For: time.Minute, Regions: "eu=0.5,us=0.5", Parties: "1=0.7,2=0.3"})},
		Rules:   rulesFile(t, wide), Servers: "eu=20,us=5", MatchLength: "exponential(20s)", Seed: 4,
	}
	first := rehearse(t, cfg)
	if again := rehearse(t, cfg); !reflect.DeepEqual(first, again) {
		t.Errorf("got  %+v\nwant %+v", again, first)
	}
	cfg.Seed++
	if other := rehearse(t, cfg); reflect.DeepEqual(first, other) {
		t.Error("another seed gives the same lengths of matches")
	}
}

// A game's own match function is rehearsed like any, and held to what the live
// queue holds it to.
func TestRun_checksCustomFunction(t *testing.T) {
	w := newTape(t, "duel")
	for i := range 4 {
		w.search(fmt.Sprint("t", i), time.Duration(i), nil, float64(i))
	}
	var proposal matchfunc.Proposal
	cfg := Config{
		Tickets: []string{w.close()}, Rules: rulesFile(t, duel+"function: inverse\n"),
		Functions: map[string]matchfunc.Func{"inverse": func(groups []*matchfunc.Group, _ matchfunc.State) []matchfunc.Proposal {
			if len(groups) < 4 {
				return nil
			}
			return []matchfunc.Proposal{proposal}
		}},
	}
	proposal = matchfunc.Proposal{Teams: [][]int{{0}, {3}}, Quality: 0.25}
	if got := rehearse(t, cfg).Results[0]; got.Matched != 2 || got.SkillSpread.Max != 3 || got.QualityMean != 0.25 {
		t.Errorf("got %+v", got)
	}
	proposal.Teams = [][]int{{0}, {0}}
	if _, err := Run(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "match function inverse") {
		t.Errorf("a faulty function: %v", err)
	}
	cfg.Functions = nil
	if _, err := Run(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), `function "inverse", which this program does not have`) {
		t.Errorf("an unknown function: %v", err)
	}
}

func TestConfig_choosesQueue(t *testing.T) {
	w := newTape(t, "duel")
	w.search("a", 0, nil, 1)
	tickets := []string{w.close()}
	one := rulesFile(t, strings.Replace(duel, "queue: duel", "queue: other", 1))
	several := rulesFile(t, duel+"---"+strings.Replace(duel, "queue: duel", "queue: other", 1))
	neither := rulesFile(t, strings.Replace(duel, "queue: duel", "queue: x", 1)+"---"+strings.Replace(duel, "queue: duel", "queue: y", 1))
	for _, tt := range []struct{ file, queue, want string }{
		{one, "", "other"},
		{several, "", "duel"},
		{several, "other", "other"},
		{one, "duel", `has no queue "duel", but other`},
		{neither, "", "has several queues (x, y)"},
	} {
		report, err := Run(context.Background(), Config{Tickets: tickets, Rules: tt.file, Queue: tt.queue})
		switch {
		case err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%+v: %v", tt, err)
		case err == nil && report.Results[0].Queue != tt.want:
			t.Errorf("%+v: took %s", tt, report.Results[0].Queue)
		}
	}
}

// Every mistake is told at once.
func TestConfig_namesEveryMistake(t *testing.T) {
	_, err := Run(context.Background(), Config{
		Tickets: []string{"/no/tickets"}, Rules: "/no/rules", Against: rulesFile(t, "queue: duel\nteem: 3\n"), Servers: "eu,us=-1,asia=1,asia=2",
		MatchLength: "long", Assert: "wait<3,wait_p90<10,matched=3", Cycle: -1,
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		"/no/tickets", "/no/rules", "teem", `servers "eu": want region=matches`, `servers "us=-1"`, `duplicate servers "asia=2"`,
		`match length "long"`, `assert "wait<3": no figure "wait"; known are tickets`, `assert "wait_p90<10": "10" is not a time`,
		`assert "matched=3" is not of the form`, "a cycle of -1ns",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if _, err := Run(context.Background(), Config{}); err == nil || !strings.Contains(err.Error(), "no recordings given") || !strings.Contains(err.Error(), "no rules given") {
		t.Errorf("nothing said: %v", err)
	}
	empty := newTape(t, "duel").close()
	if _, err := Run(context.Background(), Config{Tickets: []string{empty}, Rules: rulesFile(t, duel)}); err == nil || !strings.Contains(err.Error(), "no search begins there") {
		t.Errorf("an empty recording: %v", err)
	}
}

// What the figures leave out is said.
func TestRun_notesWhatFiguresDoNotShow(t *testing.T) {
	w := newTape(t, "duel")
	w.search("a", 0, nil, 1)
	w.end("before", time.Second, "matched")
	path := w.close()
	on, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := on.WriteString(`{"at":17`); err != nil || on.Close() != nil {
		t.Fatal(err)
	}
	report := rehearse(t, Config{Tickets: []string{path}, Rules: rulesFile(t, duel+`backfill: true
accept: {within: 10s}
latency: {max: 80ms}
attributes: [{name: language, rule: overlap}, {name: device, rule: equal, optional: true}]
`)})
	all := strings.Join(report.Notes, "\n")
	for _, want := range []string{
		"the last line is broken", "1 searches ended that began before", "backfill is not rehearsed", "all players accept",
		"1 tickets say no latency", `1 tickets say no "language"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q does not say %q", all, want)
		}
	}
	if len(report.Notes) != 6 {
		t.Errorf("notes %q", report.Notes)
	}
}

func TestRun_endsWithContext(t *testing.T) {
	w := newTape(t, "duel")
	w.search("a", 0, nil, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{Tickets: []string{w.close()}, Rules: rulesFile(t, duel)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
