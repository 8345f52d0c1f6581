package protocol_test

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// sent is one snapshot of a sequence, and what the viewer stores after it.
type sent struct {
	name    string
	bytes   []byte
	header  protocol.SnapshotHeader
	percent uint32
	hash    uint32
	events  []refEvent // those that are new to the viewer
	rows    [][]viewRow
}

// sequence is the snapshots that one viewer gets.
type sequence struct {
	name      string
	viewer    viewer
	schema    *game.Schema
	snapshots []sent
}

// moment is one step of a story: what happens, and how it is sent.
type moment struct {
	name    string
	happens func()
	gap     uint32 // ticks since the last snapshot
	ack     uint32
	slack   int32
	flags   protocol.SnapshotFlags
	percent uint32
	near    func(table, index int) bool
	events  []refEvent
	layouts [sections]layout
}

// stage is a world that a story plays in.
type stage struct {
	tables *game.Tables
	schema *game.Schema
}

// play plays a story to a viewer.
func play(name string, v viewer, on stage, story []moment) sequence {
	out := sequence{name: name, viewer: v, schema: on.schema}
	before, tick, newest := emptyState(on.schema), uint32(100), uint32(0)
	for _, m := range story {
		if m.happens != nil {
			m.happens()
		}
		tick += m.gap
		after := capture(on.tables, m.near)
		h := protocol.SnapshotHeader{Tick: tick, Gap: m.gap, Ack: m.ack, Slack: m.slack, Flags: m.flags}
		if m.flags&protocol.FlagKeyframe != 0 {
			h.Gap = 0
		}
		f := sent{
			name: m.name, header: h, percent: m.percent, hash: hashOf(on.schema, after, v),
			bytes: encodeSnapshot(on.schema, step{h, before, after, m.events, m.percent, m.layouts}, v),
		}
		if m.flags&protocol.FlagDilated == 0 {
			f.percent = 100
		}
		for _, e := range m.events {
			if e.seq > newest {
				f.events = append(f.events, e)
				newest = e.seq
			}
		}
		for i := range on.schema.Tables {
			f.rows = append(f.rows, viewOf(&on.schema.Tables[i], after[i], v))
		}
		out.snapshots = append(out.snapshots, f)
		before = after
	}
	return out
}

func vec(x, y int32) fixed.Vec { return fixed.Vec{X: fixed.Num(x), Y: fixed.Num(y)} }

