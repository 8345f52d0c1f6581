package rehearsal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden compares with a golden file, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func results() (wide, narrow Result) {
	wide = Result{
		Rules: "wide.yaml", Queue: "ranked", RulesVersion: "0123456789ab", Tickets: 1000, Players: 1200, Matched: 900, MatchedShare: 0.9,
		Unmatched: 100, Expired: 60, Cancelled: 40,
		WaitMS:      Spread{Count: 900, P50: 850.25, P90: 4321, P99: 12_345, Max: 61_000},
		SkillSpread: Spread{Count: 200, P50: 120, P90: 340.4}, Balance: Spread{Count: 200, P50: 3.25, P90: 40},
		Matches: 200, PlayersPerMatch: 4.5, QualityMean: 0.625, MostMatches: 90, MostWaiting: 33,
		Regions: map[string]Class{
			"eu": {Tickets: 700, Matched: 650, MatchedShare: 650.0 / 700, WaitMS: Spread{Count: 650, P50: 800, P90: 4000}},
			"us": {Tickets: 300, Matched: 250, MatchedShare: 250.0 / 300, WaitMS: Spread{Count: 250, P50: 1000, P90: 5000}},
		},
		Parties: map[string]Class{"2": {Tickets: 200}, "1": {Tickets: 790}, "10": {Tickets: 10}},
		Cycles:  5000, CycleMeanMS: 0.25, CycleMS: Spread{Count: 5000, P99: 1.5},
	}
	narrow = wide
	narrow.Rules, narrow.RulesVersion = "narrow.yaml", "ba9876543210"
	narrow.WaitMS.P50, narrow.WaitMS.P90 = 1700.5, 3000
	narrow.Matched, narrow.MatchedShare, narrow.Unmatched, narrow.Expired = 800, 0.8, 200, 160
	narrow.NoRoom, narrow.FullShare = 3, 0.125
	narrow.CycleMeanMS = 0.2504
	narrow.Regions = map[string]Class{"eu": wide.Regions["eu"], "us": {Tickets: 300}}
	return wide, narrow
}

func printed(t *testing.T, r *Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReport_printsTables(t *testing.T) {
	wide, narrow := results()
	golden(t, "one.golden", printed(t, &Report{Results: []Result{wide}}))
	conditions, err := parseAssertions("wait_p90<10s, matched_share>=95%,latency_p90<80ms")
	if err != nil {
		t.Fatal(err)
	}
	both := &Report{Results: []Result{wide, narrow}, Notes: []string{"a note"}}
	for _, c := range conditions {
		both.Asserts = append(both.Asserts, checkAssertion(c, &wide))
	}
	golden(t, "both.golden", printed(t, both))
}

func TestAssertions_compareFigures(t *testing.T) {
	wide, _ := results()
	for text, want := range map[string]bool{
		"wait_p90<10s": true, "wait_p90<4321ms": false, "wait_p90<=4321ms": true, "wait_max>1m": true, "wait_p50==850.25ms": true,
		"spread_p90<200": false, "spread_p90<=340.4": true, "matched_share>=90%": true, "matched_share>0.95": false, "quality>0.6": true,
		"matches==200": true, "latency_p50<1s": false, // nothing measured
	} {
		conditions, err := parseAssertions(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := checkAssertion(conditions[0], &wide); got.OK != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for _, text := range []string{"wait_p90<10", "spread_p90<10s", "spread_p90<10%", "nothing<3", "wait_p90", "matched<", ","} {
		if _, err := parseAssertions(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if list, err := parseAssertions(" "); err != nil || len(list) > 0 {
		t.Errorf("no condition: %v, %v", list, err)
	}
}

// Each figure of the table is named in conditions and told from the others.
func TestMetrics_haveNamesOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for _, name := range Metrics() {
		if seen[name] || strings.ContainsAny(name, "<>=, ") {
			t.Errorf("figure %q", name)
		}
		seen[name] = true
	}
}

func TestSpread_returnsPercentiles(t *testing.T) {
	values := make([]float64, 200)
	for i := range values {
		values[i] = float64(200 - i)
	}
	if got, want := spread(values), (Spread{Count: 200, P50: 100, P90: 180, P99: 198, Max: 200}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := spread([]float64{7}), (Spread{Count: 1, P50: 7, P90: 7, P99: 7, Max: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := spread(nil); got != (Spread{}) {
		t.Errorf("nothing: %+v", got)
	}
}
