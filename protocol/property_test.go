package protocol_test

import (
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// TestReplica_equalsViewersView plays random worlds to random viewers, with
// rows that come, go, change hands and leave the view, keyframes and pauses, and
// with sections that are laid out in all the ways that the contract allows.
func TestReplica_equalsViewersView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := newTestWorld()
		schema := world.schema()
		v := viewer{slot: game.Slot(rapid.IntRange(0, 3).Draw(t, "slot")), team: rapid.Int32Range(-1, 1).Draw(t, "team")}
		replica := protocol.NewReplica(schema)
		before, tick := emptyState(schema), uint32(0)
		for range rapid.IntRange(1, 20).Draw(t, "snapshots") {
			for range rapid.IntRange(0, 8).Draw(t, "changes") {
				change(t, world)
			}
			hidden := rapid.Uint64().Draw(t, "hidden")
			after := capture(world.tables, func(table, index int) bool {
				return table == 0 || hidden>>(uint(index)*7%64)&1 == 0
			})
			h := protocol.SnapshotHeader{Gap: rapid.Uint32Range(1, 90).Draw(t, "gap")}
			tick += h.Gap
			h.Tick = tick
			h.Flags = protocol.SnapshotFlags(rapid.IntRange(0, 3).Draw(t, "flags")) | protocol.FlagHash
			if tick == h.Gap || h.Flags&protocol.FlagKeyframe != 0 {
				h.Flags |= protocol.FlagKeyframe
				h.Gap = 0
			}
			layouts := [sections]layout{drawLayout(t, "public"), drawLayout(t, "team"), drawLayout(t, "own")}
			b := encodeSnapshot(schema, step{header: h, before: before, after: after, layouts: layouts}, v)
			var s protocol.Snapshot
			if err := protocol.ParseSnapshot(b, &s); err != nil {
				t.Fatal(err)
			}
			if err := replica.Apply(&s); err != nil {
				t.Fatal(err)
			}
			if replica.Hash() != s.Hash {
				t.Fatalf("hash %d, want %d", replica.Hash(), s.Hash)
			}
			for i := range schema.Tables {
				if got, want := rowsOf(replica, i), viewOf(&schema.Tables[i], after[i], v); !sameRows(got, want) {
					t.Fatalf("%s: %v, want %v", schema.Tables[i].Name, got, want)
				}
			}
			before = after
		}
	})
}

// drawLayout picks one of the ways in which a section can be written.
func drawLayout(t *rapid.T, section string) layout {
	return layout{
		cells:    rapid.IntRange(1, 4).Draw(t, section+" cells"),
		absolute: rapid.Uint32Range(0, 15).Draw(t, section+" absolute"),
		again:    rapid.Uint32Range(0, 15).Draw(t, section+" again"),
	}
}

// change does one thing to the world.
func change(t *rapid.T, w *testWorld) {
	slot := game.Slot(rapid.IntRange(0, 3).Draw(t, "owner"))
	side := rapid.Int32Range(-1, 1).Draw(t, "side")
	word := rapid.Int32().Draw(t, "word")
	pick := rapid.IntRange(0, 19).Draw(t, "row")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		if _, s := w.ships.Spawn(); s != nil {
			*s = ship{Pos: vec(word, -word), HP: word, Pilot: slot, Side: side, Energy: word, Ammo: [3]int32{0, word, 1}}
		}
	case 1:
		if _, c := w.cargo.Spawn(); c != nil {
			*c = cargo{Owner: slot, Weight: word, Value: -word}
		}
	case 2:
		if _, b := w.beacons.Spawn(); b != nil {
			*b = beacon{Side: side, Pos: vec(word, 7)}
		}
	case 3:
		if e, _ := w.ships.At(pick); e != game.NoEntity {
			w.ships.Despawn(e)
		}
	case 4:
		if e, _ := w.cargo.At(pick); e != game.NoEntity {
			w.cargo.Despawn(e)
		}
	case 5:
		if e, s := w.ships.At(pick); e != game.NoEntity {
			s.Pilot, s.Side = slot, side
		}
	case 6:
		if e, c := w.cargo.At(pick); e != game.NoEntity {
			c.Owner = slot
		}
	case 7:
		if e, b := w.beacons.At(pick % 8); e != game.NoEntity {
			b.Side = side
		}
	case 8:
		w.clock.Left, w.clock.Rand.S[0] = word, uint32(word)
	default:
		if e, s := w.ships.At(pick); e != game.NoEntity {
			s.Pos.X += fixed.Num(word >> 12)
			s.Angle = fixed.Angle(word)
			s.Energy, s.Vel.Y, s.Cooldown = side, fixed.Num(word), word
		}
	}
}
