package main

import (
	"bytes"
	"strings"
	"testing"
)

func summarise(t *testing.T, lines ...string) (*summary, string) {
	t.Helper()
	var out bytes.Buffer
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	s.finish()
	return s, out.String()
}

func TestCountsTestsAndSubtests(t *testing.T) {
	s, out := summarise(
		t,
		`{"Action":"run","Package":"p","Test":"A"}`,
		`{"Action":"output","Package":"p","Test":"A","Output":"chatter\n"}`,
		`{"Action":"pass","Package":"p","Test":"A/sub"}`,
		`{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"skip","Package":"p","Test":"B"}`,
		`{"Action":"pass","Package":"p","Elapsed":0.5}`,
	)
	if s.passed != 2 || s.failed != 0 || s.skipped != 1 {
		t.Errorf("counted %d passed, %d failed, %d skipped; want 2, 0, 1", s.passed, s.failed, s.skipped)
	}
	if strings.Contains(out, "chatter") {
		t.Error("the output of a passed test is shown")
	}
}

func TestShowsTheOutputOfFailedTests(t *testing.T) {
	s, out := summarise(
		t,
		`{"Action":"output","Package":"p","Test":"A","Output":"want 1, got 2\n"}`,
		`{"Action":"fail","Package":"p","Test":"A"}`,
		`{"Action":"fail","Package":"p"}`,
	)
	if s.failed != 1 {
		t.Errorf("%d failed, want 1: the package fails because of its test", s.failed)
	}
	if !strings.Contains(out, "want 1, got 2") {
		t.Errorf("the failed test's output is missing:\n%s", out)
	}
}

func TestABrokenPackageIsAFailure(t *testing.T) {
	s, out := summarise(
		t,
		`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/x.go:1:1: undefined: y\n"}`,
		`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
		`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
	)
	if s.failed != 1 || !strings.Contains(out, "undefined: y") {
		t.Errorf("%d failed, output:\n%s", s.failed, out)
	}
}

func TestAPanicShowsTheTestsThatNeverEnded(t *testing.T) {
	s, out := summarise(
		t,
		`{"Action":"run","Package":"p","Test":"A"}`,
		`{"Action":"output","Package":"p","Test":"A","Output":"panic: boom\n"}`,
		`{"Action":"fail","Package":"p"}`,
	)
	if s.failed != 1 || !strings.Contains(out, "panic: boom") {
		t.Errorf("%d failed, output:\n%s", s.failed, out)
	}
}

func TestPassesOtherLinesOn(t *testing.T) {
	s, out := summarise(t, "ld: warning: something", `{"Action":"pass","Package":"p","Test":"A"}`)
	if s.passed != 1 || !strings.Contains(out, "ld: warning: something") {
		t.Errorf("%d passed, output:\n%s", s.passed, out)
	}
}
