// Package match runs matches: their worlds, seats, sockets and logs, stepped at
// fixed ticks. One goroutine at a time owns a match: the one that gives it its
// turn.
//
// What comes from other goroutines (reservations, new connections, orders to
// end) is posted to an inbox that is swapped once per tick, at its border.
package match

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/text"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/replicate"
	"tactus/server/internal/scheduler"
	"tactus/server/internal/session"
)

// Config makes a match.
type Config struct {
	ID      string
	Game    game.Game
	Match   game.MatchConfig
	Private bool

	Queue        string // that made the match; empty: none
	RulesVersion string
	// Backfill lets the match ask for players when it loses some.
	Backfill bool

	Grace     time.Duration // a lost connection's seat is kept
	Linger    time.Duration // between the result and the end
	Empty     time.Duration // without people until the match ends
	HashEvery int           // snapshots between state hashes sent to clients; 0: none

	Scheduler *scheduler.Scheduler            // gives the match its turns, by its clock
	Process   *overload.Process               // where the whole process stands; nil: calm
	Record    func(*game.Simulation) Recorder // called once, at tick 0
	Metrics   *metrics.Metrics
	Log       *zap.Logger

	// OnStatus is called after the match's status changed, OnSeated when a player
	// took a seat, OnOver when the match has a result, at most once, OnEnd once
	// when it is closed; all by the match's goroutine, and must not block.
	OnStatus func()
	OnSeated func(player string)
	OnOver   func(EndReport)
	OnEnd    func(EndReport)
}

// Recorder writes the match's log. It is called within ticks, so it must not
// block; memory it is given is the caller's again when it returns.
type Recorder interface {
	Checkpoint(sim *game.Simulation)
	Join(p game.Slot, info game.PlayerInfo, player, name string)
	Leave(p game.Slot, why game.LeaveReason)
	Command(p game.Slot, name string, args []int32)
	Input(p game.Slot, lag int32, words []uint32)
	// Tick ends a tick: what came before it belongs to that tick's border.
	Tick(t game.Tick, hash uint64)
	Close(reason string)
}

// EndReport says how a match ended.
type EndReport struct {
	ID, Reason string
	Results    []PlayerResult // people only
}

// PlayerResult is one person's standing at the end.
type PlayerResult struct {
	Player, Name string
	game.Result
}

// Reasons of an EndReport.
const (
	EndOver     = "over"
	EndEmpty    = "empty"
	EndError    = "game_error"
	EndShutdown = "shutdown"
)

// Match is one running match. At any time at most one goroutine owns it.
type Match struct {
	cfg     Config
	info    *game.Info
	sim     *game.Simulation
	tracker *replicate.Tracker
	poller  *ws.Poller
	record  Recorder
	pacer   pacer
	strain  strain

	shared  session.Shared
	own     hand               // the match's own goroutine
	crew    *crew              // nil in matches that are small enough for one goroutine
	players []playerSlot       // by slot
	seats   []*session.Seat    // of players
	shown   []text.Shown       // by slot, of seats that are not free
	online  []*session.Session // those with a connection, by slot
	ready   []uint32
	lostNow []session.Lost

	roster   roster
	outcome  outcome
	timeouts timeouts

	schemaHash uint32
	snapshots  uint32
	chatLog    *session.ChatLog // nil until somebody says something
	awakeSince int64
	caughtUp   int64 // when what players sent while the process stood still has come in
	visited    bool  // a person has been in it
	stirred    bool  // something came that a tick has to follow soon
	peak       int   // people at most so far
	changed    bool
	ended      string

	inboxMu sync.Mutex
	inbox   []func()
	wake    chan struct{} // something came that a match at rest looks at
	stopped <-chan struct{}
	doze    doze
	swap    []func()
	status  atomic.Pointer[Status]
	started time.Time
	done    chan struct{}
}

