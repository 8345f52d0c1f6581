//go:build linux

package main

import (
	_ "embed" // the page's template
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"
)

//go:embed report.md.tmpl
var page string

// pageFile is the file that the report is written to.
const pageFile = "docs/bench.md"

// reported lists the workloads of the page, in its order.
var reported = []string{"w1", "w2", "w3", "w4", "w5", "slow", "tls", "storm", "peers", "sweep", "profile"}

// pageData is what the template shows.
type pageData struct {
	Date                time.Time
	Machine             machine
	Window              float64 // seconds, of the longest windows
	WarmUp, CrowdWarmUp float64 // seconds
	Results             []*result
}

// writeReport writes docs/bench.md from the latest results.
func writeReport() error {
	var results []*result
	var errs []error
	for _, name := range reported {
		r, err := loadResult(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s was not measured: %w", name, err))
			continue
		}
		results = append(results, r)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	text, err := renderReport(results)
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile, []byte(text), 0o644)
}

func renderReport(results []*result) (string, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"number": number, "title": title, "seconds": inSeconds, "table": markdownRows, "facts": markdownFacts, "shares": markdownShares,
	}).Parse(page)
	if err != nil {
		return "", err
	}
	data := pageData{Date: results[0].Date, Machine: results[0].Machine, WarmUp: warmUp.Seconds(), CrowdWarmUp: crowdWarmUp.Seconds(), Results: results}
	for _, r := range results {
		data.Window = max(data.Window, r.Seconds)
	}
	var text strings.Builder
	err = t.Execute(&text, &data)
	return text.String(), err
}

// title returns a workload's name as a title: w1 is W1.
func title(name string) string {
	if name == "tls" {
		return "TLS"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func inSeconds(s float64) string { return fmt.Sprintf("%g s", s) }

// markdownTable formats a head and lines of cells.
func markdownTable(head []string, lines [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	b.WriteString(strings.Repeat("| --- ", len(head)) + "|\n")
	for _, cells := range lines {
		line(cells)
	}
	return b.String()
}

func markdownRows(rows []row) string {
	lines := make([][]string, len(rows))
	for i := range rows {
		lines[i] = rows[i].cells()
	}
	return markdownTable(heads, lines)
}

func markdownFacts(facts []fact) string {
	lines := make([][]string, len(facts))
	for i, f := range facts {
		lines[i] = []string{f.Name, spread(f.Runs), f.Unit, f.About}
	}
	return markdownTable([]string{"figure", "", "unit", ""}, lines)
}

func markdownShares(profiles []loadProfile) string { return markdownTable(sharesTable(profiles)) }
