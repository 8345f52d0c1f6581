package replicate

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// The tests' world is 64 by 64 metres in cells of 4. Each player has 10 metres
// around the viewpoint near and 18 metres far.

const (
	testNear = 10 * fixed.One
	testFar  = 18 * fixed.One
	testCell = 4 * fixed.One
	// fineCell makes a row of cells longer than a word of 64.
	fineCell = 3 * fixed.One / 4
)

type probe struct {
	Pos    fixed.Vec `tactus:"pos,q=6"`
	HP     int32
	Energy int32     `tactus:"team"`
	Vel    fixed.Num `tactus:"owner"`
	Slot   game.Slot `tactus:"slot"`
	Side   int32     `tactus:"side"`
}

type ping struct {
	Pos fixed.Vec `tactus:"pos"`
	N   int32
}

type fieldWorld struct {
	tables     *game.Tables
	probes     *game.Table[probe]
	stock      *game.Table[item]
	clock      *clock
	pings      *game.Events[ping]
	viewpoints [testSlots]fixed.Vec
	change     func(*fieldWorld)
	cell       fixed.Num
}

func (w *fieldWorld) Tables() *game.Tables              { return w.tables }
func (w *fieldWorld) Join(game.Slot, game.PlayerInfo)   {}
func (w *fieldWorld) Leave(game.Slot, game.LeaveReason) {}
func (w *fieldWorld) Step(game.Tick, *game.Inputs)      { w.change(w) }
func (w *fieldWorld) Outcome() (game.Outcome, bool)     { return game.Outcome{}, false }
func (w *fieldWorld) Team(p game.Slot) int32            { return int32(p % 2) }

func (w *fieldWorld) Interest() game.Interest {
	return game.Interest{Max: fixed.Vec{X: 64 * fixed.One, Y: 64 * fixed.One}, Cell: w.cell}
}

func (w *fieldWorld) View(p game.Slot) game.View {
	return game.View{Center: w.viewpoints[p], Near: testNear, Far: testFar}
}

type fieldGame struct {
	world *fieldWorld
	cell  fixed.Num
}

func (g *fieldGame) Info() game.Info {
	return game.Info{Name: "field", Version: "1", Input: input.Schema(), Modes: []game.Mode{{Name: "m", MaxPlayers: testSlots}}}
}

func (g *fieldGame) NewWorld(game.MatchConfig) game.World {
	ts := game.NewTables()
	g.world = &fieldWorld{
		tables: ts, probes: game.NewTable[probe](ts, "probe", 40), stock: game.NewTable[item](ts, "item", 8, game.Global),
		clock: game.NewSingle[clock](ts, "clock"), pings: game.NewEvents[ping](ts, "ping", 8),
		change: func(*fieldWorld) {}, cell: g.cell,
	}
	return g.world
}

type field struct {
	sim     *game.Simulation
	world   *fieldWorld
	tracker *Tracker
	encoder Encoder
	clients [testSlots]*client
}

func newField(tb interface{ Fatal(args ...any) }) *field { return newFieldOf(tb, testCell) }

func newFieldOf(tb interface{ Fatal(args ...any) }, cell fixed.Num) *field {
	g := &fieldGame{cell: cell}
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: g.Info().Modes[0], Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	f := &field{sim: sim, world: g.world, tracker: NewTracker(sim)}
	for p := range f.clients {
		f.clients[p] = f.newClient(game.Slot(p))
	}
	return f
}

func (f *field) newClient(p game.Slot) *client {
	return &client{view: View{Slot: p, Event: f.tracker.LastEvent()}, replica: protocol.NewReplica(f.sim.Schema())}
}

func (f *field) tick(hash bool) error {
	f.sim.Step()
	t := f.sim.Tick()
	f.tracker.CollectEvents(t)
	f.tracker.BeginSnapshot(t)
	defer f.tracker.EndSnapshot()
	for _, c := range f.clients {
		if c.skip > 0 {
			c.skip--
			continue
		}
		if err := f.send(c, hash); err != nil {
			return fmt.Errorf("tick %d, slot %d: %w", t, c.view.Slot, err)
		}
	}
	return nil
}

func (f *field) encode(dst []byte, v *View, head Header) []byte {
	return encode(f.tracker, &f.encoder, dst, v, head)
}

func (f *field) send(c *client, hash bool) error {
	frame := f.encode(nil, &c.view, Header{Hash: hash, Percent: 100})
	c.view.Sent(f.sim.Tick())
	var s protocol.Snapshot
	if err := protocol.ParseSnapshot(frame, &s); err != nil {
		return err
	}
	if err := c.replica.Apply(&s); err != nil {
		return err
	}
	if hash && c.replica.Hash() != s.Hash {
		return fmt.Errorf("client has %08x, the server says %08x (flags %d)", c.replica.Hash(), s.Hash, s.Flags)
	}
	return f.compare(c, hash || s.Flags&protocol.FlagKeyframe != 0)
}

