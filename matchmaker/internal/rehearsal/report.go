package rehearsal

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a rehearsal.
type Report struct {
	// Tickets are the files that were rehearsed.
	Tickets []string `json:"tickets"`
	// SpanS is the time from the first search to the last, in seconds.
	SpanS float64 `json:"span_s"`
	// Results has one entry for the rules, and a second one for those that they are
	// compared with.
	Results []Result `json:"results"`
	// Asserts are the conditions and whether they hold for the first result.
	Asserts []AssertResult `json:"asserts"`
	// Failed is true when a condition did not hold.
	Failed bool `json:"failed"`
	// Notes are what a reader of the figures needs to know.
	Notes []string `json:"notes"`
}

// Result is the outcome of one file's rules. A ticket is one search, of a player or of
// a party.
type Result struct {
	Rules        string `json:"rules"` // the file
	Queue        string `json:"queue"`
	RulesVersion string `json:"rules_version"`

	Tickets      int     `json:"tickets"`
	Players      int     `json:"players"`
	Matched      int     `json:"matched"`
	MatchedShare float64 `json:"matched_share"`
	Unmatched    int     `json:"unmatched"` // the following three
	Expired      int     `json:"expired"`
	Cancelled    int     `json:"cancelled"`
	Refused      int     `json:"refused"` // parties larger than the rules allow

	WaitMS      Spread `json:"wait_ms"`      // of matched tickets
	SkillSpread Spread `json:"skill_spread"` // of matches: between the means of their groups, in points
	Balance     Spread `json:"balance"`      // of matches: between the means of their teams, in points
	// LatencyMS is the latency of players to the region in which they play.
	LatencyMS Spread `json:"latency_ms"`

	Matches         int     `json:"matches"`
	PlayersPerMatch float64 `json:"players_per_match"`
	QualityMean     float64 `json:"quality_mean"` // of matches, 0 to 1
	MostMatches     int     `json:"most_matches"` // at once
	MostWaiting     int     `json:"most_waiting"` // tickets at once
	// FullShare is the share of the cycles in which all servers of a region were in use.
	// NoRoom counts proposed matches that found no server.
	FullShare float64 `json:"full_share"`
	NoRoom    int     `json:"no_room"`

	Regions map[string]Class `json:"regions"` // by the region nearest; "-": not measured
	Parties map[string]Class `json:"parties"` // by players of a ticket

	Cycles      int     `json:"cycles"`
	CycleMeanMS float64 `json:"cycle_mean_ms"` // in this machine's time, as the next
	CycleMS     Spread  `json:"cycle_ms"`
}

// Class is the outcome of some of the tickets.
type Class struct {
	Tickets      int     `json:"tickets"`
	Matched      int     `json:"matched"`
	MatchedShare float64 `json:"matched_share"`
	WaitMS       Spread  `json:"wait_ms"`
}

// Spread is a distribution. With Count 0 nothing was measured.
type Spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Print writes the report as tables, both rules side by side.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	r.heading(t)
	for _, m := range metrics {
		if !m.unless || r.any(m) {
			r.row(t, m.label, m)
		}
	}
	r.classes(t, "home region ", func(result *Result) map[string]Class { return result.Regions })
	r.classes(t, "party of ", func(result *Result) map[string]Class { return result.Parties })
	for _, a := range r.Asserts {
		fmt.Fprintf(t, "assert %s\t%s\n", a.Condition, a.summary())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	return nil
}

func (r *Report) heading(t io.Writer) {
	line := func(name, last string, of func(*Result) string) {
		cells := []string{name}
		for i := range r.Results {
			cells = append(cells, of(&r.Results[i]))
		}
		if len(r.Results) > 1 && last != "" {
			cells = append(cells, last)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	line("rules", "change", func(result *Result) string { return result.Rules })
	line("queue", "", func(result *Result) string { return result.Queue })
	line("rules version", "", func(result *Result) string { return result.RulesVersion })
}

// row writes one figure of each result, and how the first differs from the second.
func (r *Report) row(t io.Writer, label string, m metric) {
	cells := []string{label}
	values := make([]float64, 0, len(r.Results))
	for i := range r.Results {
		value, measured := m.value(&r.Results[i])
		if !measured {
			cells = append(cells, "-")
			continue
		}
		cells, values = append(cells, m.unit.text(value)), append(values, value)
	}
	if len(values) == 2 {
		cells = append(cells, m.unit.change(values[0], values[1]))
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

func (r *Report) any(m metric) bool {
	return slices.ContainsFunc(r.Results, func(result Result) bool {
		value, measured := m.value(&result)
		return measured && value != 0
	})
}

// classes writes three figures of each class of the tickets if there are several
// classes.
func (r *Report) classes(t io.Writer, prefix string, of func(*Result) map[string]Class) {
	names := make(map[string]bool)
	for i := range r.Results {
		for name := range of(&r.Results[i]) {
			names[name] = true
		}
	}
	if len(names) < 2 {
		return
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), byNumber) {
		class := func(result *Result) Class { return of(result)[name] }
		r.row(t, prefix+name+": tickets", metric{unit: counted, value: func(result *Result) (float64, bool) {
			return float64(class(result).Tickets), true
		}})
		r.row(t, "  matched", metric{unit: shared, value: func(result *Result) (float64, bool) {
			return class(result).MatchedShare, class(result).Tickets > 0
		}})
		r.row(t, "  wait p50", metric{unit: timed, value: func(result *Result) (float64, bool) {
			return class(result).WaitMS.P50, class(result).WaitMS.Count > 0
		}})
		r.row(t, "  wait p90", metric{unit: timed, value: func(result *Result) (float64, bool) {
			return class(result).WaitMS.P90, class(result).WaitMS.Count > 0
		}})
	}
}

// byNumber orders numbers by value, 2 before 10, and other names as texts.
func byNumber(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// unit says how a figure is written.
type unit int

const (
	counted unit = iota
	shared       // 0 to 1
	timed        // ms
	numeric      // points, players, quality
)

func (u unit) text(v float64) string {
	switch u {
	case counted:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case shared:
		return fmt.Sprintf("%.1f %%", 100*v)
	case timed:
		return duration(v)
	default:
		if math.Abs(v) < 10 {
			return fmt.Sprintf("%.2f", v)
		}
		return fmt.Sprintf("%.0f", v)
	}
}

// change formats the difference of v from the base: percentage points for shares,
// percent for all else.
func (u unit) change(v, base float64) string {
	difference := v - base
	switch {
	case difference == 0:
		return "="
	case u == shared:
		return fmt.Sprintf("%+.1f points", 100*difference)
	case base == 0:
		return "+" + u.text(v)
	}
	percent := 100 * difference / base
	if math.Abs(percent) < 0.5 {
		return "±0 %"
	}
	return fmt.Sprintf("%+.0f %%", percent)
}

// duration formats milliseconds with three or four digits.
func duration(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}
