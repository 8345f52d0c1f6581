package replicate

import (
	"fmt"
	"testing"

	"tactus/game"
	"tactus/protocol"
)

func TestEventLog_sendsOnlyVisibleEvents(t *testing.T) {
	h := newHarness(t)
	h.world.change = func(w *testWorld) {
		w.bangs.Emit(bang{Power: 1, Cause: 2, Mates: 3, Slot: 2, Side: 0})
		w.whispers.Emit(whisper{Slot: 3, Text: 9})
	}
	h.sim.Step()
	h.tracker.CollectEvents(1)
	h.tracker.BeginSnapshot(1)
	// Power, cause and mates of the bang as each slot sees it; then the whisper.
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

// TestEventLog_skippedEventsFollow checks that a client that skips snapshots or
// reconnects gets each event once and in order.
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

// TestEventLog_farBehindClientGetsNewestEvents checks that a client that missed
// more events than are kept gets all kept ones, in order.
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