// compare checks which rows the client must have, may have and must not have.
func (f *field) compare(c *client, exact bool) error {
	p := c.view.Slot
	viewpoint := f.world.viewpoints[p]
	for i := range f.world.probes.Cap() {
		e, s := f.world.probes.At(i)
		has := c.replica.Alive(0, i)
		if s == nil {
			if has {
				return fmt.Errorf("probe %d is gone, the client still has it", i)
			}
			continue
		}
		distance := s.Pos.Dist(viewpoint)
		own := s.Slot == p
		switch {
		case (own || distance <= testFar) && !has:
			return fmt.Errorf("probe %d at distance %d is missing", i, distance.Int())
		case !own && distance > testFar+3*testCell && has && !f.sharesCell(s, p):
			return fmt.Errorf("probe %d at distance %d is still there", i, distance.Int())
		case !has:
			continue
		}
		if exact || own || distance <= testNear {
			if err := f.compareRow(c, i, e, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// sharesCell reports whether a probe is in the same cell as one of the player's
// own, which is always visible.
func (f *field) sharesCell(s *probe, p game.Slot) bool {
	for _, o := range f.world.probes.All() {
		if c := f.world.cell; o.Slot == p && o.Pos.X/c == s.Pos.X/c && o.Pos.Y/c == s.Pos.Y/c {
			return true
		}
	}
	return false
}

func (f *field) compareRow(c *client, i int, e game.Entity, s *probe) error {
	want := *s
	if s.Slot != c.view.Slot {
		want.Pos.X, want.Pos.Y, want.Vel = s.Pos.X&^63, s.Pos.Y&^63, 0
	}
	if s.Side != f.world.Team(c.view.Slot) {
		want.Energy = 0
	}
	r := c.replica.Row(0, i)
	got := probe{
		Pos: fixed.Vec{X: fixed.Num(r[0]), Y: fixed.Num(r[1])}, HP: int32(r[2]), Energy: int32(r[3]),
		Vel: fixed.Num(r[4]), Slot: game.Slot(r[5]), Side: int32(r[6]),
	}
	if got != want || c.replica.Entity(0, i) != e {
		return fmt.Errorf("probe %d: client has %+v, want %+v", i, got, want)
	}
	return nil
}

// randomFieldChange makes one random change of the world.
func randomFieldChange(t *rapid.T) func(*fieldWorld) {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	i := rapid.IntRange(0, 39).Draw(t, "row")
	pos := fixed.Vec{
		X: fixed.Num(rapid.IntRange(0, 64<<16-1).Draw(t, "x")),
		Y: fixed.Num(rapid.IntRange(0, 64<<16-1).Draw(t, "y")),
	}
	p := game.Slot(rapid.IntRange(0, testSlots).Draw(t, "slot"))
	v := int32(rapid.IntRange(-99, 99).Draw(t, "value"))
	return func(w *fieldWorld) {
		e, s := w.probes.At(i)
		switch {
		case kind <= 1:
			if _, n := w.probes.Spawn(); n != nil {
				*n = probe{Pos: pos, HP: v, Energy: v, Vel: fixed.Num(v), Slot: p, Side: int32(p % 2)}
			}
		case kind == 2:
			w.probes.Despawn(e)
		case kind == 3 && s != nil:
			s.Pos = pos // anywhere
		case kind <= 5 && s != nil: // a step, often into the next cell
			s.Pos.X = fixed.Clamp(s.Pos.X+fixed.Num(v)*3000, 0, 64*fixed.One-1)
			s.Pos.Y = fixed.Clamp(s.Pos.Y-fixed.Num(v)*2000, 0, 64*fixed.One-1)
		case kind == 6 && s != nil:
			s.HP, s.Vel, s.Energy = v, fixed.Num(v), -v
		case kind == 7 && s != nil:
			s.Slot, s.Side = p, int32(p%2)
		case kind == 8:
			w.viewpoints[int(p)%testSlots] = pos
		case kind == 9:
			viewpoint := &w.viewpoints[int(p)%testSlots]
			viewpoint.X = fixed.Clamp(viewpoint.X+fixed.Num(v)*2000, 0, 64*fixed.One-1)
			w.clock.Left = v
		}
	}
}

// TestEncoder_everyViewConverges checks random worlds, viewpoints, skips and
// rejoins. Each client has near rows exactly and far rows after a while, no
// rows out of view, and its own rows always.
func TestEncoder_everyViewConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := fixed.Num(testCell)
		if rapid.IntRange(0, 7).Draw(t, "fine") == 0 {
			cell = fineCell
		}
		f := newFieldOf(t, cell)
		slowness := rapid.IntRange(0, 4).Draw(t, "slowness") // how often far cells are slow
		for range rapid.IntRange(1, 25).Draw(t, "ticks") {
			changes := rapid.SliceOfN(rapid.Custom(randomFieldChange), 0, 12).Draw(t, "changes")
			f.world.change = func(w *fieldWorld) {
				for _, change := range changes {
					change(w)
				}
			}
			for p := range f.clients {
				switch rapid.IntRange(0, 14).Draw(t, "client") {
				case 0:
					f.clients[p].skip = rapid.IntRange(1, 6).Draw(t, "skip")
				case 1:
					f.clients[p].view.Baseline = 0
				case 2:
					f.clients[p] = f.newClient(game.Slot(p))
				}
			}
			f.tracker.SlowFar(rapid.IntRange(0, 3).Draw(t, "slow") < slowness)
			if rapid.IntRange(0, 5).Draw(t, "quiet") == 0 { // a tick without a snapshot
				f.sim.Step()
				f.tracker.CollectEvents(f.sim.Tick())
				continue
			}
			if err := f.tick(rapid.IntRange(0, 3).Draw(t, "hash") == 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestEncoder_sendsNothingOutOfView searches snapshots for words that their
// player must not see.
func TestEncoder_sendsNothingOutOfView(t *testing.T) {
	f := newField(t)
	const marked = 0x3ADBEE
	f.world.change = func(w *fieldWorld) {
		if w.probes.Len() == 0 {
			_, s := w.probes.Spawn()
			*s = probe{Pos: fixed.Vec{X: 60 * fixed.One, Y: 60 * fixed.One}, Slot: 4}
			w.viewpoints[4] = s.Pos
		}
		_, s := w.probes.At(0)
		s.HP = marked + int32(w.clock.Left)<<24
		w.clock.Left++
		w.pings.Emit(ping{Pos: s.Pos, N: marked})
	}
	for range 10 {
		f.sim.Step()
		tick := f.sim.Tick()
		f.tracker.CollectEvents(tick)
		f.tracker.BeginSnapshot(tick)
		for p, want := range [testSlots]bool{4: true} {
			v := &f.clients[p].view
			frame := f.encode(nil, v, Header{Percent: 100})
			v.Sent(tick)
			if got := contains(frame, protocol.AppendInt(nil, marked)); got != want {
				t.Errorf("tick %d, slot %d: the event's word in the bytes: %v, want %v", tick, p, got, want)
			}
			var s protocol.Snapshot
			if err := protocol.ParseSnapshot(frame, &s); err != nil {
				t.Fatal(err)
			}
			if err := f.clients[p].replica.Apply(&s); err != nil || f.clients[p].replica.Alive(0, 0) != want {
				t.Errorf("tick %d, slot %d: the far probe is there: %v, want %v (%v)", tick, p, !want, want, err)
			}
		}
		f.tracker.EndSnapshot()
	}
}

// TestInterest_farCellsAreSentLessOften checks that a far row that changes all
// the time is sent in every fourth snapshot, and in every eighth under
// overload.
func TestInterest_farCellsAreSentLessOften(t *testing.T) {
	f := newField(t)
	f.world.change = func(w *fieldWorld) {
		if w.probes.Len() == 0 {
			_, near := w.probes.Spawn()
			*near = probe{Pos: fixed.Vec{X: 5 * fixed.One}, Slot: game.NoSlot}
			_, far := w.probes.Spawn()
			*far = probe{Pos: fixed.Vec{X: 17 * fixed.One}, Slot: game.NoSlot}
		}
		for _, s := range w.probes.All() {
			s.HP++
		}
	}
	last := [2]uint32{}
	for _, phase := range []struct {
		slow bool
		far  int
	}{{false, 10}, {true, 5}, {false, 10}} {
		f.tracker.SlowFar(phase.slow)
		sent := [2]int{}
		for range 40 {
			if err := f.tick(false); err != nil {
				t.Fatal(err)
			}
			for i := range sent {
				if hp := f.clients[0].replica.Row(0, i)[2]; hp != last[i] {
					sent[i]++
					last[i] = hp
				}
			}
		}
		if sent[0] != 40 || sent[1] < phase.far || sent[1] > phase.far+2 {
			t.Errorf("slow %v: in 40 snapshots the near row was sent %d times, the far one %d times; want 40 and about %d",
				phase.slow, sent[0], sent[1], phase.far)
		}
	}
}

// TestInterest_changeOfFarPeriodLosesNothing checks that a change long before a
// change of the period is sent after it.
func TestInterest_changeOfFarPeriodLosesNothing(t *testing.T) {
	for changedAt := range 3 * slowFarPeriod {
		for quickAt := changedAt; quickAt < changedAt+slowFarPeriod; quickAt++ {
			f := newField(t)
			step := 0
			f.world.change = func(w *fieldWorld) {
				if step == 0 {
					_, far := w.probes.Spawn()
					*far = probe{Pos: fixed.Vec{X: 17 * fixed.One}, Slot: game.NoSlot}
				}
				if step == slowFarPeriod+changedAt {
					_, far := w.probes.At(0)
					far.HP = 77
				}
			}
			for ; step < slowFarPeriod+changedAt+2*slowFarPeriod+1; step++ {
				f.tracker.SlowFar(step > 3 && step < slowFarPeriod+quickAt)
				if err := f.tick(false); err != nil {
					t.Fatal(err)
				}
			}
			if hp := f.clients[0].replica.Row(0, 0)[2]; hp != 77 {
				t.Fatalf("changed at %d, quick again at %d: the client has %d, want 77", changedAt, quickAt, hp)
			}
		}
	}
}

func TestEncoder_interestDoesNotAllocate(t *testing.T) {
	f := newField(t)
	f.world.change = func(w *fieldWorld) {
		for w.probes.Len() < 40 {
			n := fixed.Num(w.probes.Len())
			_, s := w.probes.Spawn()
			*s = probe{Pos: fixed.Vec{X: n * fixed.One * 3 / 2, Y: n * fixed.One}, Slot: game.Slot(n), Side: int32(n % 2)}
		}
		for _, s := range w.probes.All() {
			s.Pos.X = (s.Pos.X + 9000) % (64 * fixed.One)
			s.HP++
		}
		for p := range w.viewpoints {
			w.viewpoints[p].Y = (w.viewpoints[p].Y + 7000*fixed.Num(p)) % (64 * fixed.One)
		}
		w.pings.Emit(ping{})
	}
	buf := make([]byte, 0, 1<<16)
	tick := func() {
		f.sim.Step()
		t := f.sim.Tick()
		f.tracker.CollectEvents(t)
		f.tracker.BeginSnapshot(t)
		for _, c := range f.clients {
			f.encode(buf[:0], &c.view, Header{Hash: t%30 == 0, Percent: 100})
			c.view.Sent(t)
		}
		f.tracker.EndSnapshot()
	}
	for range 2 * maxEvents {
		tick()
	}
	if n := testing.AllocsPerRun(500, tick); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}

// TestInterest_viewIsDisc checks that exactly the cells that touch the disc
// around the viewpoint are visible, also in a grid whose rows are longer than a
// word.
func TestInterest_viewIsDisc(t *testing.T) {
	for _, cell := range []fixed.Num{testCell, fineCell} {
		x := newInterest(newFieldOf(t, cell).tracker.space)
		g := x.grid
		for _, viewpoint := range []fixed.Vec{
			{},
			{X: 64*fixed.One - 1, Y: 64*fixed.One - 1},
			{X: 48 * fixed.One, Y: 30 * fixed.One},
			{X: 47*fixed.One + 7, Y: 3},
			{X: -9 * fixed.One, Y: 20 * fixed.One},
		} {
			v := &View{Slot: game.NoSlot, state: newViewState()}
			v.state.viewpoint = game.View{Center: viewpoint, Near: testNear, Far: testFar}
			x.update(v, true)
			for row := range g.rows {
				for col := range g.cols {
					d := g.rowDistance2(viewpoint, row) + g.columnDistance2(viewpoint, col)
					at := row*g.words<<6 + col
					if x.isVisible(at) != (d <= square(testFar)) || x.now.near.has(at) != (d <= square(testNear)) {
						t.Fatalf("cells of %v, eye %v, cell %d/%d: seen %v, near %v", cell, viewpoint, col, row, x.isVisible(at), x.now.near.has(at))
					}
				}
			}
			total := 0
			for _, s := range v.state.next {
				if s.near&^s.all != 0 {
					t.Fatal("a near cell is not in view")
				}
				for word := s.all; word != 0; total++ {
					_, word = nextCell(s.at, word)
				}
			}
			if total == 0 {
				t.Errorf("cells of %v, eye %v: nothing is in view", cell, viewpoint)
			}
		}
	}
}

// TestInterest_viewsAreIndependent checks that update forgets the view before.
func TestInterest_viewsAreIndependent(t *testing.T) {
	x := newInterest(newField(t).tracker.space)
	updateAt := func(at fixed.Num) int32 {
		v := &View{Slot: game.NoSlot, state: newViewState()}
		v.state.viewpoint = game.View{Center: fixed.Vec{X: at, Y: at}, Near: testNear, Far: testFar}
		x.update(v, true)
		return x.grid.at(v.state.viewpoint.Center)
	}
	first := updateAt(8 * fixed.One)
	second := updateAt(56 * fixed.One)
	if x.isVisible(first) || x.now.near.has(first) || !x.isVisible(second) {
		t.Error("a view contains cells of the view before it")
	}
}
