package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// event is one line of `go test -json`; see `go doc test2json`. Build problems
// come as events with an ImportPath instead of a Package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// testKey names a test; an empty test stands for the package itself.
type testKey struct{ pkg, test string }

// summary counts tests, subtests included: each ends once, in pass, fail or
// skip. A package that fails without a failed test (it did not build, it
// panicked outside a test, it timed out) counts as one failure.
type summary struct {
	out                     io.Writer
	events                  int
	passed, failed, skipped int
	output                  map[testKey][]string // of tests still running, and of failed ones
	builds                  map[string][]string  // compiler output by import path
	failedIn                map[string]int       // failed tests by package
	failures                []testKey
}

func newSummary(out io.Writer) *summary {
	return &summary{
		out: out, output: map[testKey][]string{},
		builds: map[string][]string{}, failedIn: map[string]int{},
	}
}

// read consumes the stream to its end. Lines that are no events (a linker's
// warning, a tool's own message) are passed on as they are.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.events++
		s.take(&e)
	}
	return lines.Err()
}

func (s *summary) take(e *event) {
	key := testKey{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		s.builds[e.ImportPath] = append(s.builds[e.ImportPath], e.Output)
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "skip":
		delete(s.output, key)
		if e.Test == "" {
			if e.Action == "pass" {
				fmt.Fprintf(s.out, "ok    %6.1fs  %s\n", e.Elapsed, e.Package)
			}
			return
		}
		if e.Action == "pass" {
			s.passed++
		} else {
			s.skipped++
		}
	case "fail":
		s.fail(e, key)
	}
}

func (s *summary) fail(e *event, key testKey) {
	if e.Test != "" {
		s.failed++
		s.failedIn[e.Package]++
		s.failures = append(s.failures, key)
		return
	}
	fmt.Fprintf(s.out, "FAIL  %6.1fs  %s\n", e.Elapsed, e.Package)
	if s.failedIn[e.Package] == 0 {
		s.failed++
		s.failures = append(s.failures, key)
		if lines := s.builds[e.FailedBuild]; e.FailedBuild != "" {
			s.output[key] = append(s.output[key], lines...)
		}
	}
}

// finish prints what failed and the counts. Tests that never ended (their
// package panicked or was killed) are shown with what they had said.
func (s *summary) finish() {
	for _, key := range s.failures {
		fmt.Fprintf(s.out, "\n--- failed: %s %s\n", key.pkg, key.test)
		fmt.Fprint(s.out, strings.Join(s.output[key], ""))
		if key.test == "" {
			s.unfinished(key.pkg)
		}
	}
	if s.events == 0 {
		fmt.Fprintln(s.out, "testsum: no test events came")
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}

func (s *summary) unfinished(pkg string) {
	var tests []string
	for key := range s.output {
		if key.pkg == pkg && key.test != "" {
			tests = append(tests, key.test)
		}
	}
	sort.Strings(tests)
	for _, test := range tests {
		fmt.Fprint(s.out, strings.Join(s.output[testKey{pkg, test}], ""))
	}
}
