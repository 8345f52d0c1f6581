package match

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/overload"
	"tactus/server/internal/scheduler"
	"tactus/server/internal/seating"
)

// The tests step a small game by hand: each player has a unit that moves by his
// input, and "boom" makes an event, a panic, or the end.

type unit struct {
	Pos  fixed.Vec `tactus:"pos"`
	Gold int32     `tactus:"owner"`
	Slot game.Slot `tactus:"slot"`
	Side int32
}

type boom struct {
	Power int32
}

type move struct {
	DX int32 `tactus:"min=-10,max=10"`
}

var moves = game.DefineInput[move]()

type units struct {
	tables  *game.Tables
	units   *game.Table[unit]
	booms   *game.Events[boom]
	rows    []game.Entity
	teams   int
	over    bool
	explode bool
	results []game.Result
}

type unitGame struct{ mode game.Mode }

func (g unitGame) Info() game.Info {
	return game.Info{Name: "units", Version: "1", TickRate: 20, Input: moves.Schema(), Modes: []game.Mode{g.mode}}
}

func (g unitGame) NewWorld(cfg game.MatchConfig) game.World {
	ts := game.NewTables()
	n := max(8, cfg.Mode.MaxPlayers)
	return &units{
		tables: ts, teams: cfg.Mode.Teams, rows: make([]game.Entity, n),
		units: game.NewTable[unit](ts, "unit", n), booms: game.NewEvents[boom](ts, "boom", 8, game.Global),
	}
}

func (w *units) Tables() *game.Tables { return w.tables }

func (w *units) Join(p game.Slot, info game.PlayerInfo) {
	e, u := w.units.Spawn()
	w.rows[p] = e
	u.Slot, u.Side, u.Gold = p, info.Team, 100
}

func (w *units) Leave(p game.Slot, _ game.LeaveReason) { w.units.Despawn(w.rows[p]) }

func (w *units) Step(_ game.Tick, in *game.Inputs) {
	if w.explode {
		panic("rules are wrong")
	}
	for _, u := range w.units.All() {
		u.Pos.X += fixed.Num(moves.At(in, u.Slot).DX)
	}
}

func (w *units) Think(_ game.Tick, p game.Slot, in *game.Inputs) { moves.Set(in, p, move{DX: 1}) }

func (w *units) Command(_ game.Slot, name string, args []int32) ([]int32, bool) {
	switch name {
	case "boom":
		w.booms.Emit(boom{Power: args[0]})
		return args, true
	case "finish":
		w.over = true
		return nil, true
	case "explode":
		w.explode = true
		return nil, true
	}
	return nil, false
}

func (w *units) Team(p game.Slot) int32 {
	if u := w.units.Get(w.rows[p]); u != nil {
		return u.Side
	}
	return -1
}

func (w *units) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	for _, u := range w.units.All() {
		w.results = append(w.results, game.Result{Slot: u.Slot, Team: u.Side, Score: int32(u.Pos.X), Rank: 1})
	}
	return game.Outcome{Results: w.results}, w.over
}

// patience bounds waits for what has to happen; tests that pass never reach it.
const patience = 10 * time.Second

// stacksOf counts the goroutines that are in a function.
func stacksOf(function string) int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), function)
}

// testConn is both ends of a connection in memory.
type testConn struct {
	*wstest.Peer
	server *ws.Conn
}

func newTestConn() *testConn {
	server, peer := wstest.Pair()
	return &testConn{Peer: peer, server: server}
}

// code is what the match closed the connection with, 0 while it is open. A
// connection that was lost got no close frame; it counts as idle, as in metrics.
func (c *testConn) code() protocol.CloseCode {
	code, closed := c.Closed()
	if closed && code == 0 {
		return protocol.CloseIdle
	}
	return code
}

// recorder keeps the log's calls as text.
type recorder struct {
	lines  []string
	onTick func()
}

func (r *recorder) add(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) Checkpoint(s *game.Simulation) { r.add("checkpoint %d", s.Tick()) }
func (r *recorder) Join(p game.Slot, i game.PlayerInfo, _, name string) {
	r.add("join %d %s bot=%v team=%d", p, name, i.Bot, i.Team)
}
func (r *recorder) Leave(p game.Slot, why game.LeaveReason) { r.add("leave %d why=%d", p, why) }
func (r *recorder) Command(p game.Slot, name string, args []int32) {
	r.add("command %d %s %v", p, name, args)
}

func (r *recorder) Input(p game.Slot, _ int32, words []uint32) {
	r.add("input %d %d", p, int32(words[0]))
}

func (r *recorder) Tick(game.Tick, uint64) {
	if r.onTick != nil {
		r.onTick()
	}
}

func (r *recorder) Close(reason string) { r.add("close %s", reason) }