// New makes a match at tick 0.
func New(cfg Config) (*Match, error) {
	sim, err := game.NewSimulation(cfg.Game, cfg.Match)
	if err != nil {
		return nil, fmt.Errorf("match %s: %w", cfg.ID, err)
	}
	m := &Match{
		cfg: cfg, info: sim.Info(), sim: sim, tracker: replicate.NewTracker(sim),
		started: time.Now(), done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	m.poller = ws.NewPoller(m.nudge)
	m.schemaHash = sim.Schema().Hash()
	now := cfg.Scheduler.Clock().Now()
	m.pacer = newPacer(m.info.Rate(), now)
	m.strain.init(m.pacer.period)
	cfg.Metrics.RungMatches[overload.Calm].Inc()
	m.shared = session.Shared{Now: now, Rate: m.info.Rate(), Input: m.info.Input, Metrics: cfg.Metrics, Key: session.NewSecretKey()}
	m.shared.Suspended = cfg.Scheduler.Clock().StoodStill()
	m.own = hand{m: m, tally: &m.shared.Tally}
	m.makePlayers()
	m.timeouts.emptySince = now
	m.publish()
	m.record = cfg.Record(sim)
	m.record.Checkpoint(sim)
	return m, nil
}

// ID is the match's name in the cluster.
func (m *Match) ID() string { return m.cfg.ID }

// named adds to what is logged which match it is about. A logger for each match
// would hold kilobytes for it.
func (m *Match) named(fields ...zap.Field) []zap.Field {
	return append(fields, zap.String("match", m.cfg.ID), zap.String("game", m.info.Name), zap.String("mode", m.cfg.Match.Mode.Name))
}

// SchemaHash identifies the layout of the match's state.
func (m *Match) SchemaHash() uint32 { return m.schemaHash }

// Done is closed when the match has ended and its connections are closed.
func (m *Match) Done() <-chan struct{} { return m.done }

// Start runs the match until it is over or ctx ends, closes its connections, and
// calls over. A panic in the rules ends this match alone.
func (m *Match) Start(ctx context.Context, over func()) {
	m.stopped = ctx.Done()
	forget := context.AfterFunc(ctx, m.nudge)
	m.doze.live = func() {
		if m.live() {
			forget()
			over()
		}
	}
	m.doze.alarm = time.AfterFunc(time.Hour, m.rouse)
	m.doze.alarm.Stop()
	m.cfg.Scheduler.Add(m, m.pacer.next)
}

// live goes on with a match that is at rest or has ended, until it is closed,
// which it reports, dozes off, or is the scheduler's.
func (m *Match) live() (over bool) {
	for m.ended == "" {
		if !m.pacer.resting() {
			m.cfg.Scheduler.Add(m, m.pacer.next)
			return false
		}
		if m.dozeOff() {
			return false
		}
		m.turn(scheduler.Turn{Now: m.now(), Due: m.pacer.next})
	}
	m.close()
	return true
}

// Run is a turn that the scheduler gives.
func (m *Match) Run(turn scheduler.Turn) (next int64, again bool) {
	m.turn(turn)
	if m.ended != "" || m.pacer.resting() {
		go m.doze.live() // closing a match is nothing to be waited for
		return 0, false
	}
	return m.pacer.next, true
}

func (m *Match) now() int64 { return m.cfg.Scheduler.Clock().Now() }

// turn steps the match, whose time has come. One at rest is also woken by
// whatever comes, and steps then if that asks for it.
func (m *Match) turn(turn scheduler.Turn) {
	select {
	case <-m.stopped:
		m.end(EndShutdown)
		return
	default:
	}
	if len(m.wake) > 0 {
		<-m.wake
	}
	due, start := turn.Due, turn.Now
	if start < due {
		m.guarded(m.look, start)
		if !m.stirred || m.ended != "" {
			return
		}
		m.pacer.wake(start)
		due = start
	}
	told := m.snapshotDue(m.sim.Tick() + 1)
	m.guarded(m.Tick, start)
	now := m.now()
	m.cfg.Metrics.TickSeconds.Observe(float64(now-start) / 1e9)
	m.bear(due+turn.Behind, start, now, told)
	if back := m.pacer.ticked(now); back > 0 {
		m.cfg.Metrics.Dilated.Add(float64(back) / float64(m.pacer.period))
	}
}

// guarded does a turn of the match, which a panic in the rules ends.
func (m *Match) guarded(do func(now int64), now int64) {
	defer func() {
		if r := recover(); r != nil {
			m.cfg.Metrics.Panics.Inc()
			m.cfg.Log.Error("the rules panicked; the match ends", m.named(zap.Uint32("tick", uint32(m.sim.Tick())+1),
				zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))...)
			m.end(EndError)
		}
	}()
	do(now)
}

