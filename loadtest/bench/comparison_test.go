//go:build linux

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"tactus/loadtest"
)

func TestBootstrap_intervalHoldsTheMedian(t *testing.T) {
	same := bootstrap([]float64{1, 1, 1})
	if want := (abInterval{1, 1, 1}); same != want {
		t.Errorf("of equal values %v, want %v", same, want)
	}
	var values []float64
	for i := range 41 {
		values = append(values, 1+float64(i-20)/1000)
	}
	got := bootstrap(values)
	if got.Median != 1 || got.Low >= 1 || got.High <= 1 || got.halfWidth() > 0.01 || got.Low < 0.98 || got.High > 1.02 {
		t.Errorf("interval %v of values from 0.98 to 1.02", got)
	}
	if again := bootstrap(values); again != got {
		t.Errorf("the same values give %v and %v", got, again)
	}
}

func TestUsage_countsTheProcess(t *testing.T) {
	before, err := takeUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); {
		_ = os.Getppid()
	}
	after, err := takeUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.all - before.all; used <= 0 {
		t.Errorf("a process that worked has used %v", used)
	}
	if parts := after.user + after.system; parts > after.all+2*clockTick || parts < after.all-2*clockTick {
		t.Errorf("user and system time are %v together, the process's clock says %v", parts, after.all)
	}
}

func TestComparison_marks(t *testing.T) {
	window := func(cpu float64) abWindow {
		return abWindow{CPU: cpu, Report: &loadtest.Report{}}
	}
	c := &comparison{Name: "ab", Before: "old", After: "new"}
	for range 10 {
		c.Pairs = append(c.Pairs, abPair{Before: window(4), After: window(4.1)})
	}
	c.Dropped = append(c.Dropped, abPair{Before: abWindow{Discarded: "stolen time"}, After: window(4)})
	c.Ratio = bootstrap(c.ratios())
	same := &comparison{Pairs: c.Pairs, Ratio: abInterval{Median: 1, Low: 0.99, High: 1.01}}
	var out bytes.Buffer
	c.print(&out)
	c.judge(&out, same)
	for _, want := range []string{
		"10 pairs; 1 dropped", "1, 0", "median over pairs: 1.0250", "median: 1.0250, at most 1.0200: missed",
		"upper end: 1.0250, at most 1.0300: holds",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