// skirmish is a story with most of what can happen to rows that everyone sees.
func skirmish(w *testWorld) []moment {
	var first, second game.Entity
	spawn := func(s ship) game.Entity {
		e, row := w.ships.Spawn()
		*row = s
		return e
	}
	far := func(table, index int) bool { return table != 1 || index != 1 }
	return []moment{
		{
			name: "keyframe", gap: 1, flags: protocol.FlagKeyframe | protocol.FlagHash,
			happens: func() {
				*w.clock = clock{Phase: 1, Left: 5400}
				first = spawn(ship{
					Pos: vec(10<<16|0x1234, -5<<16|0x80), Angle: 16384 + 33, HP: 100, Pilot: 3, Side: 1,
					Energy: 50, Vel: vec(1, -1), Ammo: [3]int32{7, 0, -1}, Cooldown: 9,
				})
				second = spawn(ship{Pos: vec(-1, 1), Angle: 65535, HP: 80, Pilot: 9, Side: 0, Energy: 20})
				spawn(ship{Pos: vec(300000, 400000), HP: 60, Pilot: 4, Side: 1, Energy: 33, Vel: vec(5, 5)})
			},
		},
		{
			name: "everything moves a little, as differences", gap: 1, ack: 1, slack: 2, flags: protocol.FlagDiff,
			happens: func() {
				w.clock.Left--
				for _, s := range w.ships.All() {
					s.Pos.X += 700
					s.Pos.Y -= 3
					s.Angle += 5
					s.Vel.X++
				}
			},
		},
		{
			name: "the same as values, after a pause", gap: 5, ack: 4, slack: -3, flags: protocol.FlagHash,
			happens: func() {
				w.clock.Left -= 5
				for _, s := range w.ships.All() {
					s.Pos.X -= 70000
					s.Pos.Y += 99
					s.Energy++
				}
				w.ships.Get(first).Ammo[1] = 12
			},
		},
		{
			name: "one is shot and another comes in its place", gap: 1, ack: 5, slack: 1,
			flags: protocol.FlagDiff | protocol.FlagHash,
			happens: func() {
				w.ships.Despawn(second)
				spawn(ship{Pos: vec(1<<30, -1<<30), HP: 100, Pilot: 9, Side: 0, Energy: 1})
			},
			events: []refEvent{{1, 108, 0, []uint32{0xFFFFFFFF, 1, uint32(second), 80}}},
		},
		{
			name: "one leaves the view, the clock is slow", gap: 1, ack: 6, slack: 1, near: far, percent: 85,
			flags:  protocol.FlagDiff | protocol.FlagHash | protocol.FlagDilated,
			events: []refEvent{{1, 108, 0, []uint32{0xFFFFFFFF, 1, uint32(second), 80}}, {2, 109, 1, []uint32{3, 1<<31 | 5}}},
		},
		{
			name: "it comes back, and a ship changes its pilot", gap: 1, ack: 7, slack: 1,
			flags:   protocol.FlagDiff | protocol.FlagHash,
			happens: func() { w.ships.Get(first).Pilot = 9 },
		},
		{name: "nothing happens", gap: 1, ack: 8, slack: 1, flags: protocol.FlagDiff | protocol.FlagHash},
		{
			name: "words wrap around", gap: 1, ack: 9, slack: 1, flags: protocol.FlagDiff | protocol.FlagHash,
			happens: func() {
				s := w.ships.Get(first)
				s.HP = -1 << 31
				s.Pilot = 3
				w.clock.Phase = -1
			},
		},
		{
			name: "and back", gap: 1, ack: 9, slack: 0, flags: protocol.FlagDiff | protocol.FlagHash,
			happens: func() {
				s := w.ships.Get(first)
				s.HP = 1<<31 - 1
				s.Pos = vec(1<<31-1, -1<<31)
				s.Angle = 63
			},
		},
		{name: "keyframe again", gap: 3, ack: 9, flags: protocol.FlagKeyframe | protocol.FlagHash},
	}
}

// smuggling is a story about tables without public fields: one for the owner,
// one for the team.
func smuggling(w *testWorld) []moment {
	var load game.Entity
	const flags = protocol.FlagDiff | protocol.FlagHash
	return []moment{
		{
			name: "keyframe", gap: 1, flags: protocol.FlagKeyframe | protocol.FlagHash,
			happens: func() {
				e, c := w.cargo.Spawn()
				*c, load = cargo{Owner: 3, Weight: 10, Value: 1000}, e
				_, c = w.cargo.Spawn()
				*c = cargo{Owner: 4, Weight: 20, Value: 2000}
				_, c = w.cargo.Spawn()
				*c = cargo{Owner: 9, Weight: 30, Value: 3000}
				_, b := w.beacons.Spawn()
				*b = beacon{Side: 1, Pos: vec(1<<16, 2<<16)}
				_, b = w.beacons.Spawn()
				*b = beacon{Side: 0, Pos: vec(3<<16, 4<<16)}
			},
		},
		{name: "values change", gap: 1, flags: flags, happens: func() {
			for _, c := range w.cargo.All() {
				c.Value -= 7
				c.Weight += 200
			}
			for _, b := range w.beacons.All() {
				b.Pos.X += 70000
			}
		}},
		{name: "the load goes to a mate", gap: 1, flags: flags, happens: func() { w.cargo.Get(load).Owner = 4 }},
		{name: "and back", gap: 1, flags: flags, happens: func() { w.cargo.Get(load).Owner = 3 }},
		{name: "and to the other side", gap: 1, flags: flags, happens: func() { w.cargo.Get(load).Owner = 9 }},
		{name: "beacons change sides", gap: 1, flags: flags, happens: func() {
			for _, b := range w.beacons.All() {
				b.Side = 1 - b.Side
			}
		}},
		{name: "all is gone", gap: 1, flags: flags, happens: func() {
			for e := range w.cargo.All() {
				w.cargo.Despawn(e)
			}
			for e := range w.beacons.All() {
				w.beacons.Despawn(e)
			}
		}},
	}
}