// handClock only moves when the test moves it.
type handClock struct {
	now   int64
	late  int64 // by how much sleepers wake up late
	still int64
}

func (c *handClock) Now() int64        { return c.now }
func (c *handClock) StoodStill() int64 { return c.still }

func (c *handClock) SleepUntil(t int64, wake <-chan struct{}) {
	select {
	case <-wake:
	default:
		c.now = max(c.now, t) + c.late
	}
}

type harness struct {
	t     *testing.T
	d     *Driver
	m     *Match
	clock *handClock
	log   *recorder
	over  []EndReport
	ended []EndReport
	seats []string
	joins int
}

const period = int64(50 * time.Millisecond)

func newHarness(t *testing.T, mode game.Mode) *harness {
	t.Helper()
	return newHarnessIn(t, mode, nil, prometheus.NewRegistry())
}

func newHarnessIn(t *testing.T, mode game.Mode, process *overload.Process, registry *prometheus.Registry) *harness {
	t.Helper()
	clock := &handClock{now: 1}
	h := newHarnessOn(t, scheduler.New(clock), mode, process, registry)
	h.clock = clock
	return h
}

func newHarnessOn(t *testing.T, s *scheduler.Scheduler, mode game.Mode, process *overload.Process, registry *prometheus.Registry) *harness {
	t.Helper()
	mode.Name = "m"
	return newHarnessFor(t, s, unitGame{mode}, mode, process, registry)
}

