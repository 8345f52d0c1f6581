package replicate

import (
	"fmt"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// The tests' game has a table of every kind: public fields with and without
// quantisation, team and owner fields, rows that only an owner or a team sees, a
// single row, and events for all players, a team and one player.

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

// client is a client as the protocol sees it: a replica behind a View.
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

// tick steps once and sends a snapshot to every client that does not skip.
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
		if err := h.send(c); err != nil {
			return fmt.Errorf("tick %d, slot %d: %w", t, c.view.Slot, err)
		}
	}
	return nil
}

func (h *harness) encode(dst []byte, v *View, head Header) []byte {
	return encode(h.tracker, &h.encoder, dst, v, head)
}

// encode encodes one snapshot. All but the first Reset in a tick do nothing.
func encode(t *Tracker, e *Encoder, dst []byte, v *View, head Header) []byte {
	t.Prepare(v)
	e.Reset(t)
	return e.Encode(dst, v, head)
}

func (h *harness) send(c *client) error {
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

// compare checks every word of the replica against the world. The rules of
// visibility are written here a second time, independent of the encoder's.
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
		return fmt.Errorf("a client received a row of the server")
	}
	return nil
}

// randomChange makes one random change of the world.
func randomChange(t *rapid.T) func(*testWorld) {
	kind := rapid.IntRange(0, 11).Draw(t, "kind")
	i := rapid.IntRange(0, 23).Draw(t, "row")
	v := rapid.Int32().Draw(t, "value")
	p := game.Slot(rapid.IntRange(0, testSlots).Draw(t, "slot")) // testSlots: no player
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
