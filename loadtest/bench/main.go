//go:build linux

// Command bench is the benchmark suite. It runs a server and a load tester as processes
// of their own, each on a core of its own. It measures what the server costs and what
// its clients get, and beside it the floor of the operating system. make runs it, from
// the repository's root; docs/bench.md describes the workloads.
//
// A workload is a method of suite that returns a result: rows (a system under a load,
// measured several times), facts, and marks, which are limits that have to hold. The
// subcommand ab compares two builds (comparison), report writes docs/bench.md from the
// results.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cacheDir is the folder of results and of the logs of children.
const cacheDir = ".cache/bench"

// suite is how workloads are measured.
type suite struct {
	window  time.Duration
	repeats int
	// keepGoing turns a workload that can't be measured into a note in the report.
	keepGoing bool
	pins      pins
	machine   machine
	sizes     []int // numbers of clients; empty: each workload's own
}

// sizesOr returns the numbers of clients of the command line, or a workload's own.
func (s *suite) sizesOr(own []int) []int {
	if len(s.sizes) > 0 {
		return s.sizes
	}
	return own
}

// workloads by their names on the command line.
var workloads = map[string]func(*suite, context.Context) (*result, error){
	"w1":      func(s *suite, ctx context.Context) (*result, error) { return s.pair(ctx, rooms(s)) },
	"w2":      func(s *suite, ctx context.Context) (*result, error) { return s.pair(ctx, crowd(s)) },
	"floor":   (*suite).floorForms,
	"sweep":   (*suite).sweep,
	"w3":      (*suite).idle,
	"w4":      (*suite).assignments,
	"w5":      (*suite).world,
	"peers":   (*suite).comparePeers,
	"slow":    (*suite).besideSlow,
	"tls":     (*suite).tls,
	"storm":   (*suite).storm,
	"profile": (*suite).profile,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := realMain(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func realMain(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	seconds := f.Float64("seconds", 20, "length of each window")
	repeats := f.Int("repeats", 3, "measurements of each")
	sizes := f.String("sizes", "", "numbers of clients for w3, w5 and sweep, with commas between; empty: each its own")
	keepGoing := f.Bool("keep-going", false, "go on when a workload can't be measured, and say so in its result")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *seconds < 1 || *repeats < 1 {
		return errors.New("-seconds and -repeats are at least 1")
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return err
	}
	if names := f.Args(); len(names) == 1 && names[0] == "report" {
		return writeReport()
	}
	p := newPins()
	s := &suite{
		window: time.Duration(*seconds * float64(time.Second)), repeats: *repeats, keepGoing: *keepGoing,
		pins: p, machine: describeMachine(ctx, p.server != none),
	}
	if *sizes != "" {
		for text := range strings.SplitSeq(*sizes, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return fmt.Errorf("-sizes %q: want numbers with commas between", *sizes)
			}
			s.sizes = append(s.sizes, n)
		}
	}
	if f.Arg(0) == "ab" {
		return s.compareBuilds(ctx, f.Args()[1:])
	}
	return s.all(ctx, f.Args())
}

// all measures the named workloads in the given order.
func (s *suite) all(ctx context.Context, names []string) error {
	for _, name := range names {
		if workloads[name] == nil {
			return fmt.Errorf("no workload %q; there are %s", name, strings.Join(known(), ", "))
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("name a workload: %s", strings.Join(known(), ", "))
	}
	for _, name := range names {
		r, err := workloads[name](s, ctx)
		switch {
		case err != nil && (!s.keepGoing || ctx.Err() != nil):
			return err
		case err != nil:
			r = s.result(name, "not measured", 0)
			r.Notes = append(r.Notes, "it could not be measured: "+err.Error())
		}
		if err := errors.Join(r.save(), r.print(os.Stdout)); err != nil {
			return err
		}
	}
	return nil
}

func known() []string {
	names := make([]string, 0, len(workloads))
	for name := range workloads {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *suite) result(name, title string, window time.Duration) *result {
	r := &result{Name: name, Title: title, Date: time.Now().UTC().Round(time.Second), Machine: s.machine, Seconds: window.Seconds()}
	if s.pins.server == none {
		r.Notes = append(r.Notes, "server and load tester shared processors: there is one only, or no taskset")
	}
	return r
}

// say writes a line of progress.
func (s *suite) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
