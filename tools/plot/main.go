// Command plot draws the results of the benchmark suite as SVG files for
// docs/bench.md:
//
//	plot CACHE OUT
//
// It reads the suite's JSON from CACHE and writes bench-cost.svg, the cost of a
// client as clients grow, and bench-w1.svg, the systems side by side, into OUT.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// report is the part of a load test's report that is drawn.
type report struct {
	CPU       float64 `json:"cpu_us_per_client_tick"`
	Delivered float64 `json:"delivered"`
}

// row is one system under one load.
type row struct {
	System  string   `json:"system"`
	Clients int      `json:"clients"`
	Runs    []report `json:"runs"`
}

// result is the part of a workload's result that is drawn.
type result struct {
	Title string `json:"title"`
	Rows  []row  `json:"rows"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plot CACHE OUT")
		os.Exit(2)
	}
	if err := drawAll(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func drawAll(cache, out string) error {
	sweep, err1 := load(cache, "sweep")
	w1, err2 := load(cache, "w1")
	peers, err3 := load(cache, "peers")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if err := saveCost(sweep, filepath.Join(out, "bench-cost.svg")); err != nil {
		return err
	}
	return saveBars(beside(w1, peers), filepath.Join(out, "bench-w1.svg"))
}

func load(cache, name string) (*result, error) {
	text, err := os.ReadFile(filepath.Join(cache, name+".json"))
	if err != nil {
		return nil, fmt.Errorf("%w; measure it first: make bench-report", err)
	}
	r := &result{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// beside joins the rows of two results; a system that is in both comes from the
// first.
func beside(a, b *result) []row {
	rows := append([]row(nil), a.Rows...)
	for _, r := range b.Rows {
		known := false
		for _, other := range a.Rows {
			known = known || other.System == r.System
		}
		if !known {
			rows = append(rows, r)
		}
	}
	return rows
}
