// Package population generates searches of imaginary players as a recording for
// rehearsals. The searches begin at random, and players have skills, homes, parties and
// patience.
package population

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tactus/matchmaker/internal/rehearsal/draw"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/matchfunc"
)

// Config describes a population. The zero value is valid: a zero field has the default
// that is named.
type Config struct {
	// Queue is the name in the recording. Default: none.
	Queue string
	// Rate is how many searches begin: "50/s", "3000/m" or "100000/h". They begin
	// independently of each other (a Poisson process). Default 10/s.
	Rate string
	// For is how long searches begin. Default 10m.
	For time.Duration
	// Start is the begin of that time. Default: the year 2026.
	Start time.Time

	// Skill is the distribution of skill, in points: a number, normal(mean,
	// deviation), uniform(from,to), or several with shares. Default
	// normal(1500,300).
	Skill string
	// PartySpread is the standard deviation, in points, of the skills in a party from
	// that of its first member: friends differ less than strangers. Default 100; below
	// 0: no difference.
	PartySpread float64
	// Parties is the number of players in a search, with shares:
	// "1=0.7,2=0.2,5=0.1". Default 1.
	Parties string

	// Regions is where players live, with shares: "eu=0.6,us=0.3,asia=0.1". The regions
	// lie in a line in the given order. Default: none, and no latencies.
	Regions string
	// RegionDistance is the round trip between neighbouring regions. Default
	// 90 ms, as between Europe and the coasts of America.
	RegionDistance time.Duration
	// Access is the distribution of the round trip between a player and the
	// network. Default lognormal(20ms,0.5).
	Access string

	// Attributes are the attributes of searches, with shares: "language=en:0.6,de:0.4".
	// en+de means both values.
	Attributes []string
	// Versions is the version of the game, with shares: "1.2=0.9,1.3=0.1". Default: no
	// version.
	Versions string

	// Patience is the mean time after which players give up. Times are exponentially
	// distributed. Default 2m; below 0: players never give up.
	Patience time.Duration
	// Seed makes the population repeatable, to the byte.
	Seed uint64
}

var defaultStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c Config) withDefaults() Config {
	c.Rate = cmp.Or(c.Rate, "10/s")
	c.For = cmp.Or(c.For, 10*time.Minute)
	if c.Start.IsZero() {
		c.Start = defaultStart
	}
	c.Skill = cmp.Or(c.Skill, "normal(1500,300)")
	c.PartySpread = cmp.Or(c.PartySpread, 100)
	c.Parties = cmp.Or(c.Parties, "1")
	c.RegionDistance = cmp.Or(c.RegionDistance, 90*time.Millisecond)
	c.Access = cmp.Or(c.Access, "lognormal(20ms,0.5)")
	c.Patience = cmp.Or(c.Patience, 2*time.Minute)
	return c
}

// Bounds of a population.
const (
	maxParty    = 1000
	maxSearches = 50e6
	minLatency  = time.Millisecond
)

// generator generates a population by a Config that was parsed. It is not safe for
// concurrent use.
type generator struct {
	Config
	random     *rand.Rand
	perSecond  float64
	skill      draw.Distribution
	access     draw.Distribution
	parties    draw.Shares
	sizes      []int // of the parties' shares
	regions    *draw.Shares
	attributes []attribute
	versions   *draw.Shares

	tickets, players int // generated so far
	leaving          departures
}

type attribute struct {
	name   string
	values draw.Shares
}

// read parses the config. The error names every mistake.
func (c Config) read() (*generator, error) {
	g := &generator{Config: c.withDefaults()}
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", name, err))
		}
	}
	var err error
	g.random = rand.New(rand.NewPCG(g.Seed, 0))
	g.perSecond, err = parseRate(g.Rate)
	note("rate", err)
	if g.For < 0 || g.perSecond*g.For.Seconds() > maxSearches {
		errs = append(errs, fmt.Errorf("%s for %v: want a time above 0 and at most %.0f searches", g.Rate, g.For, maxSearches))
	}
	if !queueName.MatchString(g.Queue) {
		errs = append(errs, fmt.Errorf("queue %q: want up to 48 of a-z, 0-9, - and _", g.Queue))
	}
	g.skill, err = draw.ParseDistribution(g.Skill, draw.Number)
	note("skill", err)
	g.access, err = draw.ParseDistribution(g.Access, draw.Duration)
	note("access", err)
	g.parties, err = draw.ParseShares(g.Parties, "=")
	note("parties", err)
	g.sizes, err = sizes(g.parties)
	note("parties", err)
	g.regions, err = optional(g.Regions)
	note("regions", err)
	if g.RegionDistance < 0 {
		errs = append(errs, fmt.Errorf("region distance %v is below 0", g.RegionDistance))
	}
	g.versions, err = optional(g.Versions)
	note("versions", err)
	for _, text := range g.Attributes {
		a, err := parseAttribute(text)
		note("attribute", err)
		g.attributes = append(g.attributes, a)
	}
	return g, errors.Join(errs...)
}