// crowd is a story with sections of more than fifteen ints and rows far apart.
func crowd(w *testWorld) []moment {
	return []moment{
		{name: "keyframe", gap: 1, flags: protocol.FlagKeyframe, happens: func() {
			for i := range int32(70) {
				_, s := w.ships.Spawn()
				*s = ship{Pos: vec(i<<20, -i<<18), Angle: fixed.Angle(i * 900), HP: i, Pilot: game.Slot(i), Side: i & 1}
			}
		}},
		{name: "some go", gap: 1, flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
			for e := range w.ships.All() {
				if e.Index()%3 == 0 && e.Index() != 3 {
					w.ships.Despawn(e)
				}
			}
		}},
		{name: "some change in different ways", gap: 2, flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
			for e, s := range w.ships.All() {
				switch e.Index() % 4 {
				case 0:
					s.HP -= 200
				case 1:
					s.Pos.X += 12345
					s.Angle -= 100
				case 2:
					s.Energy = -9
				}
			}
		}},
	}
}

// convoy is a story that is told in cells: a block for each that a viewer sees.
func convoy(w *testWorld) []moment {
	const flags = protocol.FlagDiff | protocol.FlagHash
	four := layout{cells: 4}
	sail := func() {
		w.clock.Left--
		for e, s := range w.ships.All() {
			s.Pos.X += 900
			s.Angle++
			s.Energy -= int32(e.Index())
			s.Vel.Y += 70000
		}
	}
	in := func(public, private layout) [sections]layout { return [sections]layout{public, private, private} }
	return []moment{
		{name: "keyframe", gap: 1, flags: protocol.FlagKeyframe | protocol.FlagHash, layouts: in(four, layout{}), happens: func() {
			for i := range int32(9) {
				_, s := w.ships.Spawn()
				*s = ship{
					Pos: vec(i<<20|0x55, -i<<18|0x77), HP: 100, Pilot: game.Slot(i), Side: i & 1, Energy: 50, Ammo: [3]int32{i, 1, 2},
				}
			}
			_, b := w.beacons.Spawn()
			*b = beacon{Side: 1, Pos: vec(1, 2)}
		}},
		{name: "all cells move", gap: 1, flags: flags, layouts: in(four, layout{}), happens: sail},
		{
			name: "a cell comes as values among differences", gap: 1, flags: flags, happens: sail,
			layouts: in(layout{cells: 4, absolute: 1 << 1}, layout{}),
		},
		{
			name: "a cell is entered whose rows were still there", gap: 1, flags: flags, happens: sail,
			layouts: in(layout{cells: 4, again: 1 << 3}, layout{}),
		},
		{
			name: "one is sunk and replaced, its cell is entered", gap: 1, flags: flags,
			layouts: in(layout{cells: 4, again: 1 << 2, absolute: 1<<0 | 1<<2}, layout{}),
			happens: func() {
				sail()
				e, _ := w.ships.At(2)
				w.ships.Despawn(e)
				_, s := w.ships.Spawn()
				*s = ship{Pos: vec(-77, 1<<25), HP: 100, Pilot: 3, Side: 0, Energy: 9}
			},
		},
		{
			name: "private sections in blocks, too", gap: 1, flags: flags, happens: sail,
			layouts: in(layout{cells: 2, absolute: 1, again: 2}, layout{cells: 3, absolute: 1<<0 | 1<<2, again: 1 << 1}),
		},
		{
			name: "a pilot changes ships while its cell is entered", gap: 1, flags: flags,
			layouts: in(layout{cells: 4, again: 1<<0 | 1<<3}, layout{}),
			happens: func() {
				_, s := w.ships.At(4)
				_, other := w.ships.At(3)
				s.Pilot, other.Pilot = other.Pilot, s.Pilot
			},
		},
		{
			name: "values that say so twice", gap: 3, flags: protocol.FlagHash, happens: sail,
			layouts: in(layout{cells: 4, absolute: 1<<0 | 1<<3}, layout{cells: 1, absolute: 1}),
		},
	}
}

