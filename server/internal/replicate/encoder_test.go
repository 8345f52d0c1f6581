package replicate

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// The tests' game has a table of every kind the wire knows: public fields with
// and without quantisation, team and owner fields, rows that only an owner or a
// side knows of, a single row, and events for everyone, a side, and one player.

type ship struct {
	Pos    fixed.Vec   `tactus:"pos,q=8"`
	Angle  fixed.Angle `tactus:"lerp,q=4"`
	HP     int32
	Energy int32     `tactus:"team"`
	Vel    fixed.Vec `tactus:"owner"`
	Secret int32     `tactus:"server"`
	Slot   game.Slot `tactus:"slot"`
	Side   int32     `tactus:"side"`
}

type item struct {
	Kind int32     `tactus:"owner"`
	Slot game.Slot `tactus:"slot,owner"`
}

type order struct {
	What int32 `tactus:"team"`
	Side int32 `tactus:"side,team"`
}

type clock struct{ Left int32 }

type hidden struct {
	A int32 `tactus:"server"`
}

type bang struct {
	Pos   fixed.Vec `tactus:"pos"`
	Power int32
	Cause int32     `tactus:"owner"`
	Mates int32     `tactus:"team"`
	Slot  game.Slot `tactus:"slot"`
	Side  int32     `tactus:"side"`
}

type whisper struct {
	Slot game.Slot `tactus:"slot,owner"`
	Text int32     `tactus:"owner"`
}

const testSlots = 5

type testWorld struct {
	tables   *game.Tables
	ships    *game.Table[ship]
	items    *game.Table[item]
	orders   *game.Table[order]
	clock    *clock
	hidden   *game.Table[hidden]
	bangs    *game.Events[bang]
	whispers *game.Events[whisper]
	teams    [testSlots]int32
	change   func(*testWorld)
}

func (w *testWorld) Tables() *game.Tables              { return w.tables }
func (w *testWorld) Join(game.Slot, game.PlayerInfo)   {}
func (w *testWorld) Leave(game.Slot, game.LeaveReason) {}
func (w *testWorld) Step(game.Tick, *game.Inputs)      { w.change(w) }
func (w *testWorld) Outcome() (game.Outcome, bool)     { return game.Outcome{}, false }
func (w *testWorld) Team(p game.Slot) int32            { return w.teams[p] }

type testInput struct{ X int32 }

var input = game.DefineInput[testInput]()

type testGame struct{ world *testWorld }

func (g *testGame) Info() game.Info {
	return game.Info{Name: "test", Version: "1", Input: input.Schema(), Modes: []game.Mode{{Name: "m", MaxPlayers: testSlots}}}
}

func (g *testGame) NewWorld(game.MatchConfig) game.World {
	ts := game.NewTables()
	g.world = &testWorld{
		tables: ts,
		ships:  game.NewTable[ship](ts, "ship", 24),
		items:  game.NewTable[item](ts, "item", 16, game.Global),
		orders: game.NewTable[order](ts, "order", 8, game.Global),
		clock:  game.NewSingle[clock](ts, "clock"),
		hidden: game.NewTable[hidden](ts, "hidden", 4),
		bangs:  game.NewEvents[bang](ts, "bang", 16),
		change: func(*testWorld) {},
	}
	g.world.whispers = game.NewEvents[whisper](ts, "whisper", 16, game.Global)
	for p := range g.world.teams {
		g.world.teams[p] = int32(p % 2)
	}
	return g.world
}

// client is a player as the wire knows him: a replica behind a View.
type client struct {
	view    View
	replica *protocol.Replica
	skip    int
}

type harness struct {
	sim     *game.Simulation
	world   *testWorld
	tracker *Tracker
	encoder Encoder
	clients []*client
}

func newHarness(tb interface{ Fatal(args ...any) }) *harness {
	g := &testGame{}
	if err := game.Check(g); err != nil {
		tb.Fatal(err)
	}
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: g.Info().Modes[0], Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	h := &harness{sim: sim, world: g.world, tracker: NewTracker(sim)}
	for p := range testSlots {
		h.clients = append(h.clients, h.newClient(game.Slot(p)))
	}
	return h
}

func (h *harness) newClient(p game.Slot) *client {
	return &client{view: View{Slot: p, Event: h.tracker.LastEvent()}, replica: protocol.NewReplica(h.sim.Schema())}
}

// tick steps once and brings every client that does not skip to the new state.
func (h *harness) tick() error {
	h.sim.Step()
	t := h.sim.Tick()
	h.tracker.CollectEvents(t)
	h.tracker.BeginSnapshot(t)
	defer h.tracker.EndSnapshot()
	for _, c := range h.clients {
		if c.skip > 0 {
			c.skip--
			continue
		}
		if err := h.deliver(c); err != nil {
			return fmt.Errorf("tick %d, slot %d: %w", t, c.view.Slot, err)
		}
	}
	return nil
}