func newHarnessFor(t *testing.T, s *scheduler.Scheduler, g game.Game, mode game.Mode, process *overload.Process, registry *prometheus.Registry) *harness {
	t.Helper()
	h := &harness{t: t, log: &recorder{}}
	var err error
	h.d, err = NewDriver(DriverConfig{
		Match: Config{
			ID: "match", Game: g, Match: game.MatchConfig{Mode: mode, Seed: 1},
			Grace: 30 * time.Second, Linger: time.Second, Empty: 2 * time.Second, HashEvery: 1,
			Metrics: metrics.New(registry), Log: zap.NewNop(),
			Record: func(*game.Simulation) Recorder { return h.log },
		},
		Scheduler: s, Process: process, OnStatus: func() {},
		OnSeated: func(p string) { h.seats = append(h.seats, p) },
		OnOver:   func(r EndReport) { h.over = append(h.over, r) },
		OnEnd:    func(r EndReport) { h.ended = append(h.ended, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.m = h.d.match
	return h
}

// tickNow makes a tick now, whenever it is due.
func (d *Driver) tickNow(now int64) {
	defer d.endTurn()
	d.match.SetStoodStill(now, d.clock.StoodStill())
	d.inbox.run(now)
	d.match.Tick(now)
}

// run lets the match go on by itself to its end.
func (h *harness) run(ctx context.Context) {
	over := make(chan struct{})
	h.d.Start(ctx, func() { close(over) })
	<-over
}

// turn lets the match sleep until it is due, or something comes while it is at
// rest, and have its turn.
func (h *harness) turn() {
	var wake chan struct{}
	if h.d.pace == Hibernating {
		wake = h.d.hibernation.wakes
	}
	h.clock.SleepUntil(h.d.due, wake)
	h.d.turn(scheduler.Turn{Now: h.clock.now, Due: h.d.due})
}

func (h *harness) tick(n int) {
	for range n {
		h.clock.now += period
		h.d.tickNow(h.clock.now)
	}
}

// count returns how many players and bots are in the world.
func (h *harness) count() (players, bots int) {
	for p := range h.m.players {
		switch taken, bot := h.m.sim.Taken(game.Slot(p)); {
		case bot:
			bots++
		case taken:
			players++
		}
	}
	return players, bots
}

// reserve asks for seats the way the server does, while the match ticks.
func (h *harness) reserve(requests ...Request) ([]game.Slot, error) {
	type answer struct {
		slots []game.Slot
		err   error
	}
	c := make(chan answer)
	posted := len(h.d.inbox.requests)
	go func() {
		slots, err := h.d.Reserve(context.Background(), requests, int64(15*time.Second))
		c <- answer{slots, err}
	}()
	for {
		h.d.inbox.mu.Lock()
		n := len(h.d.inbox.requests)
		h.d.inbox.mu.Unlock()
		if n > posted {
			break
		}
	}
	h.tick(1)
	a := <-c
	return a.slots, a.err
}

// player is a client of the test: a replica behind a fake connection.
type player struct {
	t       *testing.T
	conn    *testConn
	replica *protocol.Replica
	welcome protocol.Welcome
	last    protocol.Snapshot
	frames  int
	pings   int
	pongs   int
	roster  map[game.Slot]protocol.RosterEntry
	replies []protocol.Reply
	notices []protocol.Notice
	chats   []protocol.Chat
	results []protocol.Result
	events  []int32

	eventsAtResult, framesAtResult int // that came before the result
}

func (h *harness) join(name string) *player {
	h.t.Helper()
	return h.joinWith(name, 0)
}

func (h *harness) joinWith(name string, features protocol.Features) *player {
	h.t.Helper()
	h.joins++
	reservation := fmt.Sprintf("r%d-%s", h.joins, name)
	slots, err := h.reserve(Request{Player: name, Name: name, Team: -1, Reservation: reservation, Queue: h.m.cfg.Queue})
	if err != nil {
		h.t.Fatalf("reserving a seat for %s: %v", name, err)
	}
	return h.claim(slots[0], name, reservation, features)
}

func (h *harness) claim(slot game.Slot, name, reservation string, features protocol.Features) *player {
	p := &player{t: h.t, conn: newTestConn(), roster: map[game.Slot]protocol.RosterEntry{}}
	h.d.Claim(p.conn.server, features, slot, name, reservation)
	h.tick(1)
	p.read()
	return p
}

func (h *harness) resume(old *player, event uint32) *player {
	p := &player{t: h.t, conn: newTestConn(), roster: map[game.Slot]protocol.RosterEntry{}}
	h.d.Resume(p.conn.server, 0, old.welcome.Slot, secretOf(old), event)
	h.tick(1)
	p.read()
	return p
}

// secretOf is the part of a resume token behind the match and the slot.
func secretOf(p *player) string { return strings.SplitN(p.welcome.Resume, ".", 3)[2] }

// read takes every frame that was written; each snapshot's hash is checked.
func (p *player) read() {
	p.t.Helper()
	p.receive(p.conn.Received())
}

func (p *player) receive(b []byte) {
	p.t.Helper()
	for len(b) > 0 {
		size, head := int(b[1]), 2
		if b[1] == 126 {
			size, head = int(b[2])<<8|int(b[3]), 4
		}
		if b[0]&0xf == 9 {
			p.pings++
		} else {
			p.message(b[head : head+size])
		}
		b = b[head+size:]
	}
}

func (p *player) message(b []byte) {
	p.t.Helper()
	kind, err := protocol.Type(b)
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatalf("message %d: %v", kind, err)
		}
	}
	must(err)
	switch kind {
	case protocol.TypeWelcome:
		p.welcome, err = protocol.ParseWelcome(b)
		must(err)
		p.replica = protocol.NewReplica(p.welcome.Schema)
	case protocol.TypeSnapshot:
		must(protocol.ParseSnapshot(b, &p.last))
		must(p.replica.Apply(&p.last))
		p.frames++
		if got := p.replica.Hash(); got != p.last.Hash {
			p.t.Fatalf("tick %d: the client's state has hash %08x, the server says %08x", p.last.Tick, got, p.last.Hash)
		}
		p.takeEvents()
	case protocol.TypeRoster:
		r, err := protocol.ParseRoster(b)
		must(err)
		for _, e := range r.Entries {
			p.roster[e.Slot] = e
			if e.Flags&protocol.RosterGone != 0 {
				delete(p.roster, e.Slot)
			}
		}
	case protocol.TypePong:
		p.pongs++
	case protocol.TypeReply:
		r, err := protocol.ParseReply(b)
		must(err)
		p.replies = append(p.replies, r)
	case protocol.TypeNotice:
		n, err := protocol.ParseNotice(b)
		must(err)
		p.notices = append(p.notices, n)
	case protocol.TypeChat:
		c, err := protocol.ParseChat(b)
		must(err)
		p.chats = append(p.chats, c)
	case protocol.TypeResult:
		r, err := protocol.ParseResult(b)
		must(err)
		p.results = append(p.results, r)
		p.eventsAtResult, p.framesAtResult = len(p.events), p.frames
	}
}

func (p *player) takeEvents() {
	r := p.last.EventReader()
	var ev protocol.Event
	for r.Next(&ev) {
		words := ev.Words.Reader()
		p.events = append(p.events, words.Int())
	}
}

func (p *player) input(seq, tick uint32, dx int32) {
	p.conn.Send(protocol.AppendInput(nil, protocol.InputHeader{Seq: seq, Tick: tick}, []uint32{uint32(dx)}))
}

// speak says something that has no effect.
func (p *player) speak(now int64) {
	p.conn.Send(protocol.AppendSay(nil, &protocol.Say{}))
}

func (p *player) command(id uint32, name string, args ...int32) {
	p.conn.Send(protocol.AppendCommand(nil, &protocol.Command{ID: id, Name: name, Args: args}))
}

func (p *player) x() int32 { return int32(p.replica.Row(0, int(p.welcome.Slot))[0]) }

func (h *harness) want(what string, ok bool) {
	h.t.Helper()
	if !ok {
		h.t.Errorf("want %s", what)
	}
}

func TestJoinGetsWelcomeRosterAndKeyframe(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.want("a keyframe", a.last.Flags&protocol.FlagKeyframe != 0)
	h.want("ann in the roster", a.roster[0].Name == "ann" && a.roster[0].Flags == protocol.RosterConnected)
	b := h.join("bob")
	a.read()
	h.want("ann sees bob", a.roster[1].Name == "bob" && a.replica.Alive(0, 1))
	h.want("bob has slot 1", b.welcome.Slot == 1 && b.welcome.Rate == 20 && b.welcome.Game == "units")
	h.tick(3)
	a.read()
	h.want("differences after the keyframe", a.last.Flags&protocol.FlagDiff != 0 && a.last.Gap == 1)
	h.want("the server to know who sits where", fmt.Sprint(h.seats) == "[ann bob]")
}

func TestInputsCountAtTheirTick(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	now := a.last.Tick
	a.input(1, now+3, 5)
	h.tick(1)
	a.read()
	h.want("slack 3 for an input three ticks early", a.last.Slack == 3 && a.x() == 0 && a.last.Ack == 0)
	h.tick(2)
	a.read()
	h.want("the input applied at its tick and acknowledged", a.x() == 5 && a.last.Ack == 1)
	h.tick(1)
	a.read()
	h.want("the last input kept", a.x() == 10)
	a.input(2, uint32(h.m.sim.Tick()), 9) // its tick has just been stepped
	h.tick(1)
	a.read()
	h.want("slack -1 for an input one tick late", a.last.Slack == -1 && a.x() == 15)
	a.input(2, now, 9)      // long past
	a.input(3, now+1000, 9) // far future
	a.input(4, now+6, 11)   // out of range
	a.input(5, now+6, 0)    // fine
	h.tick(1)
	a.read()
	h.want("only the fine one applied", a.x() == 15 && a.last.Ack == 5)
}

func TestDroppedSeatWaitsAndComesBack(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.input(1, a.last.Tick+2, 3)
	h.tick(4)
	a.read()
	seen := a.replica.EventSeq()
	a.conn.Lose(errors.New("connection reset"))
	h.tick(1)
	x := a.x()
	b.command(0, "boom", 7)
	h.tick(20)
	b.read()
	h.want("bob sees ann away", b.roster[0].Flags == 0)
	h.want("an absent player's controls let go", int32(b.replica.Row(0, 0)[0]) <= x+3)
	back := h.resume(a, seen)
	h.want("the same slot", back.welcome.Slot == 0 && back.welcome.Resumed)
	h.want("a keyframe", back.last.Flags&protocol.FlagKeyframe != 0)
	h.want("the event that was missed", fmt.Sprint(back.events) == "[7]")
	h.want("her own gold", back.replica.Row(0, 0)[2] == 100)
	lost := h.resume(a, seen)
	h.want("the token good again as long as nobody has spoken", lost.conn.code() == 0 && back.conn.code() == protocol.CloseReplaced)
	lost.input(1, lost.last.Tick+1, 0)
	h.tick(1)
	stale := h.resume(a, seen)
	h.want("a resume token that works once", stale.conn.code() == protocol.CloseUnknownSession)
}

func TestAResumeTokenIsGoodUntilANewerOneHasArrived(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.input(1, a.last.Tick+1, 0)
	h.tick(1)
	var arrived *player
	for n := range 4 {
		a.conn.Lose(errors.New("connection reset"))
		h.tick(1)
		arrived = h.resume(a, 0)
		h.want(fmt.Sprintf("ann back, though %d welcomes did not arrive", n), arrived.conn.code() == 0 && arrived.welcome.Resumed)
	}
	arrived.input(1, arrived.last.Tick+1, 0)
	h.tick(1)
	h.want("no earlier one when the newest has", h.resume(a, 0).conn.code() == protocol.CloseUnknownSession)
	secret := secretOf(arrived)
	arrived.bye()
	h.tick(1)
	h.join("bob")
	h.want("none for the next player's seat", arrived.welcome.Slot == 0 && h.resume(a, 0).conn.code() == protocol.CloseUnknownSession)
	conn := newTestConn()
	h.d.Resume(conn.server, 0, 0, secret, 0)
	h.tick(1)
	h.want("nor the newest", conn.code() == protocol.CloseUnknownSession)
}

func TestSeatOfWhoStaysAwayIsFreed(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	a, b := h.join("ann"), h.join("bob")
	a.conn.Lose(errors.New("gone"))
	for range 31 * 20 {
		b.input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 0)
		h.tick(1)
	}
	b.read()
	h.want("ann out of the roster and the world", len(b.roster) == 1 && !b.replica.Alive(0, 0))
	late := h.resume(a, 0)
	h.want("unknown_session", late.conn.code() == protocol.CloseUnknownSession)
	h.want("the seat to be taken again", h.join("cleo").welcome.Slot == 0)
}

func TestSecondLoginReplacesTheFirst(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.input(1, a.last.Tick+1, 4)
	h.tick(1)
	again := h.join("ann")
	h.want("the old connection closed with replaced", a.conn.code() == protocol.CloseReplaced)
	h.want("the same seat, with its state", again.welcome.Slot == 0 && again.welcome.Resumed && again.x() > 0)
	h.want("one person in the match", h.d.Status().People == 1)
}

func TestTokensAreGoodOnce(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	used, other, forged := newTestConn(), newTestConn(), newTestConn()
	h.d.Claim(used.server, 0, 0, "ann", "r1-ann")
	h.d.Claim(forged.server, 0, 3, "bob", "r-bob")
	slots, err := h.reserve(Request{Player: "cleo", Team: -1, Reservation: "r-cleo"})
	if err != nil {
		t.Fatal(err)
	}
	h.d.Claim(other.server, 0, slots[0], "dora", "r-cleo")
	h.tick(1)
	h.want("token_used", used.code() == protocol.CloseTokenUsed)
	h.want("a token without a reservation refused", forged.code() == protocol.CloseTokenExpired)
	h.want("a token of somebody else refused", other.code() == protocol.CloseTokenExpired)
	late := newTestConn()
	h.tick(16 * 20)
	h.d.Claim(late.server, 0, slots[0], "cleo", "r-cleo")
	h.tick(1)
	h.want("a seat not claimed in time free again", late.code() == protocol.CloseTokenExpired && h.d.Status().People == 1)
}

func TestReservationsAreAllOrNone(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 3})
	h.join("ann")
	_, err := h.reserve(Request{Player: "b", Reservation: "1"}, Request{Player: "c", Reservation: "2"}, Request{Player: "d", Reservation: "3"})
	h.want("full", errors.Is(err, ErrFull))
	h.want("nothing kept of it", h.d.Status().People == 1)
	slots, err := h.reserve(Request{Player: "b", Reservation: "4"}, Request{Player: "c", Reservation: "5"})
	h.want("both seats", err == nil && len(slots) == 2 && !h.d.Status().Open)
	h.d.Release([]string{"4", "5"})
	h.tick(1)
	h.want("released seats free", h.d.Status().People == 1 && h.d.Status().Open)
}