// Tick is one turn of the match: what came in, one step, what goes out.
func (m *Match) Tick(now int64) {
	m.own.bench = borrowBench()
	m.receive(now)
	m.play(now)
	m.own.giveBack()
}

// look is a turn of a match at rest without a tick: it reads and answers, and
// leaves in stirred whether a tick has to follow.
func (m *Match) look(now int64) {
	m.own.bench = borrowBench()
	m.receive(now)
	for i := 0; i < len(m.online); i++ {
		s := m.online[i]
		m.stirred = m.stirred || !s.Inactive()
		if err := s.Flush(); err != nil {
			m.drop(s, err)
			i--
		}
	}
	m.own.giveBack()
}

// receive takes what came from other goroutines and from the sockets.
func (m *Match) receive(now int64) {
	m.shared.Now, m.shared.Tick = now, m.sim.Tick()
	if still := m.cfg.Scheduler.Clock().StoodStill(); still != m.shared.Suspended || m.shared.Backlog > 0 {
		m.noteStill(now, still)
	}
	m.takeInbox()
	m.poll()
}

// backlogFor is how long after the process stood still what players sent
// meanwhile may take to come in.
const backlogFor = int64(10 * time.Second)

// noteStill lets the players' limits know for how long the process has stood
// still: it was not there to read.
func (m *Match) noteStill(now, still int64) {
	if still != m.shared.Suspended {
		m.shared.Backlog += still - m.shared.Suspended
		m.shared.Suspended, m.caughtUp = still, now+backlogFor
	} else if now >= m.caughtUp {
		m.shared.Backlog = 0
	}
}

func (m *Match) play(now int64) {
	m.checkTimeouts(now)
	if m.ended != "" {
		return
	}
	m.step()
	m.checkOutcome(now)
	m.deliver()
	if m.changed {
		m.publish()
	}
}

// poll reads every socket that may have something, once.
func (m *Match) poll() {
	m.ready = m.poller.Ready(m.ready[:0])
	for _, p := range m.ready {
		m.players[p].session.Unparked()
	}
	if m.split() {
		m.crew.do(job{kind: pollSeats})
		m.dropLost(m.crew.hands...)
	} else {
		for _, s := range m.online {
			m.own.poll(s)
		}
		m.own.flush()
		m.dropLost(&m.own)
	}
	for i := 0; i < len(m.online); i++ {
		s := m.online[i]
		if s.Parked() {
			continue
		}
		if m.handle(s) {
			i--
			continue
		}
		s.Park(m.poller)
	}
}

// handle applies what a poll left in the seat, also where the connection ended
// behind it; it reports whether the player has left.
func (m *Match) handle(s *session.Session) bool {
	for _, c := range s.Commands() {
		m.command(s, c)
	}
	for _, said := range s.Chats() {
		m.chat(s, said)
	}
	if s.Left() {
		m.leave(m.seats[s.Slot()], protocol.CloseLeft, game.LeaveQuit)
		return true
	}
	return false
}

// step applies the inputs of the next tick and advances the world.
func (m *Match) step() {
	t := m.sim.Tick() + 1
	for _, s := range m.online {
		if lag, words, ok := s.Input(t); ok && m.sim.SetInput(s.Slot(), lag, words) {
			m.record.Input(s.Slot(), lag, words)
		}
	}
	m.sim.Step()
	m.shared.Tick = t
	m.cfg.Metrics.Ticks.Inc()
	m.record.Tick(t, m.sim.Hash())
	if int(t)%(checkpointEvery*m.info.Rate()) == 0 {
		m.record.Checkpoint(m.sim)
	}
	m.tracker.CollectEvents(t)
}

// checkpointEvery is the time between checkpoints in the log, in seconds.
const checkpointEvery = 30

// deliver sends each connected player one frame, in ticks that have one. What
// waits for him besides goes with the next.
func (m *Match) deliver() {
	t := m.sim.Tick()
	if !m.snapshotDue(t) {
		return
	}
	m.flushRoster()
	m.tracker.SlowFar(m.strain.rung >= overload.FarSlower)
	m.tracker.BeginSnapshot(t)
	m.rest()
	m.shared.Pace = m.pacer.pause
	m.snapshots++
	hash := m.cfg.HashEvery > 0 && m.snapshots%uint32(m.cfg.HashEvery) == 0
	if m.split() {
		m.deliverSplit(t, hash)
	} else {
		m.deliverAlone(t, hash)
	}
	m.outcome.send(m.online, m.shared.Now, int64(m.cfg.Linger))
	m.tracker.EndSnapshot()
}