var queueName = regexp.MustCompile(`^([a-z0-9_-]{1,48}(/[a-z0-9_-]{1,48})?)?$`)

// parseRate parses a rate such as "50/s". It returns searches a second.
func parseRate(text string) (float64, error) {
	number, per, _ := strings.Cut(text, "/")
	seconds, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[strings.TrimSpace(per)]
	n, err := draw.Number(strings.TrimSpace(number))
	if err != nil || !known || n <= 0 {
		return 0, fmt.Errorf("%q: want a number above 0 per s, m or h, like 50/s", text)
	}
	return n / seconds, nil
}

func sizes(parties draw.Shares) ([]int, error) {
	var list []int
	for _, name := range parties.Names() {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > maxParty {
			return nil, fmt.Errorf("%q: want a number of players, 1 to %d", name, maxParty)
		}
		list = append(list, n)
	}
	return list, nil
}

func optional(text string) (*draw.Shares, error) {
	if text == "" {
		return nil, nil
	}
	s, err := draw.ParseShares(text, "=")
	return &s, err
}

func parseAttribute(text string) (attribute, error) {
	name, values, found := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !found || name == "" {
		return attribute{}, fmt.Errorf("%q: want name=value:share,value:share", text)
	}
	shares, err := draw.ParseShares(values, ":")
	if err != nil {
		return attribute{}, fmt.Errorf("%s: %w", name, err)
	}
	return attribute{name: name, values: shares}, nil
}

// Generate writes a population as a recording. If the config has mistakes, it writes
// nothing and returns an error that names all of them.
func Generate(ctx context.Context, w io.Writer, cfg Config) error {
	g, err := cfg.read()
	if err != nil {
		return err
	}
	out := recording.NewWriter(w, recording.Header{Queue: g.Queue})
	for at := g.gap(); at < g.For; at += g.gap() {
		if g.tickets%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		g.leave(out, at)
		group := g.group(at)
		out.Created(group)
		if g.Patience > 0 {
			heap.Push(&g.leaving, departure{at: at + time.Duration(g.random.ExpFloat64()*float64(g.Patience)), order: g.tickets, ticket: group.ID})
		}
	}
	g.leave(out, math.MaxInt64)
	return out.Flush()
}

// gap returns the time between two searches of a Poisson process.
func (g *generator) gap() time.Duration {
	return time.Duration(g.random.ExpFloat64() / g.perSecond * float64(time.Second))
}

func (g *generator) group(at time.Duration) *matchfunc.Group {
	g.tickets++
	group := &matchfunc.Group{ID: "t" + strconv.Itoa(g.tickets), Created: g.Start.Add(at)}
	first := g.skill.Draw(g.random)
	for i := range g.sizes[g.parties.Draw(g.random)] {
		skill := first
		if i > 0 && g.PartySpread > 0 {
			skill += float64(g.PartySpread * g.random.NormFloat64())
		}
		g.players++
		group.Players = append(group.Players, matchfunc.Player{ID: "p" + strconv.Itoa(g.players), Skill: math.Round(skill*10) / 10})
	}
	if g.regions != nil {
		group.Latency = g.latency()
	}
	for _, a := range g.attributes {
		if group.Attributes == nil {
			group.Attributes = make(map[string][]string, len(g.attributes))
		}
		group.Attributes[a.name] = strings.Split(a.values.Names()[a.values.Draw(g.random)], "+")
	}
	if g.versions != nil {
		group.Version = g.versions.Names()[g.versions.Draw(g.random)]
	}
	return group
}

// latency returns the round trip to each region: the access of a player, which is the
// same for all, and the distance from home, which varies by a tenth with the route.
func (g *generator) latency() map[string]time.Duration {
	names := g.regions.Names()
	home := g.regions.Draw(g.random)
	access := g.access.Draw(g.random)
	latency := make(map[string]time.Duration, len(names))
	for i, name := range names {
		distance := math.Abs(float64(i-home)) * float64(g.RegionDistance)
		route := 0.9 + float64(0.2*g.random.Float64())
		latency[name] = max(time.Duration(access+float64(distance*route)).Round(time.Millisecond), minLatency)
	}
	return latency
}

// leave writes the ends of searches of players that have given up by a time.
func (g *generator) leave(out *recording.Writer, by time.Duration) {
	for len(g.leaving) > 0 && g.leaving[0].at <= by {
		d := heap.Pop(&g.leaving).(departure)
		out.Ended(d.ticket, g.Start.Add(d.at), recording.ReasonCancelled)
	}
}

type departure struct {
	at     time.Duration
	order  int
	ticket string
}

// departures is a heap with the next one first.
type departures []departure

func (d departures) Len() int { return len(d) }
func (d departures) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].order < d[j].order
}
func (d departures) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *departures) Push(x any)   { *d = append(*d, x.(departure)) }
func (d *departures) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}