func TestSlowClientGetsTheNewestStateInOneFrame(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.conn.Block(true)
	for range 100 {
		b.input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1)
		h.tick(1)
	}
	b.command(0, "boom", 3)
	h.tick(1)
	a.read()
	frames := a.frames
	a.conn.Block(false)
	h.tick(1)
	a.read()
	b.read()
	h.want("one frame", a.frames == frames+1)
	h.want("with the newest state", a.last.Tick == b.last.Tick && a.replica.Row(0, 1)[0] == b.replica.Row(0, 1)[0])
	h.want("and what happened meanwhile", fmt.Sprint(a.events) == "[3]")
	h.want("nothing of it felt by bob", b.frames >= 101)
}

// TestStoppedClientGetsNoBacklog: a player whose inputs stop (his process was
// stopped) is not sent what his kernel would hoard; the newest state waits for
// him in one frame.
func TestStoppedClientGetsNoBacklog(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	idle := h.join("cleo") // never sends a thing, and is sent everything
	play := func(p *player) { p.input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1) }
	for range 40 {
		play(a)
		play(b)
		h.tick(1)
	}
	for range 8 * 20 {
		play(b)
		h.tick(1)
	}
	a.read()
	behind := a.frames
	play(a)
	h.tick(1)
	for _, p := range []*player{a, b, idle} {
		p.read()
	}
	h.want("at most a second of snapshots for the stopped client", behind <= 2+40+22+2)
	h.want("one frame to the newest state", a.frames == behind+1 && a.last.Tick == b.last.Tick)
	h.want("a silent spectator to get every snapshot", idle.frames > 200)
}