func (m *Match) deliverAlone(t game.Tick, hash bool) {
	m.own.encoder.Reset(m.tracker)
	for _, s := range m.online {
		m.tracker.Prepare(&s.View)
		m.own.deliver(s, hash)
	}
	m.own.flush()
	m.dropLost(&m.own)
}

func (m *Match) deliverSplit(t game.Tick, hash bool) {
	for _, s := range m.online {
		m.tracker.Prepare(&s.View)
	}
	m.crew.do(job{kind: deliverFrames, hash: hash})
	m.dropLost(m.crew.hands...)
}

// dropLost drops those whose connections ended while they were read or written to,
// in the order of their slots, whoever found it out.
func (m *Match) dropLost(hands ...*hand) {
	m.lostNow = m.lostNow[:0]
	for _, h := range hands {
		m.lostNow = append(m.lostNow, h.tally.Lost...)
		clear(h.tally.Lost) // keeps no connection that ends
		h.tally.Lost = h.tally.Lost[:0]
	}
	slices.SortFunc(m.lostNow, func(a, b session.Lost) int { return cmp.Compare(a.Session.Slot(), b.Session.Slot()) })
	for _, l := range m.lostNow {
		if !m.handle(l.Session) {
			m.drop(l.Session, l.Why)
		}
	}
}

// drop loses a player's connection and keeps his seat for the grace time.
func (m *Match) drop(s *session.Session, why error) {
	m.offline(s)
	s.Drop(why, m.poller)
	seat := m.seats[s.Slot()]
	seat.Disconnect(m.shared.Now + int64(m.cfg.Grace))
	m.stopInput(s.Slot())
	m.announce(seat, 0)
	m.cfg.Log.Debug("connection lost", m.named(zap.Uint32("slot", uint32(s.Slot())), zap.String("player", seat.Player), zap.Error(why))...)
	if final(why) {
		m.free(seat, game.LeaveKicked)
	}
}

// stopInput lets go of the controls of somebody who is away.
func (m *Match) stopInput(p game.Slot) {
	var zero [game.MaxInputWord]uint32
	words := zero[:m.info.Input.Stride]
	if m.sim.SetInput(p, 0, words) {
		m.record.Input(p, 0, words)
	}
}

func (m *Match) offline(s *session.Session) {
	for i, o := range m.online {
		if o == s {
			m.stirred = true
			m.online = append(m.online[:i], m.online[i+1:]...)
			m.cfg.Metrics.Sockets.Dec()
			return
		}
	}
}

// end marks the match as ended; it is closed after the turn. One that has a
// result was over already.
func (m *Match) end(reason string) {
	if m.outcome.known() {
		reason = EndOver
	}
	if m.ended == "" {
		m.ended = reason
	}
}

// close ends every connection and reports the match.
func (m *Match) close() {
	code := protocol.CloseMatchOver
	switch m.ended {
	case EndError:
		code = protocol.CloseGameError
	case EndShutdown:
		code = protocol.CloseRestart
	}
	m.inboxMu.Lock()
	close(m.done)
	rest := m.inbox
	m.inbox = nil
	m.inboxMu.Unlock()
	for _, f := range rest {
		f() // sees m.ended and refuses
	}
	m.crew.dismiss()
	m.cfg.Metrics.RungMatches[m.strain.rung].Dec()
	m.cfg.Metrics.Sockets.Sub(float64(len(m.online)))
	for i := range m.players {
		m.players[i].session.Kick(code, m.poller)
	}
	m.online = m.online[:0]
	if err := m.poller.Close(); err != nil {
		m.cfg.Log.Warn("closing the poller", m.named(zap.Error(err))...)
	}
	m.record.Close(m.ended)
	m.cfg.OnEnd(m.report(m.ended))
}

func (m *Match) report(reason string) EndReport {
	return EndReport{ID: m.cfg.ID, Reason: reason, Results: m.outcome.results}
}
