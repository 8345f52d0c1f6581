package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gobwas "github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"tactus/game"
	"tactus/internal/testtime"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
	"tactus/server/internal/scheduler"
)

// The property test of a match's life: whatever is posted, claimed, dropped and
// stopped, and whenever, also while the match hibernates,
//
//   - at most one goroutine runs it,
//   - what is posted runs exactly once or is refused,
//   - a message to a hibernating match gets a tick within two periods,
//   - after its end nothing runs, and it ends exactly once.
//
// The script is drawn first and then played in a bubble of synctest, where the
// actions of one step happen at the same moment on goroutines of their own.

type actionKind int

const (
	post actionKind = iota
	wake
	reserveAndClaim
	resumeSeat
	message
	loseConnection
	bye
	evict
	notify
	release
	hold
	explode
	finish
	stopMatch
	cancelContext
	kinds
)

type action struct {
	kind  actionKind
	who   int
	after time.Duration // the step's begin
}

type scriptStep struct {
	actions []action // at once
	pause   time.Duration
}

// drawScript draws what happens. Ends are rare, so that scripts get somewhere.
func drawScript(rt *rapid.T) []scriptStep {
	// Pauses and offsets meet the alarms of hibernating matches, and just miss them.
	pauses := []time.Duration{
		0, time.Microsecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
		500 * time.Millisecond, time.Second, 4 * time.Second, 4 * time.Second, 5 * time.Second, 10 * time.Second, 35 * time.Second,
	}
	kind := rapid.Custom(func(rt *rapid.T) actionKind {
		k := actionKind(rapid.IntRange(0, int(kinds)-1).Draw(rt, "kind"))
		if k >= explode && rapid.IntRange(0, 5).Draw(rt, "rare") != 0 {
			return post
		}
		return k
	})
	one := rapid.Custom(func(rt *rapid.T) action {
		return action{
			kind: kind.Draw(rt, "what"), who: rapid.IntRange(0, 3).Draw(rt, "who"),
			after: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Nanosecond, 50 * time.Millisecond, 100 * time.Millisecond}).Draw(rt, "after"),
		}
	})
	step := rapid.Custom(func(rt *rapid.T) scriptStep {
		return scriptStep{
			actions: rapid.SliceOfN(one, 1, 5).Draw(rt, "actions"),
			pause:   rapid.SampledFrom(pauses).Draw(rt, "pause"),
		}
	})
	script := rapid.SliceOfN(step, 1, 25).Draw(rt, "script")
	if rapid.IntRange(0, 3).Draw(rt, "opening") != 0 { // most matches have players and hibernate
		joins := []action{{kind: reserveAndClaim}, {kind: reserveAndClaim, who: 1}}
		script = append([]scriptStep{{actions: joins, pause: 4 * time.Second}}, script...)
	}
	return script
}

func TestDriver_keepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := drawScript(rt)
		var l *life
		synctest.Test(t, func(t *testing.T) {
			l = newLife(t)
			l.play(script)
		})
		for _, err := range l.errs {
			rt.Error(err)
		}
	})
}

// life is a match that is run by a scheduler in a bubble, and what came of it.
type life struct {
	d      *Driver
	cancel context.CancelFunc

	inside atomic.Int32 // goroutines that run the match
	runs   int          // unguarded: the race detector sees two goroutines in it
	ticks  atomic.Int64
	over   atomic.Int32
	ends   atomic.Int32

	mu      sync.Mutex
	errs    []error
	posts   []*posted
	players [4]livePlayer
	joins   int
}

type posted struct {
	accepted bool
	runs     atomic.Int32
}

type livePlayer struct {
	conn *liveConn
	slot game.Slot
}

