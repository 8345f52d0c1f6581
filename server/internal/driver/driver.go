// Package driver runs matches. A [Driver] decides when its match ticks, and passes on
// requests of other goroutines between ticks. It lets the match hibernate while nothing
// happens. It publishes the status of the match, measures its load, and ends it when its
// rules panic or hang.
//
// The match itself is a machine without goroutines, see package match. At most one
// goroutine owns it at a time: a worker of the scheduler, or the one that continues or
// closes a match that has left the scheduler.
package driver

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/server/internal/match"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
	"tactus/server/internal/watchdog"
)

// Config makes a driver and its match.
type Config struct {
	Match     match.Config         // its Now, StoodStill, Started and Wake are set by the driver
	Scheduler *scheduler.Scheduler // gives the match its turns, by its clock
	Process   *overload.Process    // the rung of the whole process; nil: calm
	Watchdog  *watchdog.Watchdog   // gives up turns that do not end; nil: none does

	// The driver calls these; they must not block. OnStatus is called after the
	// status changed, OnSeated when a player took or left a seat, OnOver when the match has
	// a result, at most once, OnEnd when it is closed, once.
	OnStatus func()
	OnSeated func(match.SeatChange)
	OnOver   func(match.EndReport)
	OnEnd    func(match.EndReport)
}

// Driver runs a match. It decides when the match ticks, and passes on requests of
// other goroutines between ticks. It is safe for concurrent use; its match is
// owned by the goroutine that gives it its turn.
type Driver struct {
	cfg         Config
	match       *match.Match
	clock       scheduler.Clock
	inbox       inbox
	hibernation hibernation
	load        load
	turns       watchdog.Turns
	record      match.Recorder
	status      atomic.Pointer[match.Status]
	finished    atomic.Bool     // OnOver was called
	stopped     <-chan struct{} // the server ends
	over        func()          // called when the match is closed
	done        chan struct{}

	// As of the last turn:
	due   int64
	pace  match.Pace
	ended match.EndReason
}

// New makes a match at tick 0, and what runs it. If the rules panic, the error is a
// [*match.PanicError].
func New(cfg Config) (*Driver, error) {
	d := &Driver{cfg: cfg, clock: cfg.Scheduler.Clock(), over: func() {}, done: make(chan struct{})}
	d.hibernation.init(d.continueRun)
	mc := &d.cfg.Match
	mc.Now, mc.StoodStill, mc.Started = d.clock.Now(), d.clock.StoodStill(), time.Now()
	mc.Wake = d.hibernation.wake
	mc.Record = func(sim *game.Simulation) match.Recorder {
		d.record = cfg.Match.Record(sim)
		return d.record
	}
	m, err := match.New(mc)
	if err != nil {
		return nil, err
	}
	d.match = m
	d.due = m.Due()
	d.load.init(int64(time.Second)/int64(mc.Rate()), mc.Metrics)
	if err := d.publishFirst(); err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}

// publishFirst publishes the first status, for which it asks the rules.
func (d *Driver) publishFirst() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = match.NewPanicError(fault)
		}
	}()
	d.apply(d.match.Effects())
	return nil
}

// Discard closes a match that was never started. It reports nothing.
func (d *Driver) Discard() {
	d.match.Fail()
	d.load.close(d.cfg.Match.Metrics)
	d.match.Close()
}

// ID is the match's name in the cluster.
func (d *Driver) ID() string { return d.cfg.Match.ID }

// SchemaHash identifies the layout of the match's state.
func (d *Driver) SchemaHash() uint32 { return d.match.SchemaHash() }

// Status is the match's latest. It must not be changed. It stays readable when the
// match has ended.
func (d *Driver) Status() *match.Status { return d.status.Load() }

// Done is closed when the match has ended. From then on it accepts no requests.
func (d *Driver) Done() <-chan struct{} { return d.done }

// Start hands the match to the scheduler and returns. When the match has ended, or
// ctx has, its connections are closed and over is called. Rules that panic or hang end
// this match alone.
func (d *Driver) Start(ctx context.Context, over func()) {
	d.stopped = ctx.Done()
	forget := context.AfterFunc(ctx, d.hibernation.wake)
	d.over = func() {
		forget()
		over()
	}
	if d.cfg.Watchdog != nil {
		d.cfg.Watchdog.Watch(&d.turns, d.giveUp)
	}
	d.cfg.Scheduler.Add(d, d.due)
}

// Run takes a turn that the scheduler gives. When the match hibernates or has
// ended, it leaves the scheduler: closing a match must not delay others.
func (d *Driver) Run(turn scheduler.Turn) (next int64, again bool) {
	d.turn(turn)
	if d.ended == "" && d.pace != match.Hibernating {
		return d.due, true
	}
	go d.continueRun() // it may own the match before this method returns
	return 0, false
}

