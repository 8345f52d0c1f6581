package session

import (
	"testing"

	"tactus/game"
	"tactus/protocol"
)

// TestInputBuffer_returnsInputsAtTheirTicks also while the ring grows
// under those that wait.
func TestInputBuffer_returnsInputsAtTheirTicks(t *testing.T) {
	var r inputBuffer
	const stride = 2
	type sent struct{ seq, value uint32 }
	want := map[game.Tick]sent{}
	seq := uint32(0)
	for current := game.Tick(100); current < 400; current++ {
		ahead := []game.Tick{1, 2, 4, 3, 1, protocol.MaxAheadTicks, 5, 2}[current%8]
		if current < 150 {
			ahead = min(ahead, 3)
		}
		seq++
		to := current + ahead
		if got := r.add(current, protocol.InputHeader{Seq: seq, Tick: uint32(to), Lag: 7}, []uint32{seq, seq * 3}); got != inputAccepted {
			t.Fatalf("an input %d ticks ahead: result %d", ahead, got)
		}
		want[to] = sent{seq, seq * 3}
		next := current + 1
		gotSeq, lag, words, ok := r.at(next, stride)
		w, due := want[next]
		if ok != due || ok && (gotSeq != w.seq || lag != 7 || words[0] != w.seq || words[1] != w.value) {
			t.Fatalf("tick %d: %v, seq %d, words %v; want %v, %+v", next, ok, gotSeq, words, due, w)
		}
	}
	if got := r.add(400, protocol.InputHeader{Seq: seq + 1, Tick: 400 + protocol.MaxAheadTicks + 1}, []uint32{1, 2}); got != inputEarly {
		t.Errorf("too far ahead: result %d", got)
	}
}
