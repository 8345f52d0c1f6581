// Package match implements a running match: its world, its players and their
// connections, advanced one tick at a time.
//
// A [Match] is a state machine. It is not safe for concurrent use, starts no
// goroutines except the shards of a big match, and waits for nothing but them; callers
// pass in the current time. Each tick reads every connection once ([Match.Read]),
// advances the world by one step ([Match.Step]) and sends each client at most one
// snapshot ([Match.Send]). What has to happen outside the match, such as publishing its status
// or reporting the result, is returned as [Effects].
//
// Package driver runs matches: it decides when they tick and passes on requests from
// other goroutines.
package match

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/fanout"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/replicate"
	"tactus/server/internal/seating"
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

	Rated bool        // the result changes ratings
	Leave LeavePolicy // what becomes of players that leave

	Grace     time.Duration // a lost connection's seat is kept
	Linger    time.Duration // between the result and the end
	Empty     time.Duration // without players until the match ends
	HashEvery int           // snapshots between state hashes sent to clients; 0: none
	TrustLag  bool          // takes the lag that clients claim as it is

	// Shards is on how many goroutines the connections are read and written, for tests.
	// Below 2 the match decides, by its connections and the processors.
	Shards int

	// Now is in nanoseconds of a monotonic clock.
	Now int64
	// StoodStill is for how long the process was suspended so far, in nanoseconds.
	StoodStill int64
	Started    time.Time // for the status

	Record func(*game.Simulation) Recorder // called once, at tick 0
	// Wake is called when a parked connection has data, by any goroutine.
	Wake func()
	// Muted reports whether a player's chat is refused; nil: no one's is. It must
	// neither block nor allocate.
	Muted   func(player string) bool
	Metrics *metrics.Metrics
	Log     *zap.Logger

	// Set by New: Info of a game allocates, and is a call into rules.
	gameName string
	rate     int
}

// Rate is the match's tick rate in Hz, known when the match is made.
func (c *Config) Rate() int { return c.rate }

// LogFields adds the match to the fields of a log entry. A logger for each match
// would hold kilobytes.
func (c *Config) LogFields(fields ...zap.Field) []zap.Field {
	name := c.gameName
	if name == "" {
		name = c.Game.Info().Name
	}
	return append(fields, zap.String("match", c.ID), zap.String("game", name), zap.String("mode", c.Match.Mode.Name))
}

// Recorder writes the match's log. It is called within ticks and must not block.
// Slices that it gets are the caller's again when it returns.
type Recorder interface {
	Checkpoint(sim *game.Simulation)
	Join(p game.Slot, info game.PlayerInfo, player, name string)
	Leave(p game.Slot, why game.LeaveReason)
	// Seal keeps the proof that the matchmaker has seated the player of a slot.
	Seal(p game.Slot, seal []byte)
	Command(p game.Slot, name string, args []int32)
	Input(p game.Slot, lag int32, words []uint32)
	// Tick ends a tick. The calls before it belong to the same tick.
	Tick(t game.Tick, hash uint64)
	Close(reason string)
	// Abandon ends the log of a match whose turn hangs: calls by that turn have no
	// effect any more. It is safe for concurrent use.
	Abandon(reason string)
}

// EndReport says how a match ended.
type EndReport struct {
	ID      string
	Reason  EndReason
	Results []PlayerResult // without bots
	Leavers []Leaver       // that left before the result, as Config.Leave asks for them
}

// PlayerResult is a player's standing at the end.
type PlayerResult struct {
	Player, Name string
	Seal         []byte // nil: the matchmaker has not seated the player
	game.Result
}

// EndReason is why a match ended, as its log and its report say it. Empty: it goes
// on.
type EndReason = string

// Reasons for the end of a match.
const (
	EndOver     EndReason = "over"
	EndEmpty    EndReason = "empty"
	EndError    EndReason = "game_error"
	EndShutdown EndReason = "shutdown"
	EndStopped  EndReason = "stopped" // by an operator
)

// Effects are what has to happen outside the match. Its slices are valid until the
// next call of any method.
type Effects struct {
	Status   *Status      // to publish; nil: unchanged
	Seated   []SeatChange // in this order
	Finished *EndReport   // the match has a result; at most once in a match's life
	Ended    EndReason    // empty: it goes on
	Tick     game.Tick    // the last one
	Snapshot bool         // it sent one
}

// SeatChange says that a player took a seat, or left one.
type SeatChange struct {
	Player string
	Slot   game.Slot
	Issued int64 // when the join token was made by which the player came last
	Left   bool  // else taken
}

// Pace is how fast a match ticks.
type Pace uint8

// Paces of a match.
const (
	FullRate    Pace = iota
	Hibernating      // at its slow pace; a wake-up or a request may make it tick earlier
)

