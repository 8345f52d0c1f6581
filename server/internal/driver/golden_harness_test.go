package driver

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
	"tactus/server/internal/metrics"
	"tactus/server/internal/scheduler"
)

// This file is all that the golden tests know of the code under test. When that
// code is restructured, this file follows; golden_test.go and the golden files
// stay as they are.

// scripted is a match whose time passes only in advance. Nothing in it runs on
// another goroutine, except the shards of a split match within a turn.
type scripted struct {
	t      *testing.T
	d      *Driver
	queue  string
	clock  *scriptClock
	closed bool
}

// scriptConfig makes a scripted match.
type scriptConfig struct {
	game     game.Game
	mode     game.Mode
	shards   int // goroutines that read and write connections, whatever the machine
	queue    string
	backfill bool
	record   match.Recorder // beside the match's log
	logDir   string         // of the match's log; empty: none

	// seated, over and ended are called with what the match reports.
	seated, over, ended func(string)
}

// place asks for one seat.
type place struct {
	player, name string
	team         int32
	reservation  string
	skill        float64
}

// scriptEpoch is when scripted matches begin, as their logs say.
var scriptEpoch = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func newScripted(t *testing.T, cfg scriptConfig) *scripted {
	t.Helper()
	if cfg.shards == 1 {
		before := runtime.GOMAXPROCS(1)
		t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	}
	s := &scripted{t: t, queue: cfg.queue, clock: &scriptClock{now: 1}}
	store, err := matchlog.NewStore(matchlog.Config{Dir: cfg.logDir}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	s.d, err = New(Config{
		Match: match.Config{
			ID: "match", Game: cfg.game, Match: game.MatchConfig{Mode: cfg.mode, Seed: 1},
			Queue: cfg.queue, Backfill: cfg.backfill,
			Grace: 2 * time.Second, Linger: time.Second, Empty: 5 * time.Second, HashEvery: 4, Shards: cfg.shards,
			Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop(),
			Record: func(*game.Simulation) match.Recorder {
				w := store.Create(matchlog.Header{
					Match: "match", Game: cfg.game.Info().Name, Mode: cfg.mode.Name, Started: scriptEpoch, Product: "golden",
				})
				return both{cfg.record, w}
			},
		},
		Scheduler: scheduler.New(s.clock), OnStatus: func() {}, OnSeated: func(c match.SeatChange) {
			if !c.Left {
				cfg.seated(c.Player)
			}
		},
		OnOver: func(r match.EndReport) { cfg.over(reportText(r)) },
		OnEnd: func(r match.EndReport) {
			cfg.ended(reportText(r))
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

func reportText(r match.EndReport) string {
	results := make([]string, len(r.Results))
	for i, p := range r.Results {
		results[i] = fmt.Sprintf("{%s %s %v}", p.Player, p.Name, p.Result)
	}
	return fmt.Sprintf("%s %v", r.Reason, results)
}

// advance lets so much time pass: the match has every turn that is due in it,
// and those that a message to a hibernating match asks for.
func (s *scripted) advance(d time.Duration) {
	end := s.clock.now + int64(d)
	for !s.closed {
		woken := s.d.pace == match.Hibernating && len(s.d.hibernation.wakes) > 0
		if !woken {
			if s.d.due > end {
				break
			}
			s.clock.now = max(s.clock.now, s.d.due)
		}
		s.d.turn(scheduler.Turn{Now: s.clock.now, Due: s.d.due})
		if s.d.ended != "" {
			s.end()
		}
	}
	s.clock.now = end
}

// end closes the match, as its goroutine does after its last turn.
func (s *scripted) end() {
	if s.closed {
		return
	}
	s.closed = true
	s.d.close()
}

func (s *scripted) stop() { s.d.Stop(match.EndShutdown) }

// shards is on how many goroutines the match reads and writes connections.
func (s *scripted) shards() int { return s.d.match.Shards() }

// reserve asks for seats; the answer comes in the next turn.
func (s *scripted) reserve(hold time.Duration, places []place, answer func(slots []game.Slot, refused string)) {
	requests := make([]match.Request, 0, len(places))
	for _, p := range places {
		requests = append(requests, match.Request{
			Player: p.player, Name: p.name, Team: p.team, Reservation: p.reservation, Skill: p.skill, Queue: s.queue,
		})
	}
	if !s.d.post(func(now int64) {
		slots, err := s.d.reserve(now, requests, int64(hold))
		answer(slots, refusal(err))
	}) {
		answer(nil, refusal(match.ErrOver))
	}
}

func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, match.ErrFull):
		return "full"
	case errors.Is(err, match.ErrOver):
		return "over"
	case errors.Is(err, match.ErrOverloaded):
		return "overloaded"
	}
	return err.Error()
}

func (s *scripted) release(reservations ...string) { s.d.Release(reservations) }
func (s *scripted) evict(player string)            { s.d.Evict(player, math.MaxInt64) }

func (s *scripted) claim(c *scriptConn, features protocol.Features, slot game.Slot, player, reservation string) {
	s.d.Claim(c.conn(), features, slot, player, reservation)
}

func (s *scripted) resume(c *scriptConn, features protocol.Features, slot game.Slot, secret string, event uint32) {
	s.d.Resume(c.conn(), features, slot, secret, event)
}

// status is the published status in words, without times of the real clock.
func (s *scripted) status() string {
	st := s.d.Status()
	return fmt.Sprintf("people %d of %d open=%v backfill=%v remaining=%v teams=%v", st.People, st.Seats, st.Open, st.Backfill, st.Remaining, st.Teams)
}

// both writes to two recorders.
type both [2]match.Recorder

func (b both) Checkpoint(sim *game.Simulation) {
	for _, r := range b {
		r.Checkpoint(sim)
	}
}

func (b both) Join(p game.Slot, info game.PlayerInfo, player, name string) {
	for _, r := range b {
		r.Join(p, info, player, name)
	}
}

func (b both) Leave(p game.Slot, why game.LeaveReason) {
	for _, r := range b {
		r.Leave(p, why)
	}
}

func (b both) Seal(p game.Slot, seal []byte) {
	for _, r := range b {
		r.Seal(p, seal)
	}
}

func (b both) Command(p game.Slot, name string, args []int32) {
	for _, r := range b {
		r.Command(p, name, args)
	}
}

func (b both) Input(p game.Slot, lag int32, words []uint32) {
	for _, r := range b {
		r.Input(p, lag, words)
	}
}

func (b both) Tick(t game.Tick, hash uint64) {
	for _, r := range b {
		r.Tick(t, hash)
	}
}

func (b both) Close(reason string) {
	for _, r := range b {
		r.Close(reason)
	}
}

func (b both) Abandon(reason string) {
	for _, r := range b {
		r.Abandon(reason)
	}
}

// scriptClock moves when the script moves it.
type scriptClock struct{ now int64 }

func (c *scriptClock) Now() int64                        { return c.now }
func (c *scriptClock) StoodStill() int64                 { return 0 }
func (c *scriptClock) SleepUntil(int64, <-chan struct{}) { panic("a scripted match never waits") }

// scriptConn is both ends of a connection in memory. It is never parked.
type scriptConn struct {
	server *ws.Conn // nil until the connection is used
	client *wstest.Peer
}

func (c *scriptConn) peer() *wstest.Peer {
	if c.client == nil {
		c.server, c.client = wstest.Pair()
		c.client.Measure(time.Millisecond, 0) // as a socket is, without pings
	}
	return c.client
}

// send adds a message that the client sends.
func (c *scriptConn) send(message []byte) { c.peer().Send(message) }

// lose ends the connection, behind the messages that wait.
func (c *scriptConn) lose() { c.peer().Lose(errors.New("connection reset")) }

// block sets whether the connection refuses to take more.
func (c *scriptConn) block(on bool) { c.peer().Block(on) }

// closed is the code that the match closed the connection with, 0 for none yet.
// For one that was lost it is the code that reports name.
func (c *scriptConn) closed() protocol.CloseCode {
	code, closed := c.peer().Closed()
	if closed && code == 0 {
		return protocol.CloseIdle
	}
	return code
}

// received returns what the match has written since the last call.
func (c *scriptConn) received() []byte { return c.peer().Received() }

// conn is the server's end.
func (c *scriptConn) conn() *ws.Conn {
	c.peer()
	return c.server
}