func TestWhoNeverReadsIsClosedAsSlow(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, _ := h.join("ann"), h.join("bob")
	a.conn.Block(true)
	h.tick(11 * 20)
	h.want("slow", a.conn.code() == protocol.CloseSlow)
}

func TestQuietMatchRestsUntilSomebodySpeaks(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	h.tick(8 * 20)
	a.read()
	b.read()
	h.want("hardly a frame for players to whom nothing happens", a.frames < 30 && b.frames < 30)
	h.want("ten ticks a second", h.m.pacer.interval() == lookPeriod)
	a.input(1, uint32(h.m.sim.Tick())+1, 4)
	h.tick(1)
	b.read()
	a.read()
	h.want("the full rate again", h.m.pacer.interval() == period)
	h.want("what happened, as a difference to the last frame", b.last.Flags&protocol.FlagDiff != 0 && b.last.Gap > 1 && int32(b.replica.Row(0, 0)[0]) == 4)
	h.tick(20)
	b.read()
	h.want("every tick told while ann moves", b.last.Tick == uint32(h.m.sim.Tick()))
}

func TestHalfOpenPeerIsPingedThenClosed(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.tick(15 * 20)
	a.read()
	h.want("a ping after ten silent seconds", a.pings > 0 && a.conn.code() == 0)
	h.tick(16 * 20)
	h.want("idle after thirty", a.conn.code() == protocol.CloseIdle)
}