// Match is one running match, as a machine. It is not safe for concurrent use;
// owned by the goroutine that gives it its turn; CheckSecret and SchemaHash alone may
// be called by others. It starts no goroutine but the shards of a big match, waits for
// nothing but them, and reads no clock: each method that needs the time is given it.
type Match struct {
	cfg     *Config
	sim     *game.Simulation
	tracker *replicate.Tracker
	poller  *ws.Poller
	record  Recorder
	pacer   pacer
	rung    overload.Rung // what the match gives up under load

	shared  session.Shared
	pool    *fanout.Pool
	players []playerSlot // by slot
	seating *seating.Seating
	// online are the sessions with a connection, by slot.
	online []*session.Session
	ready  []uint32

	roster   roster
	outcome  outcome
	timeouts timeouts
	// attendance is which players were here, also those that have left.
	attendance attendance

	schemaHash uint32
	snapshots  uint32
	chatBudget *session.ChatBudget // nil until the first line
	// needsTick means that something happened that a tick must follow soon.
	needsTick bool
	status    status
	effects   Effects // since the last call of Effects
	ended     EndReason

	moderation moderation
}

// New makes a match at tick 0. The match keeps cfg; nothing changes it from then on.
// If the rules panic, the error is a [*PanicError].
func New(cfg *Config) (_ *Match, err error) {
	m := &Match{cfg: cfg, status: status{changed: true}}
	defer func() {
		if fault := recover(); fault != nil {
			abandon(m)
			err = NewPanicError(fault)
		}
	}()
	if err := build(m); err != nil {
		return nil, fmt.Errorf("match %s: %w", cfg.ID, err)
	}
	return m, nil
}

// build makes what the match consists of. The rules may panic meanwhile.
func build(m *Match) error {
	cfg := m.cfg
	sim, err := game.NewSimulation(cfg.Game, cfg.Match)
	if err != nil {
		return err
	}
	cfg.gameName, cfg.rate = sim.Info().Name, sim.Info().Rate()
	m.sim, m.tracker = sim, replicate.NewTracker(sim)
	m.pacer, m.schemaHash = newPacer(sim.Info().Rate(), cfg.Now), sim.Schema().Hash()
	m.poller = ws.NewPoller(cfg.Wake)
	m.shared = session.Shared{
		Now: cfg.Now, Suspended: cfg.StoodStill, Rate: m.sim.Info().Rate(), Input: m.sim.Info().Input, Metrics: cfg.Metrics, TrustLag: cfg.TrustLag,
	}
	m.pool = fanout.New(&m.shared, m.tracker, cfg.Match.Mode.MaxPlayers)
	makePlayers(m)
	if cfg.Shards > 1 {
		m.pool.StartShards(cfg.Shards)
	}
	m.timeouts.emptySince = cfg.Now
	m.record = cfg.Record(sim)
	m.record.Checkpoint(sim)
	return nil
}

// abandon releases what a match holds that was not made completely.
func abandon(m *Match) {
	if m.pool != nil {
		m.pool.Close()
	}
	if m.poller != nil {
		_ = m.poller.Close() // nothing was added to it
	}
	if m.record != nil {
		m.record.Close(EndError)
	}
}

// SchemaHash identifies the layout of the match's state.
func (m *Match) SchemaHash() uint32 { return m.schemaHash }

// CheckSecret returns the generation of a resume token's secret, and whether the
// match issued it. It is safe for concurrent use.
func (m *Match) CheckSecret(slot game.Slot, secret string) (generation uint32, ok bool) {
	return m.seating.CheckSecret(slot, secret)
}

// Shards is on how many goroutines connections are read and written.
func (m *Match) Shards() int { return m.pool.Shards() }

// Due is when the next tick is due.
func (m *Match) Due() int64 { return m.pacer.next }

// SetRung sets what the match gives up under load: the rate of snapshots, the pace of
// its clock, new players.
func (m *Match) SetRung(r overload.Rung) {
	m.pacer.slowed = r >= overload.Dilated
	m.status.changed = m.status.changed || (m.rung >= overload.NoJoins) != (r >= overload.NoJoins)
	m.rung = r
}

// Step checks deadlines, applies the inputs of the next tick, and advances the
// world. A match that a deadline ends takes no step.
func (m *Match) Step(now int64) {
	m.checkTimeouts(now)
	if m.ended != "" {
		m.effects.Snapshot = false
		return
	}
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
	if int(t)%(checkpointEvery*m.sim.Info().Rate()) == 0 {
		m.record.Checkpoint(m.sim)
	}
	m.tracker.CollectEvents(t)
	m.checkOutcome(now)
}

// backlogFor is how long messages that players sent while the process was suspended
// may take to arrive.
const backlogFor = int64(10 * time.Second)

