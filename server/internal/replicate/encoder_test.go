package replicate

import (
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// TestEncoder_everyHistoryConverges checks what clients rely on. The world
// changes at random; clients skip snapshots, resync and rejoin at random. Each
// snapshot that a client applies gives it exactly the state that the server
// says it may see.
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

// TestEncoder_changesTrackers checks that an encoder that serves two matches in
// turn writes the same bytes as encoders of their own, with interest too.
func TestEncoder_changesTrackers(t *testing.T) {
	fields := [2]*field{newField(t), newField(t)}
	var shared Encoder
	for n, f := range fields {
		f.world.change = func(w *fieldWorld) {
			if e, s := w.probes.Spawn(); s != nil {
				*s = probe{Pos: fixed.Vec{X: fixed.Num(int(e)%7) * fixed.One}, HP: int32(n) + 1, Slot: game.NoSlot}
			}
			for _, s := range w.probes.All() {
				s.Pos.X += fixed.One / 3
			}
		}
	}
	views := [2][2]View{}
	for tick := game.Tick(1); tick <= 12; tick++ {
		for n, f := range fields {
			f.sim.Step()
			f.tracker.CollectEvents(tick)
			f.tracker.BeginSnapshot(tick)
			var got [2][]byte
			for i, e := range [2]*Encoder{&f.encoder, &shared} {
				got[i] = encode(f.tracker, e, nil, &views[n][i], Header{Percent: 100})
				views[n][i].Sent(tick)
			}
			f.tracker.EndSnapshot()
			if string(got[0]) != string(got[1]) {
				t.Fatalf("tick %d, match %d: the shared encoder writes %x, want %x", tick, n, got[1], got[0])
			}
		}
	}
}

// TestEncoder_resetTwiceKeepsSnapshot checks that another Reset in the same
// snapshot does not drop what was encoded.
func TestEncoder_resetTwiceKeepsSnapshot(t *testing.T) {
	h := newHarness(t)
	h.sim.Step()
	h.tracker.CollectEvents(1)
	h.tracker.BeginSnapshot(1)
	h.encode(nil, &View{Slot: 1}, Header{Percent: 100})
	used := h.encoder.sections.used
	h.encoder.Reset(h.tracker)
	if used == 0 || h.encoder.sections.used != used {
		t.Errorf("%d cached sections after a second Reset, want %d and more than 0", h.encoder.sections.used, used)
	}
}