// continueRun runs a match that the scheduler does not have. It returns when the
// match hibernates, is the scheduler's again, or is closed.
func (d *Driver) continueRun() {
	for d.ended == "" {
		if d.pace != match.Hibernating {
			d.cfg.Scheduler.Add(d, d.due)
			return
		}
		if d.hibernation.enter(d.due - d.clock.Now()) {
			return
		}
		d.turn(scheduler.Turn{Now: d.clock.Now(), Due: d.due})
	}
	d.close()
}

// turn runs a tick that is due. A hibernating match also has turns before that,
// when something woke it, and ticks only if what it received asks for it.
func (d *Driver) turn(turn scheduler.Turn) {
	d.turns.Begin()
	defer d.recoverTurn()
	ticked := d.runTurn(&turn)
	effects := d.match.Effects() // asks the rules
	if !d.endTurn(effects) || !ticked {
		return
	}
	now := d.clock.Now()
	d.cfg.Match.Metrics.TickSeconds.Observe(float64(now-turn.Now) / 1e9)
	d.observe(turn, now, effects.Snapshot)
	d.due, d.pace = d.match.Next(now)
}

// endTurn ends the rules' part of a turn and lets it have its effects. It reports false
// when the turn was given up: then it has none.
func (d *Driver) endTurn(effects match.Effects) bool {
	if !d.turns.End() {
		d.ended = match.EndError
		return false
	}
	d.apply(effects)
	return true
}

// runTurn runs the rules' part of a turn. It reports whether the match ticked.
func (d *Driver) runTurn(turn *scheduler.Turn) (ticked bool) {
	d.hibernation.clear() // before the look at stopped, whose wake-up it must not forget
	select {
	case <-d.stopped:
		d.match.End(match.EndShutdown)
		return false
	default:
	}
	d.match.SetStoodStill(turn.Now, d.clock.StoodStill())
	d.inbox.run(turn.Now)
	for _, c := range d.match.Seated() { // not behind the tick: a later seat elsewhere must win
		d.cfg.OnSeated(c)
	}
	if turn.Now < turn.Due {
		if tick := d.match.Poll(turn.Now); !tick {
			return false
		}
		turn.Due = turn.Now
	}
	d.match.Read(turn.Now)
	d.match.Step(turn.Now)
	d.match.Send(turn.Now)
	return true
}

// recoverTurn ends the match if the turn panicked. It calls no rules: they would
// panic again, outside of any recover.
func (d *Driver) recoverTurn() {
	fault := recover()
	if fault == nil {
		return
	}
	stack := debug.Stack()
	d.match.Fail()
	e := d.match.Effects()
	d.cfg.Match.Metrics.Panics.Inc()
	d.cfg.Match.Log.Error("match ended: rules panicked", d.cfg.Match.LogFields(zap.Uint32("tick", uint32(e.Tick)+1),
		zap.String("panic", fmt.Sprint(fault)), zap.ByteString("stack", stack))...)
	d.endTurn(e)
}

// apply does what has to happen outside the match.
func (d *Driver) apply(e match.Effects) {
	if e.Status != nil {
		e.Status.At = time.Now()
		d.status.Store(e.Status)
		d.cfg.OnStatus()
	}
	for _, c := range e.Seated {
		d.cfg.OnSeated(c)
	}
	if e.Finished != nil {
		d.finished.Store(true)
		d.cfg.OnOver(*e.Finished)
	}
	d.ended = e.Ended
}

// close closes the match's connections and reports its end. That of a match whose
// turn was given up was reported then.
func (d *Driver) close() {
	if d.turns.Hung() {
		d.load.close(d.cfg.Match.Metrics)
		d.match.Close()
		return
	}
	if d.cfg.Watchdog != nil {
		d.cfg.Watchdog.Forget(&d.turns)
	}
	now := d.clock.Now()
	for _, r := range d.inbox.close(d.done) {
		d.refuse(r, now)
	}
	d.load.close(d.cfg.Match.Metrics)
	d.match.Close()
	d.cfg.OnEnd(d.match.Report())
	d.over()
}

// refuse passes a late request to the match, which has ended and refuses it. Freeing a
// seat may still call the rules.
func (d *Driver) refuse(r request, now int64) {
	defer func() {
		if fault := recover(); fault != nil {
			d.match.Fail()
			d.cfg.Match.Log.Error("rules panicked as their match closed", d.cfg.Match.LogFields(
				zap.String("panic", fmt.Sprint(fault)), zap.ByteString("stack", debug.Stack()))...)
		}
	}()
	r.run(now)
}
