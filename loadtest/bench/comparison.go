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
	"sync"
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

// comparison compares two builds of the server under the load of W1. Both run at the
// same time, each with all of the load: the servers on one processor, the load testers
// on the other. Each window has servers of its own. They start and fill before it
// opens, in an order that alternates: A B, B A, A B, ... Matchmaker and load tester are
// those of program in all of them.
//
// Windows of one build after the other varied more. Other load on the machine slows it
// by a third for 10 to 30 s at a time, without stolen time. The ratios of one build to
// itself had a standard deviation of 11 %, and 4 % in the same window. The rest is how
// the ticks of both processes fall together, which each pair draws again.
type comparison struct {
	Name    string     `json:"name"`
	Date    time.Time  `json:"date"`
	Machine machine    `json:"machine"`
	Seconds float64    `json:"seconds"`
	Before  string     `json:"before"`
	After   string     `json:"after"`
	Secure  bool       `json:"secure,omitempty"` // after is played over TLS
	Pairs   []abPair   `json:"pairs"`
	Dropped []abPair   `json:"dropped,omitempty"` // a window of theirs was discarded
	Ratio   abInterval `json:"ratio"`             // of CPU, after over before

	window time.Duration
}

// abPair is the result of one window for each build.
type abPair struct {
	Before abWindow `json:"before"`
	After  abWindow `json:"after"`
}

// abWindow is what one window has shown of a build. Times are per client and tick.
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

// pair measures a window of both builds. turned: the second one starts first.
func (c *comparison) pair(ctx context.Context, s *suite, turned bool) (p abPair, err error) {
	before, after := tactusPlan{program: c.Before}, tactusPlan{program: c.After, secure: c.Secure}
	plans, windows := [2]tactusPlan{before, after}, [2]*abWindow{&p.Before, &p.After}
	if turned {
		plans, windows = [2]tactusPlan{after, before}, [2]*abWindow{&p.After, &p.Before}
	}
	if err := c.measure(ctx, s, plans, windows); err != nil {
		return p, err
	}
	s.say("%s %d: %.3f over %.3f us: %.4f %s%s", c.Name, len(c.Pairs)+1, p.After.CPU, p.Before.CPU, p.ratio(),
		p.Before.Discarded, p.After.Discarded)
	return p, nil
}

func (p *abPair) counts() bool   { return p.Before.Discarded == "" && p.After.Discarded == "" }
func (p *abPair) ratio() float64 { return p.After.CPU / p.Before.CPU }

// measure has one window of two builds.
func (c *comparison) measure(ctx context.Context, s *suite, plans [2]tactusPlan, windows [2]*abWindow) error {
	l := rooms(s).load
	l.window = c.window + 2*edge
	var servers [2]*tactusServer
	for i, suffix := range [2]string{"", "-beside"} {
		plans[i].beside = suffix
		t, err := startTactusAs(ctx, s.pins, plans[i])
		if err != nil {
			return err
		}
		defer t.stop()
		servers[i] = t
	}
	var errs [3]error
	var all sync.WaitGroup
	for i, t := range servers {
		all.Go(func() { windows[i].Report, errs[i] = measure(ctx, t, l, s.pins.load) })
	}
	all.Go(func() { errs[2] = c.sample(ctx, servers, l, windows) })
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for _, w := range windows {
		perTick := 1e6 / (c.window.Seconds() * float64(l.clients) * float64(w.Report.TickRate))
		w.CPU, w.User, w.System = w.CPU*perTick, w.User*perTick, w.System*perTick
		switch {
		case w.Stolen > maxStolen:
			w.Discarded = "stolen time"
		case w.Report.Clients != l.clients || w.Report.Delivered < fullDelivery:
			w.Discarded = "less work"
		}
	}
	return nil
}

// sample takes the servers' CPU time, in seconds, over the window.
func (c *comparison) sample(ctx context.Context, servers [2]*tactusServer, l load, windows [2]*abWindow) error {
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
	began := time.Now().UTC()
	stolen := loadtest.WatchStolen()
	before, err := takeUsages(servers)
	if err != nil {
		return err
	}
	if err := wait(c.window - time.Since(began)); err != nil {
		return err
	}
	after, err := takeUsages(servers)
	if err != nil {
		return err
	}
	share := stolen()
	for i, w := range windows {
		// A late wake-up makes the window longer, and the work in it.
		scale := c.window.Seconds() / after[i].at.Sub(before[i].at).Seconds()
		w.Began, w.Stolen = began, share
		w.CPU = (after[i].all - before[i].all).Seconds() * scale
		w.User = (after[i].user - before[i].user).Seconds() * scale
		w.System = (after[i].system - before[i].system).Seconds() * scale
	}
	return nil
}

func takeUsages(servers [2]*tactusServer) (all [2]usage, err error) {
	for i, t := range servers {
		if all[i], err = takeUsage(t.pid()); err != nil {
			return all, err
		}
	}
	return all, nil
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
