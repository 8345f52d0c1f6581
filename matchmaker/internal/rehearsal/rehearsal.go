package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tactus/internal/condition"
	"tactus/matchmaker/internal/rehearsal/draw"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Config describes a rehearsal. Tickets and Rules are required.
type Config struct {
	// Tickets are recordings of one queue, in any order.
	Tickets []string
	// Rules and Against are rules files; Against may be empty.
	Rules, Against string
	// Queue names the queue where a rules file has several. Default: the one of
	// the recording's name, or the file's only one.
	Queue string
	// Servers is the number of matches that can run at the same time, by region:
	// "eu=100,us=50", or "eu@1.2=100" for servers of one version. Default: no limit.
	Servers string
	// Cycle is how long a queue collects searches before it looks for matches. Default
	// 20 ms, as in the live queue. A longer cycle makes a rehearsal faster and waits
	// coarser.
	Cycle time.Duration
	// MatchLength is the length of a match: a time or a distribution of times, such as
	// "normal(5m,1m)". Default 5m.
	MatchLength string
	// Seed makes the drawn lengths repeatable.
	Seed uint64
	// Assert lists conditions on the figures of Rules, as
	// "wait_p90<10s,spread_p90<200". Times need a unit.
	Assert string
	// Functions are the game's own match functions, by their names in rules.
	Functions map[string]matchfunc.Func
}

const (
	defaultCycle       = 20 * time.Millisecond
	defaultMatchLength = "5m"
)

// plan is what a Config names, read and parsed.
type plan struct {
	searches   *recording.Searches
	rules      []*rules.Queue
	files      []string // of the rules
	servers    []Capacity
	length     draw.Distribution
	conditions []condition.Condition[*Result]
}

// read reads all that the config names. The error names every mistake.
func (c *Config) read() (*plan, error) {
	p := &plan{}
	var errs []error
	note := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%w", flag, err))
		}
	}
	var err error
	if len(c.Tickets) == 0 {
		errs = append(errs, errors.New("no recordings given"))
	} else {
		p.searches, err = recording.Load(c.Tickets...)
		note("", err)
	}
	if c.Servers != "" {
		p.servers, err = ParseServers(c.Servers)
		note("", err)
	}
	p.length, err = draw.ParseDistribution(cmp.Or(c.MatchLength, defaultMatchLength), draw.Duration)
	note("match length ", err)
	p.conditions, err = parseAssertions(c.Assert)
	note("", err)
	if c.Cycle < 0 {
		errs = append(errs, fmt.Errorf("a cycle of %v is below 0", c.Cycle))
	}
	recorded := ""
	if p.searches != nil {
		recorded = p.searches.Queue
	}
	if c.Rules == "" {
		errs = append(errs, errors.New("no rules given"))
	}
	for _, file := range []string{c.Rules, c.Against} {
		if file == "" {
			continue
		}
		q, err := c.choose(file, recorded)
		note("", err)
		p.rules, p.files = append(p.rules, q), append(p.files, file)
	}
	return p, errors.Join(errs...)
}

// choose returns the queue of a rules file that the config means.
func (c *Config) choose(file, recorded string) (*rules.Queue, error) {
	queues, err := rules.Load(file)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Name
	}
	at := slices.Index(names, cmp.Or(c.Queue, recorded))
	if at < 0 && c.Queue == "" && len(queues) == 1 {
		at = 0
	}
	switch {
	case at < 0 && c.Queue != "":
		return nil, fmt.Errorf("%s: has no queue %q, but %s", file, c.Queue, strings.Join(names, ", "))
	case at < 0:
		return nil, fmt.Errorf("%s: has several queues (%s) and the recording is of none of them; say which", file, strings.Join(names, ", "))
	}
	q := queues[at]
	if q.Function != "" && c.Functions[q.Function] == nil {
		return nil, fmt.Errorf("%s: queue %s is matched by the function %q, which this program does not have; rehearse with the one that registers it",
			file, q.Name, q.Function)
	}
	return q, nil
}

// Run runs a rehearsal. A mistake in the configuration is an error that names all of
// them. A condition that does not hold is no error.
func Run(ctx context.Context, cfg Config) (*Report, error) { return run(ctx, cfg, time.Now) }

func run(ctx context.Context, cfg Config, stopwatch func() time.Time) (*Report, error) {
	p, err := cfg.read()
	if err != nil {
		return nil, err
	}
	list := p.searches.List
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no search begins there", strings.Join(cfg.Tickets, ", "))
	}
	report := &Report{
		Tickets: cfg.Tickets, SpanS: list[len(list)-1].Group.Created.Sub(list[0].Group.Created).Seconds(),
		Asserts: []AssertResult{}, Notes: notes(p),
	}
	s := scenario{
		searches: list, servers: p.servers, cycle: cmp.Or(cfg.Cycle, defaultCycle), length: p.length, seed: cfg.Seed, stopwatch: stopwatch,
	}
	for i, q := range p.rules {
		t, err := simulate(ctx, s, q, cfg.Functions[q.Function])
		if err != nil {
			return nil, err
		}
		result := t.result()
		result.Rules, result.Queue, result.RulesVersion = p.files[i], q.Name, q.Version
		report.Results = append(report.Results, result)
	}
	for _, c := range p.conditions {
		result := checkAssertion(c, &report.Results[0])
		report.Asserts = append(report.Asserts, result)
		report.Failed = report.Failed || !result.OK
	}
	return report, nil
}

// notes returns what the figures do not show.
func notes(p *plan) []string {
	list := []string{}
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, file := range p.searches.Torn {
		say("%s: the last line is broken, as a crash leaves it; it was left out", file)
	}
	if n := p.searches.Orphans; n > 0 {
		say("%d searches ended that began before the recording; they were left out", n)
	}
	for i, q := range p.rules {
		if q.Backfill {
			say("%s: backfill is not rehearsed; running matches ask for no players", p.files[i])
		}
		if q.Accept != nil {
			say("%s: all players accept a found match immediately", p.files[i])
		}
		if q.Latency != nil {
			if n := p.lacking(func(g *matchfunc.Group) bool { return len(g.Latency) > 0 }); n > 0 {
				say("%s: %d tickets say no latency, which its rules ask for", p.files[i], n)
			}
		}
		for _, a := range q.Attributes {
			if n := p.lacking(func(g *matchfunc.Group) bool { return a.Optional || len(g.Attributes[a.Name]) > 0 }); n > 0 {
				say("%s: %d tickets say no %q, which its rules ask for", p.files[i], n, a.Name)
			}
		}
	}
	return list
}

// lacking counts the tickets that do not have something.
func (p *plan) lacking(has func(*matchfunc.Group) bool) int {
	n := 0
	for _, s := range p.searches.List {
		if !has(s.Group) {
			n++
		}
	}
	return n
}