// duelShip is small enough for the worked example of docs/protocol.md.
type duelShip struct {
	Pos   fixed.Vec `tactus:"pos,q=8"`
	HP    int32
	Pilot game.Slot `tactus:"slot"`
	Ammo  int32     `tactus:"owner"`
}

type duelHit struct {
	Pos    fixed.Vec `tactus:"pos"`
	Damage int32
}

// duel is the worked example: the viewer has seat 3.
func duel() sequence {
	ts := game.NewTables()
	ships := game.NewTable[duelShip](ts, "ship", 8)
	game.NewEvents[duelHit](ts, "hit", 8)
	schema := &game.Schema{
		Game: "duel", Version: "1.0.0", Tables: []game.TableSchema{*ts.Tables()[0].Schema()},
		Events: []game.TableSchema{*ts.Events()[0].Schema()}, Input: controls.Schema().TableSchema,
	}
	var own, other game.Entity
	spawn := func(s duelShip) game.Entity {
		e, row := ships.Spawn()
		*row = s
		return e
	}
	return play("duel", viewer{3, -1}, stage{ts, schema}, []moment{
		{name: "keyframe", gap: 1, flags: protocol.FlagKeyframe, happens: func() {
			own = spawn(duelShip{Pos: vec(0x0A8007, 0x018020), HP: 100, Pilot: 3, Ammo: 5})
			other = spawn(duelShip{Pos: vec(0x14007F, -0x028000), HP: 80, Pilot: 4, Ammo: 9})
		}},
		{
			name: "delta", gap: 1, ack: 1, slack: 2, flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
				ships.Get(own).Pos.X += 0x0103
				ships.Get(own).Ammo--
				ships.Get(other).Pos.X -= 0x0280
				ships.Get(other).HP -= 25
			},
			events: []refEvent{{1, 102, 0, []uint32{0x140000, 0, 25}}},
		},
		{
			name: "born and removed", gap: 2, ack: 3, slack: 1, flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
				ships.Despawn(own)
				ships.Despawn(other)
				own = spawn(duelShip{Pos: vec(0x010000, 0x0100), HP: 100, Pilot: 3, Ammo: 5})
			},
		},
		{
			name: "two blocks", gap: 1, ack: 4, slack: 1, flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
				ships.Get(own).Pos.X += 0x0300
				other = spawn(duelShip{Pos: vec(0x020000, 0), HP: 100, Pilot: 4, Ammo: 9})
			},
			layouts: [sections]layout{{cells: 2}},
		},
		{
			name: "a block of values, and a row born again", gap: 1, ack: 5, slack: 1,
			flags: protocol.FlagDiff | protocol.FlagHash, happens: func() {
				ships.Get(own).HP -= 30
				ships.Get(other).Pos.X += 0x0100
			},
			layouts: [sections]layout{{cells: 2, absolute: 1 << 0, again: 1 << 1}},
		},
	})
}

// sequences are all stories, each as seen by those who see something else in it.
func sequences() []sequence {
	on := func(name string, v viewer, story func(w *testWorld) []moment) sequence {
		w := newTestWorld()
		return play(name, v, stage{w.tables, w.schema()}, story(w))
	}
	pilot, mate, enemy, watcher := viewer{3, 1}, viewer{4, 1}, viewer{9, 0}, viewer{game.NoSlot, -1}
	return []sequence{
		duel(),
		on("skirmish, seen by the pilot of a ship", pilot, skirmish),
		on("skirmish, seen by his mate", mate, skirmish),
		on("skirmish, seen by his enemy", enemy, skirmish),
		on("skirmish, seen by nobody in it", watcher, skirmish),
		on("smuggling, seen by the owner", pilot, smuggling),
		on("smuggling, seen by his mate", mate, smuggling),
		on("smuggling, seen by his enemy", enemy, smuggling),
		on("crowd, seen by one of it", pilot, crowd),
		on("convoy, seen by the pilot of a ship", pilot, convoy),
		on("convoy, seen by his mate", mate, convoy),
		on("convoy, seen by nobody in it", watcher, convoy),
	}
}
