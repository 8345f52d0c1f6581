//go:build linux

package main

import (
	"os"
	"strings"
	"testing"

	"tactus/loadtest"
)

func run1(cpu, delivered float64) *loadtest.Report {
	return &loadtest.Report{CPUPerClientTickUS: &cpu, Delivered: delivered, TickRate: 30, GapMS: loadtest.Spread{P99: 50}}
}

func TestNumber_writesDigitsThatCount(t *testing.T) {
	for v, want := range map[float64]string{12345.6: "12346", 3000: "3000", 96: "96", 1.256: "1.26", 71.26: "71.3", 0: "0"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestSpread_showsMedianAndEnds(t *testing.T) {
	for want, values := range map[string][]float64{
		"-": nil, "2.50": {2.5}, "2 (1 to 9)": {9, 1, 2}, "2.50 (1 to 4)": {4, 1, 2, 3},
	} {
		if got := spread(values); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
}

func TestMark_holdsBySide(t *testing.T) {
	for _, c := range []struct {
		m    mark
		want bool
	}{
		{atMost("a", 1.25, 1.25), true},
		{atMost("a", 1.26, 1.25), false},
		{atLeast("a", 3000, 3000), true},
		{atLeast("a", 2999, 3000), false},
	} {
		if c.m.Holds() != c.want {
			t.Errorf("%s", c.m.summary())
		}
	}
}

func TestRow_remarksOnRunsThatProveLittle(t *testing.T) {
	limited := run1(9, 1)
	limited.Generator.Limited, limited.Generator.Estimated = true, 0.12
	behind := run1(9, 0.5)
	behind.Errors = map[string]int{"dial": 2}
	behind.Generator.Stolen = 0.1
	r := row{Runs: []*loadtest.Report{limited, behind, run1(9, 1)}}
	for _, want := range []string{"load tester was the limit in 1 of 3", "up to 12 % of states read late", "fell behind in 1 of 3", "host took much of it in 1 of 3", "2 errors"} {
		if got := r.remark(); !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

func TestRow_keepsUpWhileClientsGetEnough(t *testing.T) {
	fine, slow, stale := run1(9, 1), run1(9, 1), run1(9, 1)
	slow.GapMS.P99, stale.EchoMS.P99 = 51, 67
	keepsUp := func(runs ...*loadtest.Report) bool { return (&row{Runs: runs}).keepsUp() }
	if !keepsUp(fine) || keepsUp(slow) || keepsUp(stale) || keepsUp(run1(9, 0.98)) {
		t.Errorf("got %v %v %v", keepsUp(fine), keepsUp(slow), keepsUp(stale))
	}
	if !keepsUp(fine, slow, fine) || keepsUp(slow, fine, stale, slow, slow) {
		t.Error("several runs are judged by their median")
	}
	if r := (&row{Runs: []*loadtest.Report{fine, slow, fine}}); r.deliversEachTime() || !r.delivers() {
		t.Error("a world has to hold in every run")
	}
}

func TestReport_showsEveryResult(t *testing.T) {
	var results []*result
	for _, name := range reported {
		results = append(results, &result{
			Name: name, Title: "title of " + name, Seconds: 20, Machine: machine{CPU: "a CPU", Pinned: true},
			Rows:   []row{{System: "system of " + name, Clients: 400, Runs: []*loadtest.Report{run1(9, 1)}}},
			Facts:  []fact{{Name: "fact of " + name, Unit: "KB", Runs: []float64{1, 2, 3}}},
			Shares: []loadProfile{{Load: "load of " + name, Parts: map[string]float64{"part of " + name: 0.5}}},
			Marks:  []mark{atMost("mark of "+name, 2, 1)}, Notes: []string{"note of " + name},
		})
	}
	text, err := renderReport(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range reported {
		for _, what := range []string{"title of ", "system of ", "fact of ", "load of ", "part of ", "mark of ", "note of "} {
			if !strings.Contains(text, what+name) {
				t.Errorf("the page lacks the %s%s", what, name)
			}
		}
	}
	if !strings.Contains(text, "**missed**") || strings.Contains(text, "<no value>") {
		t.Error("a missed mark has to be said, and nothing left empty")
	}
}

func TestReport_namesMissingResults(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeReport(); err == nil || !strings.Contains(err.Error(), "w1 was not measured") {
		t.Errorf("got %v", err)
	}
}

func TestResult_isLoadedAsSaved(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &result{Name: "w1", Rows: []row{{System: tactusName, Clients: 4, Runs: []*loadtest.Report{run1(7, 1)}}}}
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	got, err := loadResult("w1")
	if err != nil || got.Rows[0].System != tactusName || cpuOf(got.Rows[0].Runs[0]) != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCapacitySearch_needsWitnesses(t *testing.T) {
	fine, slow := run1(9, 1), run1(9, 1)
	slow.GapMS.P99 = 51
	c := &capacitySearch{witnesses: []witnessReport{{3000, fine}, {3000, slow}, {3000, fine}, {3600, slow}}}
	if !c.witnessesKeepUp(3000) || c.witnessesKeepUp(3600) || !c.witnessesKeepUp(1600) {
		t.Errorf("at 3000 %v, at 3600 %v, unseen %v", c.witnessesKeepUp(3000), c.witnessesKeepUp(3600), c.witnessesKeepUp(1600))
	}
}