func (h *harness) encode(dst []byte, v *View, head Header) []byte {
	return encode(h.tracker, &h.encoder, dst, v, head)
}

// encode encodes one snapshot. Reset does nothing from the second of a tick on.
func encode(t *Tracker, e *Encoder, dst []byte, v *View, head Header) []byte {
	t.Prepare(v)
	e.Reset(t)
	return e.Encode(dst, v, head)
}

func (h *harness) deliver(c *client) error {
	frame := h.encode(nil, &c.view, Header{Hash: true, Percent: 100})
	c.view.Sent(h.sim.Tick())
	var s protocol.Snapshot
	if err := protocol.ParseSnapshot(frame, &s); err != nil {
		return err
	}
	if err := c.replica.Apply(&s); err != nil {
		return err
	}
	if got := c.replica.Hash(); got != s.Hash {
		return fmt.Errorf("client has %08x, the server says %08x (flags %d)", got, s.Hash, s.Flags)
	}
	return h.compare(c)
}

// compare checks every word of the replica against the world, by rules written
// down here once more, apart from the engine's.
func (h *harness) compare(c *client) error {
	p, side := c.view.Slot, h.world.teams[c.view.Slot]
	for i := range h.world.ships.Cap() {
		e, s := h.world.ships.At(i)
		if (s != nil) != c.replica.Alive(0, i) {
			return fmt.Errorf("ship %d: alive is %v in the replica", i, c.replica.Alive(0, i))
		}
		if s == nil {
			continue
		}
		want := *s
		want.Secret = 0
		if s.Slot != p {
			want.Pos.X, want.Pos.Y, want.Angle, want.Vel = s.Pos.X&^255, s.Pos.Y&^255, s.Angle&^15, fixed.Vec{}
		}
		if side < 0 || s.Side != side {
			want.Energy = 0
		}
		r := c.replica.Row(0, i)
		got := ship{
			Pos: fixed.Vec{X: fixed.Num(r[0]), Y: fixed.Num(r[1])}, Angle: fixed.Angle(r[2]), HP: int32(r[3]), Energy: int32(r[4]),
			Vel: fixed.Vec{X: fixed.Num(r[5]), Y: fixed.Num(r[6])}, Secret: int32(r[7]), Slot: game.Slot(r[8]), Side: int32(r[9]),
		}
		if got != want || c.replica.Entity(0, i) != e {
			return fmt.Errorf("ship %d: replica has %+v, want %+v", i, got, want)
		}
	}
	return h.comparePrivate(c, p, side)
}

func (h *harness) comparePrivate(c *client, p game.Slot, side int32) error {
	for i := range h.world.items.Cap() {
		_, it := h.world.items.At(i)
		mine := it != nil && it.Slot == p
		if mine != c.replica.Alive(1, i) || mine && c.replica.Row(1, i)[0] != uint32(it.Kind) {
			return fmt.Errorf("item %d of slot %d: in the replica %v", i, p, c.replica.Alive(1, i))
		}
	}
	for i := range h.world.orders.Cap() {
		_, o := h.world.orders.At(i)
		mine := o != nil && side >= 0 && o.Side == side
		if mine != c.replica.Alive(2, i) || mine && c.replica.Row(2, i)[0] != uint32(o.What) {
			return fmt.Errorf("order %d of side %d: in the replica %v", i, side, c.replica.Alive(2, i))
		}
	}
	if c.replica.Row(3, 0)[0] != uint32(h.world.clock.Left) {
		return fmt.Errorf("clock: %d", c.replica.Row(3, 0)[0])
	}
	if c.replica.Alive(4, 0) {
		return fmt.Errorf("a row for the server only reached a client")
	}
	return nil
}