func (l *life) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// visit is called wherever the match's goroutine is known to be at work.
func (l *life) visit() {
	if l.inside.Add(1) != 1 {
		l.fail("two goroutines run the match")
	}
	l.runs++
	runtime.Gosched()
	l.inside.Add(-1)
	if l.over.Load() != 0 {
		l.fail("the match runs after its end")
	}
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{}
	mode := game.Mode{Name: "m", MaxPlayers: 4}
	var err error
	l.d, err = New(Config{
		Match: match.Config{
			ID: "match", Game: matchtest.Game{Mode: mode}, Match: game.MatchConfig{Mode: mode, Seed: 1},
			Grace: 30 * time.Second, Linger: time.Second, Empty: 20 * time.Second,
			Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop(),
			Record: func(*game.Simulation) match.Recorder { return liveRecorder{l} },
		},
		Scheduler: scheduler.New(scheduler.SystemClock()), OnStatus: func() {},
		OnSeated: func(match.SeatChange) { l.visit() },
		OnOver:   func(match.EndReport) { l.visit() },
		OnEnd: func(match.EndReport) {
			l.visit()
			l.ends.Add(1)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.d.Start(ctx, func() { l.over.Add(1) })
	return l
}

func (l *life) play(script []scriptStep) {
	var actions sync.WaitGroup
	for _, step := range script {
		for _, a := range step.actions {
			actions.Go(func() {
				testtime.Sleep(a.after)
				l.act(a)
			})
		}
		testtime.Sleep(step.pause)
		synctest.Wait()
		l.checkWakes()
	}
	l.d.Stop(match.EndShutdown)
	l.cancel()
	testtime.Sleep(time.Second)
	synctest.Wait()
	select {
	case <-l.d.Done():
	default:
		l.fail("the match was stopped a second ago and is not done")
	}
	actions.Wait()
	runs := l.runs
	l.d.hibernation.wake()
	testtime.Sleep(time.Hour)
	synctest.Wait()
	if l.runs != runs {
		l.fail("the match runs after its end")
	}
	if over, ends := l.over.Load(), l.ends.Load(); over != 1 || ends != 1 {
		l.fail("over was called %d times, OnEnd %d times", over, ends)
	}
	if l.d.post(func(int64) {}) {
		l.fail("a match that is done accepts work")
	}
	for i, p := range l.posts {
		if n := p.runs.Load(); p.accepted && n != 1 || !p.accepted && n != 0 {
			l.fail("post %d, accepted %v, ran %d times", i, p.accepted, n)
		}
	}
}

// checkWakes sends a message to a match that hibernates.
func (l *life) checkWakes() {
	conn := l.anyConn()
	if conn == nil || !l.d.hibernation.asleep.Load() {
		return
	}
	before := l.ticks.Load()
	conn.receive(protocol.AppendSay(nil, &protocol.Say{}))
	l.d.hibernation.wake()
	testtime.Sleep(time.Duration(2 * matchtest.Period))
	synctest.Wait()
	if l.ticks.Load() == before && l.over.Load() == 0 {
		l.fail("no tick within two periods of a message to a hibernating match")
	}
}

func (l *life) anyConn() *liveConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.players {
		if p.conn != nil && p.conn.open() {
			return p.conn
		}
	}
	return nil
}

func (l *life) act(a action) {
	l.mu.Lock()
	p := l.players[a.who]
	l.mu.Unlock()
	name := strconv.Itoa(a.who)
	switch a.kind {
	case post:
		l.post()
	case wake:
		l.d.hibernation.wake()
	case reserveAndClaim:
		l.join(a.who, name)
	case resumeSeat:
		l.resume(a.who)
	case evict:
		l.d.Evict(name, math.MaxInt64)
	case notify:
		l.d.Notify(protocol.CloseDraining, "soon")
	case release:
		l.d.Release([]string{"none"})
	case hold:
		l.d.WaitForPlayers(int64(5 * time.Second))
	case stopMatch:
		l.d.Stop(match.EndShutdown)
	case cancelContext:
		l.cancel()
	default:
		if p.conn != nil {
			p.conn.do(a.kind)
			l.d.hibernation.wake()
		}
	}
}

func (l *life) post() {
	p := &posted{}
	accepted := l.d.post(func(int64) {
		p.runs.Add(1)
		if l.d.ended == "" {
			l.visit()
		}
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	p.accepted = accepted
	l.posts = append(l.posts, p)
}

func (l *life) join(who int, name string) {
	l.mu.Lock()
	l.joins++
	reservation := "r" + strconv.Itoa(l.joins)
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	slots, err := l.d.Reserve(ctx, []match.Request{{Player: name, Name: name, Team: -1, Reservation: reservation}}, int64(15*time.Second))
	if err != nil {
		if !errors.Is(err, match.ErrOver) && !errors.Is(err, match.ErrFull) {
			l.fail("reserve: %v", err)
		}
		return
	}
	conn := newLiveConn(l)
	l.d.Claim(conn.server, 0, slots[0], name, reservation)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.players[who].conn, l.players[who].slot = conn, slots[0]
}

func (l *life) resume(who int) {
	l.mu.Lock()
	p := l.players[who]
	l.mu.Unlock()
	if p.conn == nil {
		return
	}
	secret := p.conn.resumeSecret()
	conn := newLiveConn(l)
	l.d.Resume(conn.server, 0, p.slot, secret, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.players[who].conn = conn
}

// liveConn is a connection in memory whose client sends from other goroutines.
type liveConn struct {
	life   *life
	server *ws.Conn

	mu     sync.Mutex
	in     []byte // frames, not yet read
	out    []byte // frames
	lost   error
	closed bool
}

func newLiveConn(l *life) *liveConn {
	c := &liveConn{life: l}
	c.server = ws.NewConn(c, protocol.MaxClientMessage)
	return c
}

func (c *liveConn) receive(m []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frame, err := gobwas.CompileFrame(gobwas.MaskFrameInPlace(gobwas.NewBinaryFrame(m)))
	if err != nil {
		panic(err)
	}
	c.in = append(c.in, frame...)
}

func (c *liveConn) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.lost == nil && c.out != nil
}

func (c *liveConn) do(kind actionKind) {
	switch kind {
	case loseConnection:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.lost = errors.New("connection reset")
	case bye:
		c.receive(protocol.AppendBye(nil))
	case explode:
		c.receive(protocol.AppendCommand(nil, &protocol.Command{ID: 1, Name: "explode"}))
	case finish:
		c.receive(protocol.AppendCommand(nil, &protocol.Command{ID: 1, Name: "finish"}))
	default:
		c.receive(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: 1}, []uint32{1}))
	}
}

// resumeSecret reads the resume token from the welcome.
func (c *liveConn) resumeSecret() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) < 4 {
		return "none"
	}
	size, head := int(c.out[1]), 2
	if c.out[1] == 126 {
		size, head = int(c.out[2])<<8|int(c.out[3]), 4
	}
	w, err := protocol.ParseWelcome(c.out[head : head+size])
	if err != nil {
		return "none"
	}
	return strings.SplitN(w.Resume, ".", 3)[2]
}