// SetStoodStill sets for how long the process has been suspended so far. The players'
// rate limits allow for it: the process did not read meanwhile.
func (m *Match) SetStoodStill(now, still int64) {
	if still != m.shared.Suspended {
		m.attendance.paused(now, still-m.shared.Suspended)
		m.shared.Backlog += still - m.shared.Suspended
		m.shared.Suspended, m.timeouts.backlogUntil = still, now+backlogFor
	} else if m.shared.Backlog > 0 && now >= m.timeouts.backlogUntil {
		m.shared.Backlog = 0
	}
}

// checkpointEvery is the time between checkpoints in the log, in seconds.
const checkpointEvery = 30

// dropLost drops the players whose connections have ended while they were read or
// written, in the order of their slots, whatever shard noticed it.
func (m *Match) dropLost() {
	for _, l := range m.pool.Lost() {
		if !m.handle(l.Session) {
			m.drop(l.Session, l.Why)
		}
	}
}

// drop ends a player's connection and keeps the seat for the grace time.
func (m *Match) drop(s *session.Session, why error) {
	m.offline(s)
	s.Drop(why, m.poller)
	m.attendance.lost(m.seating.Seat(s.Slot()).Player, why)
	m.seating.Disconnect(s.Slot(), m.shared.Now+int64(m.cfg.Grace))
	m.applySeating()
	m.cfg.Log.Debug("connection lost", m.cfg.LogFields(zap.Uint32("slot", uint32(s.Slot())),
		zap.String("player", m.seating.Seat(s.Slot()).Player), zap.Error(why))...)
	if final(why) {
		m.seating.Vacate(s.Slot(), game.LeaveKicked)
		m.applySeating()
	}
}

// stopInput releases the held inputs of a player without a connection.
func (m *Match) stopInput(p game.Slot) {
	var zero [game.MaxInputWord]uint32
	words := zero[:m.sim.Info().Input.Stride]
	if m.sim.SetInput(p, 0, words) {
		m.record.Input(p, 0, words)
	}
}

func (m *Match) offline(s *session.Session) {
	for i, o := range m.online {
		if o == s {
			m.needsTick = true
			m.online = append(m.online[:i], m.online[i+1:]...)
			m.cfg.Metrics.Sockets.Dec()
			return
		}
	}
}

// End ends the match after the turn. One that has a result was over already.
func (m *Match) End(reason EndReason) {
	if m.outcome.known() {
		reason = EndOver
	}
	if m.ended == "" {
		m.ended = reason
	}
}

// Fail ends a match whose rules have panicked. It calls no rules, and leaves no
// status to publish, because that would.
func (m *Match) Fail() {
	m.End(EndError)
	m.applySeating() // the log has what happened before the panic
	m.status.changed = false
}

// Seated returns which seats were taken and left since the last call of it or of Effects.
// The slice is valid until the next call of any method.
func (m *Match) Seated() []SeatChange {
	seated := m.effects.Seated
	m.effects.Seated = seated[:0]
	return seated
}

// Effects returns what has happened since the last call.
func (m *Match) Effects() Effects {
	e := m.effects
	e.Ended, e.Tick = m.ended, m.sim.Tick()
	if m.status.changed {
		m.status.changed = false
		m.status.last = m.status.of(m)
		e.Status = m.status.last
	}
	m.effects.Seated, m.effects.Finished = m.effects.Seated[:0], nil
	return e
}

// Next accounts for the tick that was made, and returns when the next is due.
func (m *Match) Next(now int64) (due int64, pace Pace) {
	if back := m.pacer.ticked(now); back > 0 {
		m.cfg.Metrics.Dilated.Add(float64(back) / float64(m.pacer.period))
	}
	if m.pacer.hibernating() {
		pace = Hibernating
	}
	return m.pacer.next, pace
}

// Close closes every connection and the log of a match that has ended.
func (m *Match) Close() {
	code := protocol.CloseMatchOver
	switch m.ended {
	case EndError:
		code = protocol.CloseGameError
	case EndShutdown:
		code = protocol.CloseRestart
	}
	m.pool.Close()
	m.cfg.Metrics.Sockets.Sub(float64(len(m.online)))
	new(conditions).addTo(m.cfg.Metrics, m.timeouts.counted)
	for i := range m.players {
		s := &m.players[i].session
		if m.ended == EndStopped && s.Conn() != nil {
			s.Drop(&ws.CloseError{Code: code, Reason: m.moderation.endText}, m.poller)
			continue
		}
		s.Kick(code, m.poller)
	}
	m.online = m.online[:0]
	if err := m.poller.Close(); err != nil {
		m.cfg.Log.Warn("closing the poller", m.cfg.LogFields(zap.Error(err))...)
	}
	m.record.Close(m.ended)
}

// Report returns how a match that has ended did so.
func (m *Match) Report() EndReport {
	return EndReport{ID: m.cfg.ID, Reason: m.ended, Results: m.outcome.results, Leavers: m.outcome.leavers}
}

// request begins a call that is not part of a tick. It makes a hibernating match
// tick.
func (m *Match) request(now int64) {
	m.shared.Now = now
	m.needsTick = true
}