func TestAbuseClosesWithProtocol(t *testing.T) {
	for name, send := range map[string]func(p *player, tick uint32){
		"a flood": func(p *player, tick uint32) {
			for i := range uint32(400) {
				p.input(i+1, tick+1, 0)
			}
		},
		"invalid inputs": func(p *player, tick uint32) {
			for i := range uint32(40) {
				p.input(i+1, tick+1, 99)
			}
		},
		"a server message": func(p *player, _ uint32) { p.conn.Send([]byte{0x92, 17, 1}) },
		"garbage":          func(p *player, _ uint32) { p.conn.Send([]byte{0xc1, 0xff}) },
	} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		a, b := h.join("ann"), h.join("bob")
		send(a, a.last.Tick)
		h.tick(1)
		b.read()
		h.want(name+" closed as protocol", a.conn.code() == protocol.CloseProtocol)
		h.want("bob to go on", b.conn.code() == 0 && b.last.Tick == uint32(h.m.sim.Tick()))
	}
}

func TestBotsFillAndGiveWay(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4, Teams: 2})
	h.tick(30)
	_, bots := h.count()
	h.want("nobody playing before the first person", bots == 0)
	a := h.join("ann")
	h.tick(3)
	people, bots := h.count()
	h.want("three bots with her", people == 1 && bots == 3)
	b := h.join("bob")
	people, bots = h.count()
	h.want("a bot gave way", people == 2 && bots == 2)
	h.want("people spread over the teams", h.m.seating.Team(a.welcome.Slot) != h.m.seating.Team(b.welcome.Slot))
	sides := map[int32]int{}
	for p := range h.m.players {
		sides[h.m.seating.Team(game.Slot(p))]++
	}
	h.want("teams of two", sides[0] == 2 && sides[1] == 2)
	b.conn.Send(protocol.AppendBye(nil))
	h.tick(5)
	people, bots = h.count()
	h.want("a bot back for who left", people == 1 && bots == 3 && b.conn.code() == protocol.CloseLeft)
}

func TestNoTwoNamesLookTheSame(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 30, Fill: 30})
	names := func(want ...string) {
		t.Helper()
		slots := map[string]bool{}
		for p := range h.m.players {
			if e, taken := h.m.rosterEntry(game.Slot(p)); taken {
				slots[e.Name] = true
			}
		}
		for _, name := range want {
			if !slots[name] {
				t.Errorf("%q is not in %v", name, slots)
			}
		}
		if people, bots := h.count(); len(slots) != people+bots {
			t.Errorf("%d names of %d people and %d bots: %v", len(slots), people, bots, slots)
		}
	}
	seat := func(player, name string) *player {
		t.Helper()
		slots, err := h.reserve(Request{Player: player, Name: name, Team: -1, Reservation: "r-" + player})
		if err != nil {
			t.Fatal(err)
		}
		return h.claim(slots[0], player, "r-"+player, 0)
	}
	seat("p1", "Ann")
	h.tick(30)
	p2 := seat("p2", "Аnn") // a Cyrillic А
	seat("p3", "ANN")
	seat("p4", "Tempo")     // a bot's
	seat("p5", "Allegro 2") // the bot's of the 25th slot
	seat("p6", "")
	h.tick(3)
	names("Ann", "Аnn 2", "ANN 3", "Tempo 2", "Allegro 2 2", "")
	if again, err := h.reserve(Request{Player: "p2", Name: "Bob", Team: -1, Reservation: "again"}); err != nil || again[0] != p2.welcome.Slot {
		t.Fatal(again, err)
	}
	p2 = h.claim(p2.welcome.Slot, "p2", "again", 0)
	names("Аnn 2") // who comes back keeps the name
	p2.conn.Send(protocol.AppendBye(nil))
	h.tick(5)
	seat("p7", "ann")
	names("Ann", "ann 2", "ANN 3") // the number is free again
}