// The server's end, a ws.Stream:

func (c *liveConn) Read(b []byte) (int, error) {
	c.life.visit()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(b, c.in)
	if c.in = c.in[n:]; len(c.in) > 0 {
		return n, nil
	}
	return n, c.lost
}

func (c *liveConn) Send(b []byte) error {
	c.life.visit()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, b...)
	return nil
}

func (c *liveConn) Flush() (bool, error) { return false, nil }
func (c *liveConn) Pending() bool        { return false }

func (c *liveConn) Shutdown([]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

type liveRecorder struct{ l *life }

func (r liveRecorder) Checkpoint(s *game.Simulation) {
	if s.Tick() > 0 {
		r.l.visit()
	}
}
func (r liveRecorder) Join(game.Slot, game.PlayerInfo, string, string) { r.l.visit() }
func (r liveRecorder) Leave(game.Slot, game.LeaveReason)               { r.l.visit() }
func (r liveRecorder) Seal(game.Slot, []byte)                          { r.l.visit() }
func (r liveRecorder) Command(game.Slot, string, []int32)              { r.l.visit() }
func (r liveRecorder) Input(game.Slot, int32, []uint32)                { r.l.visit() }
func (r liveRecorder) Close(string)                                    { r.l.visit() }
func (r liveRecorder) Abandon(string)                                  {}

func (r liveRecorder) Tick(game.Tick, uint64) {
	r.l.visit()
	r.l.ticks.Add(1)
}
