package rules

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the tests get as what they want")

// The text of every mistake is what an author of rules works with, so it is
// kept word by word.
func TestParse_reportsAllMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			queues, err := ParseAll(filepath.Base(file), data)
			var problems Problems
			if !errors.As(err, &problems) || queues != nil {
				t.Fatalf("got %v, %v", queues, err)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestLoad_readsFolders(t *testing.T) {
	queues, err := Load("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*Queue)
	for _, q := range queues {
		byName[q.Name] = q
	}
	if len(queues) != 5 || len(byName) != 5 {
		t.Fatalf("got %d queues, %d names", len(queues), len(byName))
	}
	ranked := byName["ranked-5v5"]
	want := &Queue{
		Name: "ranked-5v5", Game: "arena", Mode: "teams5", Title: "Ranked, five against five",
		Teams: Teams{Count: 2, AtLeast: 2, Min: 5, Max: 5}, Party: Party{Max: 5},
		Skill: &Skill{Distance: 100, Relax: []DistanceStep{{15 * time.Second, 200}, {40 * time.Second, 400}}},
		Latency: &Latency{
			Max:   60 * time.Millisecond,
			Relax: []LatencyStep{{20 * time.Second, 90 * time.Millisecond}, {time.Minute, 150 * time.Millisecond}},
		},
		Attributes: []Attribute{
			{Name: "language", Rule: RuleOverlap, DropAfter: 30 * time.Second, Optional: true}, {Name: "input", Rule: RuleEqual},
		},
		Balance: &Balance{Difference: 40, Relax: []DifferenceStep{{30 * time.Second, 80}}},
		Accept:  &Accept{Within: 12 * time.Second}, Backfill: true, Rated: true,
		Search:     Search{Expiry: 3 * time.Minute, Duplicate: DuplicateKeep},
		Assignment: Assignment{Policy: PolicyPack, Versions: []VersionWeight{{"1.4", 0.9}, {"1.5", 0.1}}},
		Version:    ranked.Version,
	}
	if !reflect.DeepEqual(ranked, want) {
		t.Errorf("got  %+v\nwant %+v", ranked, want)
	}
	if json := byName["duel-json"]; json.Skill.Distance != 150 || json.Skill.Relax[0].After != 5*time.Second {
		t.Errorf("JSON: %+v", json.Skill)
	}
}

func TestQueue_defaults(t *testing.T) {
	q, err := Parse("", []byte("{queue: q, game: g, mode: m, accept: {}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Queue{
		Name: "q", Game: "g", Mode: "m", Title: "q", Teams: Teams{Count: 2, AtLeast: 2, Min: 1, Max: 1}, Party: Party{Max: 1},
		Accept: &Accept{Within: 10 * time.Second}, Search: Search{Expiry: time.Minute, Duplicate: DuplicateReplace},
		Assignment: Assignment{Policy: PolicySpread}, Version: q.Version,
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got  %+v\nwant %+v", q, want)
	}
	built := &Queue{Name: "q", Game: "g", Mode: "m", Accept: &Accept{}}
	if err := built.Complete(); err != nil || !reflect.DeepEqual(built, want) {
		t.Errorf("made in Go: %v, %+v", err, built)
	}
}

func TestTeams_fillStepsHaveDefaults(t *testing.T) {
	q, err := Parse("", []byte("{queue: q, game: g, mode: m, teams: {count: 4, max: 3, fill: [{after: 5s, at_least: 3}, {after: 9s, at_least: 2, min: 1}]}}"))
	// The first step leaves out min, which is then the least of all steps.
	if err != nil || q.Teams.AtLeast != 2 || q.Teams.Min != 1 || q.Teams.Fill[0] != (Fill{5 * time.Second, 3, 1}) {
		t.Fatalf("%v, %+v", err, q)
	}
	for _, step := range []struct {
		waited         time.Duration
		teams, players int
	}{{0, 4, 3}, {5*time.Second - 1, 4, 3}, {5 * time.Second, 3, 1}, {9 * time.Second, 2, 1}, {time.Hour, 2, 1}} {
		if teams, players := q.Teams.Need(step.waited); teams != step.teams || players != step.players {
			t.Errorf("after %s: %d teams of %d, want %d of %d", step.waited, teams, players, step.teams, step.players)
		}
	}
	if teams, players := (&Teams{Count: 4, AtLeast: 2, Min: 1, Max: 3}).Need(0); teams != 2 || players != 1 {
		t.Errorf("without steps: %d teams of %d", teams, players)
	}
}

func TestQueue_relaxesWithWaitingTime(t *testing.T) {
	second := time.Second
	skill := Skill{Distance: 10, Relax: []DistanceStep{{second, 20}, {3 * second, 40}}}
	latency := Latency{Max: 10, Relax: []LatencyStep{{second, 20}, {3 * second, 40}}}
	balance := Balance{Difference: 10, Relax: []DifferenceStep{{second, 20}, {3 * second, 40}}}
	for _, tt := range []struct {
		waited time.Duration
		want   float64
	}{{0, 10}, {second - 1, 10}, {second, 20}, {3*second - 1, 20}, {3 * second, 40}, {time.Hour, 40}} {
		if skill.At(tt.waited) != tt.want || float64(latency.At(tt.waited)) != tt.want || balance.At(tt.waited) != tt.want {
			t.Errorf("after %s: %v %v %v, want %v", tt.waited, skill.At(tt.waited), latency.At(tt.waited), balance.At(tt.waited), tt.want)
		}
	}
	if skill.Widest() != 40 || latency.Widest() != 40 || balance.Widest() != 40 {
		t.Error("widest is not what the last step says")
	}
	drops := Attribute{DropAfter: second}
	if !drops.Cares(second-1) || drops.Cares(second) || !(&Attribute{}).Cares(time.Hour) {
		t.Error("an attribute is dropped at its time, or never")
	}
}

// A match names the rules that made it: the same name for the same rules.
func TestQueue_versionDependsOnRulesOnly(t *testing.T) {
	parse := func(text string) string {
		t.Helper()
		q, err := Parse("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return q.Version
	}
	one := parse("queue: q\ngame: g\nmode: m\nskill: {distance: 100}\nattributes: [{name: a, rule: equal}, {name: b, rule: overlap}]")
	if len(one) != 12 {
		t.Errorf("got %q", one)
	}
	same := parse("# a comment\nmode: m\nskill:\n  distance: 100.0\ngame: g\nattributes: [{rule: overlap, name: b}, {name: a, rule: equal}]\nteams: {count: 2}\nqueue: q")
	if same != one {
		t.Errorf("%s and %s for rules that mean the same", one, same)
	}
	if other := parse("queue: q\ngame: g\nmode: m\nskill: {distance: 101}\nattributes: [{name: a, rule: equal}, {name: b, rule: overlap}]"); other == one {
		t.Error("other rules have the same version")
	}
}

func TestLoad_namesTheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("a.yaml", "queue: duel\ngame: g\nmode: m\n")
	two := write("b.json", `{"queue": "duel", "game": "g", "mode": 3}`)
	write("notes.txt", "not rules")
	_, err := Load(dir)
	want := two + `:1: queue: there is a queue "duel" already, in ` + one + ":1; names have to differ"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), two+":1: mode: has to be text") {
		t.Errorf("got %v", err)
	}
	if queues, err := Load(one, one); err != nil || len(queues) != 1 {
		t.Errorf("a file named twice: %v, %v", queues, err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestParse_takesOneQueue(t *testing.T) {
	if _, err := Parse("f.yaml", []byte("{queue: a, game: g, mode: m}\n---\n{queue: b, game: g, mode: m}")); err == nil || !strings.Contains(err.Error(), "it holds 2") {
		t.Errorf("got %v", err)
	}
	if _, err := Parse("f.yaml", make([]byte, maxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "rules files are read up to") {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestProblems_areLimited(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		text.WriteString("x" + strings.Repeat("x", i) + ": 1\n")
	}
	_, err := Parse("f", []byte(text.String()))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != maxProblems+1 || !strings.HasSuffix(err.Error(), "and 203 more mistakes") {
		t.Errorf("%d problems, the last: %v", len(problems), problems[len(problems)-1])
	}
}

// Whatever is in a file, it is refused with a sentence or means rules that hold,
// and these are the same when they are written down and read again.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*", "testdata/bad/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			t.Skip("the YAML library takes its time with large nonsense")
		}
		queues, err := ParseAll("fuzz.yaml", data)
		if err != nil {
			if queues != nil || !strings.Contains(err.Error(), ": ") {
				t.Fatalf("%v, %q", queues, err)
			}
			return
		}
		for _, q := range queues {
			again, err := Parse("again.yaml", q.YAML())
			if err != nil {
				t.Fatalf("%v\n%s", err, q.YAML())
			}
			if again.Version != q.Version {
				t.Fatalf("%s\nis read as\n%s", q.YAML(), again.YAML())
			}
		}
	})
}