func TestPanicEndsOnlyItsMatch(t *testing.T) {
	h, other := newHarness(t, game.Mode{MaxPlayers: 4}), newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), other.join("bob")
	a.command(0, "explode")
	ctx := context.Background()
	h.run(ctx)
	h.want("game_error", a.conn.code() == protocol.CloseGameError)
	h.want("the log closed with the reason", h.log.lines[len(h.log.lines)-1] == "close game_error")
	h.want("the end reported", len(h.ended) == 1 && h.ended[0].Reason == EndError)
	other.tick(3)
	h.want("the other match to go on", b.conn.code() == 0)
	refused := newTestConn()
	h.d.Claim(refused.server, 0, 0, "ann", "x")
	h.want("nobody let in any more", refused.code() == protocol.CloseMatchOver)
}

func TestResultThenEnd(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 2})
	a := h.join("ann")
	a.command(0, "finish")
	h.tick(5)
	a.read()
	h.want("the result", len(a.results) == 1 && a.results[0].Over && len(a.results[0].Results) == 2 && a.results[0].Next == 1000)
	h.want("people's results reported", len(h.over) == 1 && h.over[0].Reason == EndOver && len(h.over[0].Results) == 1 && h.over[0].Results[0].Player == "ann")
	h.want("no new players", !h.d.Status().Open)
	_, err := h.reserve(Request{Player: "bob", Reservation: "r"})
	h.want("over", errors.Is(err, ErrOver))
	h.run(context.Background())
	h.want("match_over", a.conn.code() == protocol.CloseMatchOver)
	h.want("the end and no second result", len(h.ended) == 1 && h.ended[0].Reason == EndOver && len(h.over) == 1)
}

func TestAReservationThatIsMadeAgainHoldsItsSeatLonger(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	bob := func(id string) game.Slot {
		slots, err := h.reserve(Request{Player: "bob", Name: "bob", Team: -1, Reservation: id})
		if err != nil {
			t.Fatal(err)
		}
		return slots[0]
	}
	first := bob("r1")
	h.tick(int(10 * int64(time.Second) / period))
	h.want("the same seat", bob("r2") == first)
	h.tick(int(10 * int64(time.Second) / period)) // the first would have ended
	conn := newTestConn()
	h.m.Claim(h.m.shared.Now, conn.server, 0, first, "bob", "r2")
	h.want("bob seated", conn.code() == 0 && h.m.seating.Seat(first).State() == seating.Connected)
}

func TestWhoComesAfterTheEndIsToldTheResult(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	slots, err := h.reserve(Request{Player: "bob", Name: "bob", Team: -1, Reservation: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	a.command(0, "finish")
	h.tick(5)
	bob := &player{t: t, conn: newTestConn(), roster: map[game.Slot]protocol.RosterEntry{}}
	h.m.Claim(h.m.shared.Now, bob.conn.server, 0, slots[0], "bob", "bob")
	a.conn.Lose(errors.New("connection reset"))
	h.tick(2)
	ann := h.resume(a, 0)
	h.tick(1)
	for _, p := range []*player{bob, ann} {
		p.read()
		h.want("the result", len(p.results) == 1 && p.results[0].Over && p.results[0].Results[0].Name == "ann")
		h.want("a snapshot before it", p.framesAtResult > 0)
		h.want("the time that is left", p.results[0].Next > 0 && p.results[0].Next < 1000)
	}
}

func TestMatchWithAResultIsOverHoweverItEnds(t *testing.T) {
	for what, end := range map[string]func(h *harness, ann *player){
		"everybody leaves": func(h *harness, ann *player) {
			ann.conn.Send(protocol.AppendBye(nil))
			h.tick(5)
		},
		"the server stops": func(h *harness, _ *player) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			h.run(ctx)
		},
		"the rules fail": func(h *harness, ann *player) {
			ann.command(0, "explode")
			h.tick(5)
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 2})
			a := h.join("ann")
			a.command(0, "finish")
			h.tick(5)
			end(h, a)
			h.want("the match over", h.m.ended == EndOver)
			h.want("one result", len(h.over) == 1 && len(h.over[0].Results) == 1)
		})
	}
}

func TestMatchWithoutPeopleEnds(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4})
	h.run(context.Background())
	h.want("empty after two seconds", h.ended[0].Reason == EndEmpty && h.m.sim.Tick() >= 38 && h.m.sim.Tick() <= 44)
}

