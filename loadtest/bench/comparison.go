//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tactus/loadtest"
)

const (
	// maxStolen is the share of the machine's CPU time that its host may give to
	// others in a window that counts.
	maxStolen = 0.01
	// resamples is how many bootstrap samples an interval is made from.
	resamples = 10000
	// maxHalfWidth is how wide the interval of a build against itself may be, to
	// each side. Pairs are added until it is, up to moreFold times as many.
	maxHalfWidth = 0.02
	moreFold     = 3
	// edge is the time between the load tester's window and the one in it in which
	// the server's CPU time is taken, at both ends.
	edge = 500 * time.Millisecond
)

// comparison is two builds of the server under the load of W1, in windows that
// alternate: A B, B A, A B, ... Each window has a server of its own, which starts
// and fills before the window opens. Matchmaker and load tester are those of
// program in all of them.
type comparison struct {
	Name    string     `json:"name"`
	Date    time.Time  `json:"date"`
	Machine machine    `json:"machine"`
	Seconds float64    `json:"seconds"`
	Before  string     `json:"before"`
	After   string     `json:"after"`
	Pairs   []abPair   `json:"pairs"`
	Dropped []abPair   `json:"dropped,omitempty"` // a window of theirs was discarded
	Ratio   abInterval `json:"ratio"`             // of CPU, after over before

	window time.Duration
}

// abPair is a window of each build, one after the other.
type abPair struct {
	Before abWindow `json:"before"`
	After  abWindow `json:"after"`
}

// abWindow is what one window has shown. Times are per client and tick.
type abWindow struct {
	Began     time.Time        `json:"began"`
	CPU       float64          `json:"cpu_us"`
	User      float64          `json:"user_us"`
	System    float64          `json:"system_us"`
	Stolen    float64          `json:"stolen"`
	Discarded string           `json:"discarded,omitempty"` // why it does not count
	Report    *loadtest.Report `json:"report"`
}

func (s *suite) comparison(name, before, after string) *comparison {
	return &comparison{
		Name: name, Date: time.Now().UTC().Round(time.Second), Machine: s.machine, Seconds: s.window.Seconds(),
		Before: before, After: after, window: s.window,
	}
}

// run measures until there are so many pairs that count, or as many again were
// dropped.
func (c *comparison) run(ctx context.Context, s *suite, pairs int) error {
	for len(c.Pairs) < pairs && len(c.Dropped) <= pairs {
		p, err := c.pair(ctx, s, (len(c.Pairs)+len(c.Dropped))%2 == 1)
		if err != nil {
			return err
		}
		if p.counts() {
			c.Pairs = append(c.Pairs, p)
		} else {
			c.Dropped = append(c.Dropped, p)
		}
		c.Ratio = bootstrap(c.ratios())
		if err := c.save(); err != nil {
			return err
		}
	}
	if len(c.Pairs) < pairs {
		return fmt.Errorf("%s: only %d of %d pairs count: the machine is too busy", c.Name, len(c.Pairs), pairs)
	}
	return nil
}

// pair measures a window of each build, the second one first if turned.
func (c *comparison) pair(ctx context.Context, s *suite, turned bool) (p abPair, err error) {
	if turned {
		if p.After, err = c.measure(ctx, s, c.After); err == nil {
			p.Before, err = c.measure(ctx, s, c.Before)
		}
	} else if p.Before, err = c.measure(ctx, s, c.Before); err == nil {
		p.After, err = c.measure(ctx, s, c.After)
	}
	if err == nil {
		s.say("%s %d: %.3f over %.3f us: %.4f %s%s", c.Name, len(c.Pairs)+1, p.After.CPU, p.Before.CPU, p.ratio(),
			p.Before.Discarded, p.After.Discarded)
	}
	return p, err
}

func (p *abPair) counts() bool   { return p.Before.Discarded == "" && p.After.Discarded == "" }
func (p *abPair) ratio() float64 { return p.After.CPU / p.Before.CPU }

// measure has one window of one build.
func (c *comparison) measure(ctx context.Context, s *suite, build string) (w abWindow, err error) {
	t, err := startTactusWith(ctx, s.pins, build, nil, nil)
	if err != nil {
		return w, err
	}
	defer t.stop()
	l := rooms(s).load
	l.window = c.window + 2*edge
	type played struct {
		report *loadtest.Report
		err    error
	}
	done := make(chan played, 1)
	go func() {
		r, err := measure(ctx, t, l, s.pins.load)
		done <- played{r, err}
	}()
	taken := c.sample(ctx, t.pid(), l, &w)
	p := <-done
	if err := errors.Join(taken, p.err); err != nil {
		return w, err
	}
	w.Report = p.report
	perTick := 1e6 / (c.window.Seconds() * float64(l.clients) * float64(p.report.TickRate))
	w.CPU, w.User, w.System = w.CPU*perTick, w.User*perTick, w.System*perTick
	switch {
	case w.Stolen > maxStolen:
		w.Discarded = "stolen time"
	case p.report.Clients != l.clients || p.report.Delivered < fullDelivery:
		w.Discarded = "less work"
	}
	return w, nil
}

// sample takes the server's CPU time, in seconds, over the window.
func (c *comparison) sample(ctx context.Context, pid int, l load, w *abWindow) error {
	wait := func(d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
	if err := wait(l.rampTime() + l.warmUp() + edge); err != nil {
		return err
	}
	w.Began = time.Now().UTC()
	stolen := loadtest.WatchStolen()
	before, err := takeUsage(pid)
	if err != nil {
		return err
	}
	if err := wait(c.window - time.Since(w.Began)); err != nil {
		return err
	}
	after, err := takeUsage(pid)
	if err != nil {
		return err
	}
	w.Stolen = stolen()
	// A late wake-up makes the window longer, and the work in it.
	scale := c.window.Seconds() / after.at.Sub(before.at).Seconds()
	w.CPU = (after.all - before.all).Seconds() * scale
	w.User = (after.user - before.user).Seconds() * scale
	w.System = (after.system - before.system).Seconds() * scale
	return nil
}

func (c *comparison) ratios() []float64 {
	ratios := make([]float64, 0, len(c.Pairs))
	for i := range c.Pairs {
		ratios = append(ratios, c.Pairs[i].ratio())
	}
	return ratios
}

// file is where the raw figures are kept, one for each comparison ever run.
func (c *comparison) file() string {
	return filepath.Join(cacheDir, c.Name+"-"+c.Date.Format("20060102T150405Z")+".json")
}

func (c *comparison) save() error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.file(), append(text, '\n'), 0o644)
}

// loadComparison reads the newest of a name, nil where there is none.
func loadComparison(name string) *comparison {
	files, err := filepath.Glob(filepath.Join(cacheDir, name+"-2*.json"))
	if err != nil || len(files) == 0 {
		return nil
	}
	text, err := os.ReadFile(slices.Max(files))
	c := &comparison{}
	if err != nil || json.Unmarshal(text, c) != nil {
		return nil
	}
	return c
}
