//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// compareBuilds is the subcommand ab.
func (s *suite) compareBuilds(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench ab", flag.ContinueOnError)
	before := f.String("before", "", "build of cmd/tactusbench to compare with")
	after := f.String("after", program, "build that is compared")
	pairs := f.Int("pairs", 40, "pairs of windows")
	secure := f.Bool("tls", false, "compare this build over TLS with itself without, by the mean of the pairs")
	itself := f.Bool("before-aa", false, "compare -before with itself first, in the same way")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *secure {
		return s.compareTLS(ctx, *pairs)
	}
	if *before == "" || *pairs < 2 || f.NArg() > 0 {
		return errors.New("usage: bench ab -before BIN [-after BIN] [-pairs N] [-before-aa], or bench ab -tls [-pairs N]; at least 2 pairs")
	}
	for _, build := range []string{*before, *after} {
		if _, err := os.Stat(build); err != nil {
			return err
		}
	}
	same := loadComparison("ab-aa")
	if *itself {
		var err error
		if same, err = s.compareWithItself(ctx, *before, *pairs); err != nil {
			return err
		}
	}
	c := s.comparison("ab", *before, *after)
	wanted := *pairs
	if same != nil {
		wanted = max(wanted, len(same.Pairs))
	}
	if err := c.run(ctx, s, wanted); err != nil {
		return err
	}
	c.print(os.Stdout)
	c.judge(os.Stdout, same)
	return nil
}

// compareWithItself measures a build against itself, with more pairs until the
// interval is narrow enough.
func (s *suite) compareWithItself(ctx context.Context, build string, pairs int) (*comparison, error) {
	same := s.comparison("ab-aa", build, build)
	for n := pairs; n <= moreFold*pairs; n += max(pairs/4, 2) {
		if err := same.run(ctx, s, n); err != nil {
			return nil, err
		}
		if same.Ratio.halfWidth() <= maxHalfWidth {
			break
		}
	}
	same.print(os.Stdout)
	return same, nil
}

// print writes what both builds cost, and their ratio.
func (c *comparison) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s (before) and %s (after), W1, both at once, windows of %v s, %d pairs; %d dropped\n",
		c.Name, c.Before, c.After, c.Seconds, len(c.Pairs), len(c.Dropped))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tCPU us/client/tick\tuser\tsystem\tgap p99 ms\techo p99 ms\tbytes/s/client\tdiscarded: stolen, less work\t")
	for _, side := range []struct {
		name string
		of   func(*abPair) *abWindow
	}{
		{"before", func(p *abPair) *abWindow { return &p.Before }},
		{"after", func(p *abPair) *abWindow { return &p.After }},
	} {
		middle := func(pick func(*abWindow) float64) string {
			values := make([]float64, 0, len(c.Pairs))
			for i := range c.Pairs {
				values = append(values, pick(side.of(&c.Pairs[i])))
			}
			return fmt.Sprintf("%.3f", median(values))
		}
		discarded := map[string]int{}
		for i := range c.Dropped {
			discarded[side.of(&c.Dropped[i]).Discarded]++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d, %d\t\n", side.name,
			middle(func(w *abWindow) float64 { return w.CPU }), middle(func(w *abWindow) float64 { return w.User }),
			middle(func(w *abWindow) float64 { return w.System }), middle(func(w *abWindow) float64 { return gapOf(w.Report) }),
			middle(func(w *abWindow) float64 { return echoOf(w.Report) }), middle(func(w *abWindow) float64 { return bytesOf(w.Report) }),
			discarded["stolen time"], discarded["less work"])
	}
	_ = t.Flush()
	fmt.Fprintf(w, "CPU after over before, median over pairs: %.4f, 95 %% of it %.4f to %.4f, half-width %.4f\n",
		c.Ratio.Median, c.Ratio.Low, c.Ratio.High, c.Ratio.halfWidth())
	fmt.Fprintf(w, "raw figures: %s\n", c.file())
}

// judge says whether the build costs at most 2 % more: in the median, and at the
// upper end of the interval beyond what the same build differs from itself.
func (c *comparison) judge(w io.Writer, same *comparison) {
	if same == nil || len(same.Pairs) == 0 {
		fmt.Fprintln(w, "no half-width of the same build against itself: run with -before-aa")
		return
	}
	h := same.Ratio.halfWidth()
	fmt.Fprintf(w, "h of %d pairs of the same build: %.4f (at most %v)\n", len(same.Pairs), h, maxHalfWidth)
	for _, m := range []mark{atMost("CPU ratio, median", c.Ratio.Median, 1.02), atMost("CPU ratio, upper end", c.Ratio.High, 1.02+h)} {
		word := "missed"
		if m.Holds() {
			word = "holds"
		}
		fmt.Fprintf(w, "mark: %s: %.4f, at most %.4f: %s\n", m.What, m.Value, m.Limit, word)
	}
}
