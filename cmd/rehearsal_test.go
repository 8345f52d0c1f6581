package tactuscmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tactus/game"
	"tactus/game/arena"
)

// run runs a command line and returns what it wrote to standard output.
func run(args ...string) (string, error) {
	root := newRoot([]game.Game{arena.Game})
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const duelRules = "queue: duel\ngame: arena\nmode: duel\nskill: {distance: 200}\n"

func TestCheckRules_printsRulesOrMistakes(t *testing.T) {
	good := file(t, "good.yaml", duelRules)
	out, err := run("matchmaker", "check-rules", good)
	if err != nil || !strings.HasPrefix(out, "# rules version ") || !strings.Contains(out, "distance: 200") || !strings.Contains(out, "expiry: 1m") {
		t.Errorf("%v\n%s", err, out)
	}
	again, err := run("matchmaker", "check-rules", file(t, "effective.yaml", out))
	if err != nil || again != out {
		t.Errorf("the rules as they hold are other rules: %v\n%s", err, again)
	}
	bad := file(t, "bad.yaml", "queue: Duel!\ngame: arena\nmode: duel\nteem: 3\nskill: {distance: -1}\n")
	out, err = run("matchmaker", "check-rules", good, bad)
	if !errors.Is(err, errFailed) {
		t.Errorf("bad rules: %v, want exit code 1", err)
	}
	for _, want := range []string{bad + ":1: queue: ", bad + ":4: teem: ", "skill.distance: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q does not say %q", out, want)
		}
	}
	if _, err = run("matchmaker", "check-rules", "/no/such/file"); err == nil || errors.Is(err, errFailed) {
		t.Errorf("no file: %v, want exit code 2", err)
	}
}

func TestRehearse_generatedPopulation(t *testing.T) {
	population := []string{"matchmaker", "generate", "--rate", "5/s", "--for", "20s", "--queue", "duel", "--patience", "-1s"}
	text, err := run(population...)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := run(population...); again != text {
		t.Error("the same flags give another population")
	}
	if other, _ := run(append(population, "--seed", "1")...); other == text {
		t.Error("another seed gives the same population")
	}
	tickets, rules := file(t, "tickets.jsonl", text), file(t, "rules.yaml", duelRules)
	rehearse := func(more ...string) (string, error) {
		return run(append([]string{"matchmaker", "rehearse", "--tickets", tickets, "--rules", rules}, more...)...)
	}
	out, err := rehearse("--assert", "wait_p50<1m,tickets>10")
	if err != nil || !strings.Contains(out, "assert wait_p50<1m") || strings.Contains(out, "change") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = rehearse("--assert", "tickets<10"); !errors.Is(err, errFailed) || !strings.Contains(out, "FAILED") {
		t.Errorf("a condition that does not hold: %v\n%s", err, out)
	}
	if out, err = rehearse("--against", rules); err != nil || !strings.Contains(out, "change") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = run("matchmaker", "rehearse", "--rules", rules, tickets); err != nil || !strings.Contains(out, "matched share") {
		t.Errorf("recordings after the flags: %v\n%s", err, out)
	}
	result := filepath.Join(t.TempDir(), "result.json")
	if out, err = rehearse("--json", result); err != nil || !strings.Contains(out, "matched share") {
		t.Errorf("%v\n%s", err, out)
	}
	written, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = rehearse("--json", "-"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out, string(written)} {
		var report struct {
			Results []struct {
				Queue   string
				Tickets int
				WaitMS  struct{ Count int } `json:"wait_ms"`
			}
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil || report.Results[0].Queue != "duel" || report.Results[0].WaitMS.Count == 0 {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// What the operator can mend is told and ends with exit code 2.
func TestRehearse_rejectsMistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"--tickets and --rules are required":      {"rehearse"},
		"no such file":                            {"rehearse", "--tickets", "/no/tickets", "--rules", "/no/rules"},
		"unknown flag: --rool; see `tactus match": {"rehearse", "--rool"},
		"requires at least 1 arg":                 {"check-rules"},
		"want a number above 0 per s, m or h":     {"generate", "--rate", "many"},
		`unknown command "rehearsal"`:             {"rehearsal"},
	} {
		out, err := run(append([]string{"matchmaker"}, args...)...)
		if err == nil || errors.Is(err, errFailed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}

var (
	fence    = regexp.MustCompile("(?ms)^```(\\S+) ?(\\S*)\n(.*?)^```$")
	exitCode = regexp.MustCompile(` # exit code (\d)$`)
	word     = regexp.MustCompile(`'([^']*)'|\S+`)
)

// TestRehearsalDocument_commandsWork does what docs/rehearsal.md tells its reader to do, and
// gets what it shows.
func TestRehearsalDocument_commandsWork(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	text, err := os.ReadFile("../docs/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	referencePage, err := filepath.Abs("../docs/rehearsal-reference.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	ran, shown, last := 0, 0, ""
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		switch language, name, body := block[1], block[2], block[3]; language {
		case "yaml":
			if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		case "sh":
			if name == "yours" { // with recordings that only a reader has
				continue
			}
			for line := range strings.Lines(body) {
				last = documented(t, strings.TrimSpace(line))
				ran++
			}
		case "text":
			shown++
			if got, want := labels(last), labels(body); got != want {
				t.Errorf("docs/rehearsal.md shows a table of\n%s\nit is one of\n%s", want, got)
			}
		}
	}
	if ran != 6 || shown != 1 {
		t.Errorf("%d commands and %d tables were found, want 6 and 1", ran, shown)
	}
	reference, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range rehearsalCommands(Program{}) {
		for _, flag := range regexp.MustCompile("--[a-z][a-z-]+").FindAllString(sub.LocalFlags().FlagUsages(), -1) {
			if !bytes.Contains(reference, []byte("`"+flag+"`")) {
				t.Errorf("docs/rehearsal-reference.md does not say what %s of %s does", flag, sub.Name())
			}
		}
	}
}

// documented runs a command of the document as a shell would.
func documented(t *testing.T, line string) string {
	t.Helper()
	want := "0"
	if m := exitCode.FindStringSubmatch(line); m != nil {
		want, line = m[1], strings.TrimSuffix(line, m[0])
	}
	line, into, _ := strings.Cut(line, " > ")
	var args []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		args = append(args, strings.Trim(m[0], "'"))
	}
	if args[0] != "tactus" {
		t.Fatalf("%q is no command of tactus", line)
	}
	out, err := run(args[1:]...)
	got := "0"
	switch {
	case errors.Is(err, errFailed):
		got = "1"
	case err != nil:
		got = "2"
	}
	if got != want {
		t.Errorf("%s: exit code %s, want %s: %v\n%s", line, got, want, err, out)
	}
	if into != "" {
		if err := os.WriteFile(into, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// labels is the first column of a table: its figures change with the match
// function and the machine.
func labels(table string) string {
	var list []string
	for line := range strings.Lines(table) {
		label := regexp.MustCompile(`^ *\S+( \S+)*`).FindString(line)
		list = append(list, label)
	}
	return strings.Join(list, "\n")
}
