package loadtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/random"
	"tactus/protocol"
)

// run is one load test.
type run struct {
	cfg        Config
	log        *zap.Logger
	clock      clock
	window     *window
	matchmaker *matchmaker
	games      []game.Game
	engines    []*meteredEngine
	portable   *meteredEngine // also in engines
	rooms      []*room
	bots       []*bot

	errors, reconnects counter
	online             atomic.Int64
	inside             atomic.Int64 // bots that have been welcomed at least once
	allInside          chan struct{}
	tickRate           atomic.Int64
	compare            sync.Once
}

// clock is the run's own time in nanoseconds.
type clock struct{ start time.Time }

func newClock() clock { return clock{start: time.Now()} }

func (c clock) now() int64 { return int64(time.Since(c.start)) }

// meteredEngine is an engine and what its bots measure.
type meteredEngine struct {
	engine.Engine
	meter *meter
}

func (r *run) addEngine(open func(engine.Config) engine.Engine) *meteredEngine {
	m := newMeter(r.window)
	e := &meteredEngine{Engine: open(engine.Config{Clock: r.clock.now, Report: m.publish}), meter: m}
	r.engines = append(r.engines, e)
	return e
}

// counter counts by name. It is safe for concurrent use.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) add(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[name]++
	return c.counts[name]
}

// list returns a copy, never nil.
func (c *counter) list() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make(map[string]int, len(c.counts))
	maps.Copy(list, c.counts)
	return list
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// Run plays as cfg says and reports what was measured. games are the rules that the
// caller was built with, if any: the log warns of a server with other rules. Run
// returns an error when the test could not take place. A test with failed thresholds
// is a report with Failed set. When ctx ends during the measurement, the report
// covers the time until then.
func Run(ctx context.Context, cfg Config, log *zap.Logger, games ...game.Game) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	r := newRun(cfg.withDefaults(), log, games)
	if err := r.matchmaker.awaitPlayable(ctx, &r.cfg); err != nil {
		return nil, err
	}
	if err := r.matchmaker.chooseGame(ctx, r.cfg.URL, r.cfg.PerMatch); err != nil {
		return nil, err
	}
	return r.execute(ctx)
}

// botsPerEngine is how many bots share an engine before another one is started.
const botsPerEngine = 2000

func newRun(cfg Config, log *zap.Logger, games []game.Game) *run {
	r := &run{
		cfg: cfg, log: log, clock: newClock(), window: newWindow(), matchmaker: newMatchmaker(&cfg),
		games: games, allInside: make(chan struct{}),
	}
	for range min(runtime.GOMAXPROCS(0), (cfg.Players+botsPerEngine-1)/botsPerEngine) {
		r.addEngine(engine.New)
	}
	fast := len(r.engines)
	r.portable = r.addEngine(func(c engine.Config) engine.Engine { return engine.NewPortable(c) })
	for i := range cfg.Players {
		b := &bot{
			run: r, index: i, name: fmt.Sprintf("bot-%d", i+1), engine: r.engines[i%fast],
			rand: random.New(cfg.Seed, i),
		}
		// Slow readers are spread evenly, so that matches are alike.
		if (i+1)*cfg.SlowReaders/cfg.Players > i*cfg.SlowReaders/cfg.Players {
			b.slow = cfg.SlowAs.reading()
		}
		if cfg.PerMatch > 0 {
			if i%cfg.PerMatch == 0 {
				r.rooms = append(r.rooms, &room{})
			}
			b.room = r.rooms[len(r.rooms)-1]
		}
		r.bots = append(r.bots, b)
	}
	return r
}

// errStopped ends engines and bots when the test is over.
var errStopped = errors.New("the load test is over")

// execute runs the test: arrivals, warm-up, measurement, leave.
func (r *run) execute(ctx context.Context) (*Report, error) {
	playing, stop := context.WithCancelCause(ctx)
	defer stop(errStopped)
	var wg sync.WaitGroup
	for _, e := range r.engines {
		wg.Go(func() {
			if err := e.Run(playing); err != nil {
				stop(err)
			}
		})
	}
	wg.Go(func() { r.arrive(playing, &wg) })

	show := newDisplay(r)
	err := r.waitForBots(playing, show)
	var span measured
	if err == nil {
		span = r.measure(playing, show)
	}
	show.finish()
	if cause := context.Cause(playing); err == nil && cause != nil && ctx.Err() == nil {
		err = cause // an engine failed
	}
	stop(errStopped)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return r.report(&span)
}