func TestRoomWaitsForItsFirstPlayer(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.d.WaitForPlayers(int64(10 * time.Second))
	h.tick(9 * 20)
	h.want("the room still open after nine seconds", h.m.ended == "")
	h.d.Release(nil)
	h.tick(1)
	h.want("the room closed when nobody will come", h.m.ended == EndEmpty)
	other := newHarness(t, game.Mode{MaxPlayers: 4})
	other.join("ann")
	other.d.Release(nil)
	other.tick(1)
	other.want("a match with people to go on", other.m.ended == "")
}

func TestCommandsChatAndPing(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.command(7, "boom", 5, 6)
	a.command(8, "nonsense")
	a.conn.Send(protocol.AppendSay(nil, &protocol.Say{Text: "hi"}))
	h.tick(1)
	a.read()
	b.read()
	h.want("an answer", fmt.Sprint(a.replies) == "[{7 true [5 6] } {8 false [] }]")
	h.want("the event for both", fmt.Sprint(a.events, b.events) == "[5] [5]")
	h.want("the chat for both", len(a.chats) == 1 && len(b.chats) == 1 && b.chats[0].Slot == 0 && b.chats[0].Text == "hi")
	h.want("commands in the log", h.log.has("command 0 boom [5 6]"))
}

func (p *player) say(text string, id uint32) {
	p.conn.Send(protocol.AppendSay(nil, &protocol.Say{Text: text, ID: id}))
}

func TestRefusalsHaveReasonsWhereTheClientReadsThem(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply|1<<7)
	if a.welcome.Features != protocol.FeatureReply {
		t.Errorf("features %v hold, want reply alone: nobody knows the other", a.welcome.Features.Names())
	}
	a.command(1, "nonsense")
	a.say("hi", 2)
	a.say("a\tb", 3)
	a.say(strings.Repeat("x", protocol.MaxChat+1), 4)
	a.say("", 5)
	for id := range uint32(5) {
		a.say("more", 6+id)
	}
	h.tick(1)
	a.read()
	want := "[{3 false [] bad_text} {4 false [] too_long} {5 false [] bad_text} {10 false [] busy}" +
		" {1 false [] refused} {2 true [] } {6 true [] } {7 true [] } {8 true [] } {9 true [] }]"
	if got := fmt.Sprint(a.replies); got != want {
		t.Errorf("replies %s\nwant %s", got, want)
	}
	h.want("five lines said, and the player still there", len(a.chats) == 5 && a.conn.code() == 0)
}

func TestChatIsCleaned(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply)
	a.say("g\u200bg  z\u0301\u0302\u0303\u0304\u0306 ❤\ufe0f\u3164", 1)
	a.say("\u3164\u200b", 2)
	h.tick(1)
	a.read()
	h.want("what can be shown", len(a.chats) == 1 && a.chats[0].Text == "gg ź\u0302\u0303\u0304 ❤\ufe0f")
	h.want("nothing, refused", fmt.Sprint(a.replies) == "[{2 false [] bad_text} {1 true [] }]")
}

func TestRefusedChatIsANoticeToOldClients(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.say("a\tb", 0)
	a.say("a\nb", 7)
	h.tick(1)
	a.read()
	h.want("one notice, no reply, and the seat", len(a.notices) == 1 && len(a.replies) == 0 && a.conn.code() == 0)
	h.tick(int(int64(5*time.Second) / period))
	a.say("a\tb", 0)
	h.tick(1)
	a.read()
	h.want("another notice five seconds later", len(a.notices) == 2)
}

func (r *recorder) has(line string) bool {
	for _, l := range r.lines {
		if l == line {
			return true
		}
	}
	return false
}

func TestTickDoesNotAllocate(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4})
	h.m.record = silent{}
	players := []*player{h.join("ann"), h.join("bob"), h.join("cleo")}
	frames := make([][]byte, len(players))
	for i := range players {
		frames[i] = make([]byte, 0, 64)
	}
	seq := uint32(0)
	tick := func() {
		seq++
		for i, p := range players {
			frames[i] = protocol.AppendInput(frames[i][:0], protocol.InputHeader{Seq: seq, Tick: uint32(h.m.sim.Tick()) + 2}, []uint32{seq % 10})
			p.conn.Send(frames[i])
			p.conn.Discard()
		}
		h.clock.now += period
		h.m.Tick(h.clock.now)
	}
	for range 100 {
		tick()
	}
	if n := testing.AllocsPerRun(400, tick); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}

type silent struct{}

func (silent) Checkpoint(*game.Simulation)                     {}
func (silent) Join(game.Slot, game.PlayerInfo, string, string) {}
func (silent) Leave(game.Slot, game.LeaveReason)               {}
func (silent) Command(game.Slot, string, []int32)              {}
func (silent) Input(game.Slot, int32, []uint32)                {}
func (silent) Tick(game.Tick, uint64)                          {}
func (silent) Close(string)                                    {}