// randomChange makes one random change of the world.
func randomChange(t *rapid.T) func(*testWorld) {
	kind := rapid.IntRange(0, 11).Draw(t, "kind")
	i := rapid.IntRange(0, 23).Draw(t, "row")
	v := rapid.Int32().Draw(t, "value")
	p := game.Slot(rapid.IntRange(0, testSlots).Draw(t, "slot")) // testSlots: nobody's
	side := int32(rapid.IntRange(-1, 2).Draw(t, "side"))
	return func(w *testWorld) {
		e, s := w.ships.At(i)
		switch kind {
		case 0, 1:
			if _, n := w.ships.Spawn(); n != nil {
				*n = ship{Pos: fixed.Vec{X: fixed.Num(v), Y: fixed.Num(-v)}, HP: v, Energy: v ^ 5, Vel: fixed.Vec{X: 3}, Secret: v, Slot: p, Side: side}
			}
		case 2:
			w.ships.Despawn(e)
		case 3:
			if s != nil {
				s.Pos.X += fixed.Num(v)
				s.Angle += fixed.Angle(v >> 20)
			}
		case 4:
			if s != nil {
				s.Pos.Y += fixed.Num(v >> 25)
				s.Vel.X = fixed.Num(v)
				s.Energy = v
			}
		case 5:
			if s != nil {
				s.Slot = p
			}
		case 6:
			if s != nil {
				s.Side, s.Secret = side, v
			}
		case 7:
			if _, it := w.items.Spawn(); it != nil {
				it.Slot, it.Kind = p, v
			}
		case 8:
			if e, it := w.items.At(i % 16); it != nil && v%3 == 0 {
				w.items.Despawn(e)
			} else if it != nil {
				it.Kind, it.Slot = v, p
			}
		case 9:
			if _, o := w.orders.At(i % 8); o != nil {
				o.What, o.Side = v, side
			} else if _, o := w.orders.Spawn(); o != nil {
				o.What, o.Side = v, side
			}
		case 10:
			w.clock.Left = v
			w.hidden.Spawn()
		case 11:
			w.teams[int(p)%testSlots] = side
		}
	}
}