// arrive starts the bots at a steady rate, which does not depend on whether earlier
// ones are in a match.
func (r *run) arrive(ctx context.Context, wg *sync.WaitGroup) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, b := range r.bots {
		timer.Reset(time.Until(start.Add(r.cfg.Ramp * time.Duration(i) / time.Duration(len(r.bots)))))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wg.Go(func() { b.play(ctx) })
	}
}

// joinTimeout is how long after the last arrival the test waits for bots that are not
// in a match yet.
const joinTimeout = 20 * time.Second

// waitForBots waits until all bots are in a match, and for the warm-up.
func (r *run) waitForBots(ctx context.Context, show *display) error {
	deadline := time.NewTimer(r.cfg.Ramp + joinTimeout)
	defer deadline.Stop()
	for waiting := true; waiting; {
		select {
		case <-r.allInside:
			waiting = false
		case <-deadline.C:
			waiting = false
		case <-show.tick():
			show.arriving()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	inside := int(r.inside.Load())
	if inside == 0 {
		return fmt.Errorf("no bot got into a match in %v; failures: %v", r.cfg.Ramp+joinTimeout, r.errors.list())
	}
	if inside < r.cfg.Players {
		r.log.Warn("not all bots are in a match; measuring those that are",
			zap.Int("inside", inside), zap.Int("players", r.cfg.Players))
	}
	show.phase("warm-up", r.cfg.WarmUp)
	show.until(ctx, r.cfg.WarmUp)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// measured is what was read at both ends of the window, as differences.
type measured struct {
	from, to  int64
	serverCPU time.Duration
	serverErr error
	ownCPU    time.Duration
	busiest   float64 // share of the window that the busiest engine worked
	stolen    float64 // share of the machine that its host gave to others
}

func (r *run) measure(ctx context.Context, show *display) measured {
	show.phase("measuring", r.cfg.Duration)
	server, serverErr := serverCPU(r.cfg.ServerPID)
	own, _ := ownCPU()
	stolen := WatchStolen()
	busy := r.busy()
	m := measured{from: r.clock.now()}
	r.window.to.Store(m.from + int64(r.cfg.Duration))
	r.window.from.Store(m.from)

	show.until(ctx, r.cfg.Duration)

	m.to = min(r.clock.now(), r.window.to.Load())
	r.window.to.Store(m.to)
	serverEnd, err := serverCPU(r.cfg.ServerPID)
	m.serverErr = errors.Join(serverErr, err)
	m.serverCPU = serverEnd - server
	ownEnd, _ := ownCPU()
	m.ownCPU = ownEnd - own
	m.stolen = stolen()
	for i, b := range r.busy() {
		m.busiest = max(m.busiest, float64(b-busy[i])/float64(m.to-m.from))
	}
	return m
}

func (r *run) busy() (list []time.Duration) {
	for _, e := range r.engines {
		list = append(list, e.Busy())
	}
	return list
}

// welcomed counts a bot that is in a match.
func (r *run) welcomed(b *bot, w *protocol.Welcome) {
	r.tickRate.Store(int64(w.Rate))
	r.online.Add(1)
	r.compare.Do(func() { r.compareRules(w) })
	if b.entered {
		return
	}
	b.entered = true
	if int(r.inside.Add(1)) == len(r.bots) {
		close(r.allInside)
	}
}

// compareRules warns when the server's tables differ from those of this program's
// rules.
func (r *run) compareRules(w *protocol.Welcome) {
	for _, g := range r.games {
		info := g.Info()
		mode, known := info.Mode(w.Mode.Name)
		if info.Name != w.Game || !known {
			continue
		}
		sim, err := game.NewSimulation(g, game.MatchConfig{Mode: mode, Options: w.Mode.Options})
		if err != nil || sim.Schema().Hash() != w.Schema.Hash() {
			r.log.Warn("server has other rules than this program",
				zap.String("game", w.Game), zap.String("server version", w.Version), zap.String("own version", info.Version))
		}
	}
}
