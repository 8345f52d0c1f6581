//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tactus/loadtest"
)

// result is the outcome of one workload. The suite writes it as JSON.
type result struct {
	Name    string        `json:"name"`  // w1, w2, ...
	Title   string        `json:"title"` // a description
	Date    time.Time     `json:"date"`
	Machine machine       `json:"machine"`
	Seconds float64       `json:"seconds"` // of each window
	Rows    []row         `json:"rows"`
	Facts   []fact        `json:"facts,omitempty"` // figures that are not of a row
	Shares  []loadProfile `json:"shares,omitempty"`
	Marks   []mark        `json:"marks"`
	Notes   []string      `json:"notes,omitempty"`
}

// row is one system under one load, measured several times.
type row struct {
	System  string             `json:"system"`
	Clients int                `json:"clients"`
	Runs    []*loadtest.Report `json:"runs"`
	// Ratio is the CPU of each run over that of the floor's run at the same time.
	Ratio []float64 `json:"ratio,omitempty"`
}

// fact is a figure with its unit.
type fact struct {
	Name  string    `json:"name"`
	Unit  string    `json:"unit"`
	Runs  []float64 `json:"runs"`
	About string    `json:"about,omitempty"`
}

// mark is a figure with a limit that it has to keep.
type mark struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Least bool    `json:"least"` // the limit is a minimum
}

func atMost(what string, value, limit float64) mark {
	return mark{What: what, Value: value, Limit: limit}
}

func atLeast(what string, value, limit float64) mark {
	return mark{What: what, Value: value, Limit: limit, Least: true}
}

// Holds reports whether the figure keeps the limit.
func (m mark) Holds() bool {
	if m.Least {
		return m.Value >= m.Limit
	}
	return m.Value <= m.Limit
}

// summary describes the mark and whether it holds.
func (m mark) summary() string {
	word, side := "missed", "at most"
	if m.Holds() {
		word = "holds"
	}
	if m.Least {
		side = "at least"
	}
	return fmt.Sprintf("%s: %s (%s %s)", word, number(m.Value), side, number(m.Limit))
}

// number formats a figure with its significant digits.
func number(v float64) string {
	switch {
	case v >= 1000 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v >= 20:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// median returns the median of values, 0 without any.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// spread formats the median, and the lowest and highest of several values.
func spread(values []float64) string {
	switch len(values) {
	case 0:
		return "-"
	case 1:
		return number(values[0])
	default:
		return fmt.Sprintf("%s (%s to %s)", number(median(values)), number(slices.Min(values)), number(slices.Max(values)))
	}
}

// each returns a figure of every run.
func (r *row) each(pick func(*loadtest.Report) float64) []float64 {
	values := make([]float64, 0, len(r.Runs))
	for _, run := range r.Runs {
		values = append(values, pick(run))
	}
	return values
}

func cpuOf(r *loadtest.Report) float64       { return *r.CPUPerClientTickUS }
func bytesOf(r *loadtest.Report) float64     { return r.BytesPerClientS }
func gapOf(r *loadtest.Report) float64       { return r.GapMS.P99 }
func echoOf(r *loadtest.Report) float64      { return r.EchoMS.P99 }
func deliveredOf(r *loadtest.Report) float64 { return r.Delivered }

// ticks returns pick in ticks instead of milliseconds.
func ticks(pick func(*loadtest.Report) float64) func(*loadtest.Report) float64 {
	return func(r *loadtest.Report) float64 { return pick(r) * float64(max(r.TickRate, 1)) / 1000 }
}

// heads of the table of rows.
var heads = []string{"system", "clients", "CPU us/client/tick", "ratio to floor", "bytes/s/client", "gap ms p50 / p99 / max", "echo ms p50 / p99", "delivered", ""}

// cells returns the row's cells of the table.
func (r *row) cells() []string {
	middle := func(pick func(*loadtest.Report) float64) string { return number(median(r.each(pick))) }
	gap := middle(func(r *loadtest.Report) float64 { return r.GapMS.P50 }) + " / " + middle(gapOf) + " / " +
		middle(func(r *loadtest.Report) float64 { return r.GapMS.Max })
	echo := middle(func(r *loadtest.Report) float64 { return r.EchoMS.P50 }) + " / " + middle(echoOf)
	if median(r.each(echoOf)) == 0 {
		echo = "-"
	}
	return []string{
		r.System, fmt.Sprint(r.Clients), spread(r.each(cpuOf)), spread(r.Ratio), middle(bytesOf),
		gap, echo, fmt.Sprintf("%.4f", median(r.each(deliveredOf))), r.remark(),
	}
}

// remark names what makes figures of the runs weak.
func (r *row) remark() string {
	limited, behind, failed, disturbed, estimated := 0, 0, 0, 0, 0.0
	for _, run := range r.Runs {
		if run.Generator.Limited {
			limited++
		}
		if run.Delivered < fullDelivery {
			behind++
		}
		if run.Generator.Disturbed() {
			disturbed++
		}
		estimated = max(estimated, run.Generator.Estimated)
		for _, n := range run.Errors {
			failed += n
		}
	}
	var remarks []string
	if limited > 0 {
		remarks = append(remarks, fmt.Sprintf("load tester was the limit in %d of %d", limited, len(r.Runs)))
	}
	if estimated >= someEstimated {
		remarks = append(remarks, fmt.Sprintf("up to %.0f %% of states read late, their times estimated", estimated*100))
	}
	if behind > 0 {
		remarks = append(remarks, fmt.Sprintf("fell behind in %d of %d: its CPU is that of less work", behind, len(r.Runs)))
	}
	if disturbed > 0 {
		remarks = append(remarks, fmt.Sprintf("the machine's host took much of it in %d of %d", disturbed, len(r.Runs)))
	}
	if failed > 0 {
		remarks = append(remarks, fmt.Sprintf("%d errors", failed))
	}
	return strings.Join(remarks, "; ")
}

// someEstimated is a share of states that is worth a remark. Fewer do not change the
// 99th percentile of gaps.
const someEstimated = 0.01

// fullDelivery is the share of states that a server delivers if it does all its work.
const fullDelivery = 0.99

// print writes the result as one table.
func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s: %s\n", r.Name, r.Title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(t, "%s\t", c)
		}
		fmt.Fprintln(t)
	}
	if len(r.Rows) > 0 {
		line(heads)
	}
	for i := range r.Rows {
		line(r.Rows[i].cells())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Shares) > 0 {
		head, lines := sharesTable(r.Shares)
		for _, cells := range append([][]string{head}, lines...) {
			line(cells)
		}
	}
	for _, f := range r.Facts {
		fmt.Fprintf(t, "%s\t%s %s\t%s\n", f.Name, spread(f.Runs), f.Unit, f.About)
	}
	for _, m := range r.Marks {
		fmt.Fprintf(t, "mark\t%s\t%s\n", m.What, m.summary())
	}
	for _, n := range r.Notes {
		fmt.Fprintf(t, "note\t%s\n", n)
	}
	return t.Flush()
}

// save writes the result to the cache for the report and the plots.
func (r *result) save() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(resultFile(r.Name), append(text, '\n'), 0o644)
}

func resultFile(name string) string { return filepath.Join(cacheDir, name+".json") }

func loadResult(name string) (*result, error) {
	text, err := os.ReadFile(resultFile(name))
	if err != nil {
		return nil, err
	}
	r := &result{}
	return r, json.Unmarshal(text, r)
}

// Names of systems in rows.
const (
	tactusName = "Tactus"
	floorName  = "floor (C)"
)