// TestEncoder_everyHistoryConverges is what clients rely on: whatever the world does and
// however they skip, come late or start over, each frame they take brings them
// exactly to what the server says they may see.
func TestEncoder_everyHistoryConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(t)
		for range rapid.IntRange(1, 25).Draw(t, "ticks") {
			changes := rapid.SliceOfN(rapid.Custom(randomChange), 0, 8).Draw(t, "changes")
			h.world.change = func(w *testWorld) {
				for _, f := range changes {
					f(w)
				}
			}
			for p := range h.clients {
				switch rapid.IntRange(0, 9).Draw(t, "client") {
				case 0:
					h.clients[p].skip = rapid.IntRange(1, 6).Draw(t, "skip")
				case 1:
					h.clients[p].view.Baseline = 0 // resync
				case 2:
					h.clients[p] = h.newClient(game.Slot(p)) // rejoin
				}
			}
			if err := h.tick(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestEncoder_sendsOnlyVisibleFields(t *testing.T) {
	h := newHarness(t)
	const secret, mates, mine = 0x5EC0DE, 0x7EA8ED, 0x0B5E55
	h.world.change = func(w *testWorld) {
		_, s := w.ships.Spawn()
		*s = ship{Slot: 0, Side: 0, Secret: secret, Energy: mates, Vel: fixed.Vec{X: mine}}
	}
	h.sim.Step()
	h.tracker.CollectEvents(1)
	h.tracker.BeginSnapshot(1)
	for p, want := range [testSlots][3]bool{{false, true, true}, {}, {false, true, false}, {}, {false, true, false}} {
		v := View{Slot: game.Slot(p)}
		frame := h.encode(nil, &v, Header{Percent: 100})
		for k, value := range [3]int32{secret, mates, mine} {
			if got := contains(frame, protocol.AppendInt(nil, value)); got != want[k] {
				t.Errorf("slot %d: value %d in the bytes: %v, want %v", p, k, got, want[k])
			}
		}
	}
}

func contains(b, part []byte) bool {
	for i := 0; i+len(part) <= len(b); i++ {
		if string(b[i:i+len(part)]) == string(part) {
			return true
		}
	}
	return false
}

func TestEventLog_sendsOnlyVisibleEvents(t *testing.T) {
	h := newHarness(t)
	h.world.change = func(w *testWorld) {
		w.bangs.Emit(bang{Power: 1, Cause: 2, Mates: 3, Slot: 2, Side: 0})
		w.whispers.Emit(whisper{Slot: 3, Text: 9})
	}
	h.sim.Step()
	h.tracker.CollectEvents(1)
	h.tracker.BeginSnapshot(1)
	// power, cause, mates of the bang as each slot sees it; and the whisper.
	want := [testSlots][]int32{{1, 0, 3}, {1, 0, 0}, {1, 2, 3}, {1, 0, 0, 9}, {1, 0, 3}}
	for p := range want {
		var got []int32
		v := View{Slot: game.Slot(p)}
		for _, ev := range eventsOf(t, h.encode(nil, &v, Header{Percent: 100})) {
			switch ev.Table {
			case 0:
				got = append(got, ev.Words[2], ev.Words[3], ev.Words[4])
			case 1:
				got = append(got, ev.Words[1])
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want[p]) {
			t.Errorf("slot %d got %v, want %v", p, got, want[p])
		}
	}
}

// TestEventLog_skippedEventsFollow: a client that skips frames, or comes back, gets each
// event once and in order.
func TestEventLog_skippedEventsFollow(t *testing.T) {
	h := newHarness(t)
	n := int32(0)
	h.world.change = func(w *testWorld) {
		n++
		w.bangs.Emit(bang{Power: n, Slot: 4})
	}
	var got []int32
	v := View{Slot: 1}
	for tick := game.Tick(1); tick <= 600; tick++ {
		h.sim.Step()
		h.tracker.CollectEvents(tick)
		h.tracker.BeginSnapshot(tick)
		if tick%7 == 3 || tick > 590 || tick == 1 {
			for _, ev := range eventsOf(t, h.encode(nil, &v, Header{Percent: 100})) {
				got = append(got, ev.Words[2])
			}
			v.Sent(tick)
			if tick == 101 {
				v = View{Slot: 1, Event: v.Event} // a new connection
			}
		}
		h.tracker.EndSnapshot()
	}
	for i, power := range got {
		if power != int32(i)+1 {
			t.Fatalf("event %d has power %d", i, power)
		}
	}
	if len(got) != 600 {
		t.Errorf("%d events arrived, want 600", len(got))
	}
}

type receivedEvent struct {
	Table int
	Words []int32
}

func eventsOf(t *testing.T, frame []byte) (list []receivedEvent) {
	t.Helper()
	var s protocol.Snapshot
	if err := protocol.ParseSnapshot(frame, &s); err != nil {
		t.Fatal(err)
	}
	r := s.EventReader()
	var ev protocol.Event
	for r.Next(&ev) {
		c := receivedEvent{Table: ev.Table}
		for in := ev.Words.Reader(); in.Left() > 0; {
			c.Words = append(c.Words, in.Int())
		}
		list = append(list, c)
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return list
}

func TestEncoder_doesNotAllocate(t *testing.T) {
	h := newHarness(t)
	h.world.change = func(w *testWorld) {
		for w.ships.Len() < 20 {
			_, s := w.ships.Spawn()
			s.Slot, s.Side = game.Slot(w.ships.Len()%testSlots), int32(w.ships.Len()%2)
		}
		for _, s := range w.ships.All() {
			s.Pos.X += 300
			s.Angle += 77
			s.Vel.Y ^= 5
		}
		if e, s := w.ships.At(int(w.clock.Left) % 20); s != nil {
			w.ships.Despawn(e)
		}
		w.clock.Left++
		w.bangs.Emit(bang{Power: 1})
	}
	buf := make([]byte, 0, 1<<16)
	tick := func() {
		h.sim.Step()
		t := h.sim.Tick()
		h.tracker.CollectEvents(t)
		h.tracker.BeginSnapshot(t)
		for i, c := range h.clients {
			if i == 4 && t%8 != 0 {
				continue // one with an older baseline
			}
			h.encode(buf[:0], &c.view, Header{Hash: t%30 == 0, Percent: 100})
			c.view.Sent(t)
		}
		h.tracker.EndSnapshot()
	}
	for range 2 * maxEvents {
		tick() // buffers reach their size
	}
	if n := testing.AllocsPerRun(500, tick); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}

// TestEventLog_farBehindClientGetsNewestEvents: whoever missed more than is kept gets what
// is kept, in order, up to the newest.
func TestEventLog_farBehindClientGetsNewestEvents(t *testing.T) {
	h := newHarness(t)
	n := int32(0)
	h.world.change = func(w *testWorld) {
		for range 10 {
			n++
			w.bangs.Emit(bang{Power: n, Slot: 4})
		}
	}
	v := View{Slot: 1, Event: 5}
	var got []int32
	for tick := game.Tick(1); tick <= 520; tick++ {
		h.sim.Step()
		h.tracker.CollectEvents(tick)
		h.tracker.BeginSnapshot(tick)
		if tick > 500 {
			for _, ev := range eventsOf(t, h.encode(nil, &v, Header{Percent: 100})) {
				got = append(got, ev.Words[2])
			}
			v.Sent(tick)
		}
		h.tracker.EndSnapshot()
	}
	if len(got) < maxEvents-chunkEvents || got[len(got)-1] != n {
		t.Fatalf("%d events up to %d, want at least %d up to %d", len(got), got[len(got)-1], maxEvents-chunkEvents, n)
	}
	for i := 1; i < len(got); i++ {
		if got[i] != got[i-1]+1 {
			t.Fatalf("event %d follows %d", got[i], got[i-1])
		}
	}
}
