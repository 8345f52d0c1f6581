package protocol_test

import (
	"bytes"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/game"
	"tactus/protocol"
)

// seed adds every vector of the type, and whatever must be refused as one.
func seed(f *testing.F, kind protocol.MessageType) {
	f.Helper()
	for _, c := range messageCases() {
		if c.kind == kind {
			f.Add(c.bytes)
		}
	}
	for _, c := range refusedCases() {
		if c.kind == kind {
			f.Add(c.bytes)
		}
	}
}

// fuzz checks that a parser takes nothing that the library does not read as one
// array, and that what it takes reads the same once it was written again.
func fuzz[T any](f *testing.F, kind protocol.MessageType, appendTo func([]byte, *T) []byte, parse func([]byte) (T, error)) {
	f.Helper()
	seed(f, kind)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parse(b)
		if err != nil {
			return
		}
		isMessage(t, kind, b)
		first := appendTo(nil, &v)
		again, err := parse(first)
		if err != nil {
			t.Fatalf("% x was taken, but % x is not: %v", b, first, err)
		}
		if second := appendTo(nil, &again); !bytes.Equal(first, second) {
			t.Fatalf("written as % x, then as % x", first, second)
		}
	})
}

// isMessage fails unless the library agrees that b is one array of this type.
func isMessage(t *testing.T, kind protocol.MessageType, b []byte) {
	t.Helper()
	if got, err := protocol.Type(b); err != nil || got != kind {
		t.Fatalf("% x: type %d, %v", b, got, err)
	}
	in := bytes.NewReader(b)
	d := msgpack.NewDecoder(in)
	if _, err := d.DecodeArrayLen(); err != nil {
		t.Fatalf("% x: %v", b, err)
	}
	if got, err := d.DecodeUint64(); err != nil || got != uint64(kind) {
		t.Fatalf("% x: the library reads type %d, %v", b, got, err)
	}
}

func FuzzHello(f *testing.F) {
	fuzz(f, protocol.TypeHello, protocol.AppendHello, protocol.ParseHello)
}

func FuzzCommand(f *testing.F) {
	fuzz(f, protocol.TypeCommand, protocol.AppendCommand, protocol.ParseCommand)
}

func FuzzSay(f *testing.F) { fuzz(f, protocol.TypeSay, protocol.AppendSay, protocol.ParseSay) }

func FuzzPing(f *testing.F) { fuzz(f, protocol.TypePing, protocol.AppendPing, protocol.ParsePing) }

func FuzzPong(f *testing.F) { fuzz(f, protocol.TypePong, protocol.AppendPong, protocol.ParsePong) }

func FuzzWelcome(f *testing.F) {
	fuzz(f, protocol.TypeWelcome, protocol.AppendWelcome, protocol.ParseWelcome)
}

func FuzzRoster(f *testing.F) {
	fuzz(f, protocol.TypeRoster, protocol.AppendRoster, protocol.ParseRoster)
}

func FuzzReply(f *testing.F) { fuzz(f, protocol.TypeReply, protocol.AppendReply, protocol.ParseReply) }

func FuzzChat(f *testing.F) { fuzz(f, protocol.TypeChat, protocol.AppendChat, protocol.ParseChat) }

func FuzzResult(f *testing.F) {
	fuzz(f, protocol.TypeResult, protocol.AppendResult, protocol.ParseResult)
}

func FuzzNotice(f *testing.F) {
	fuzz(f, protocol.TypeNotice, protocol.AppendNotice, protocol.ParseNotice)
}

// FuzzEmpty is for the messages that hold nothing.
func FuzzEmpty(f *testing.F) {
	seed(f, protocol.TypeBye)
	seed(f, protocol.TypeResync)
	f.Fuzz(func(t *testing.T, b []byte) {
		if protocol.ParseBye(b) == nil {
			isMessage(t, protocol.TypeBye, b)
		}
		if protocol.ParseResync(b) == nil {
			isMessage(t, protocol.TypeResync, b)
		}
	})
}

func FuzzInput(f *testing.F) {
	seed(f, protocol.TypeInput)
	f.Fuzz(func(t *testing.T, b []byte) {
		words, again := make([]uint32, 4), make([]uint32, 4)
		h, err := protocol.ParseInput(b, words)
		if err != nil {
			return
		}
		isMessage(t, protocol.TypeInput, b)
		h2, err := protocol.ParseInput(protocol.AppendInput(nil, h, words), again)
		if err != nil || h2 != h || [4]uint32(words) != [4]uint32(again) {
			t.Fatalf("%+v %v, then %+v %v, %v", h, words, h2, again, err)
		}
	})
}

// FuzzSnapshot gives a replica a keyframe it knows and then whatever comes.
func FuzzSnapshot(f *testing.F) {
	schema := newTestWorld().schema()
	keyframes := map[int][]byte{}
	for i, s := range sequences()[1:] { // all but the duel play in the same world
		keyframes[i] = s.snapshots[0].bytes
		for _, snapshot := range s.snapshots {
			f.Add(i, snapshot.bytes)
		}
	}
	for _, c := range refusedCases() {
		if c.kind == protocol.TypeSnapshot {
			f.Add(0, c.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, start int, b []byte) {
		replica := protocol.NewReplica(schema)
		replica.OnEvent = func(e *protocol.ReplicaEvent) {
			if len(e.Words) != schema.Events[e.Table].Stride {
				t.Fatalf("event with %d words", len(e.Words))
			}
		}
		var s protocol.Snapshot
		if keyframe, ok := keyframes[start]; ok {
			if err := protocol.ParseSnapshot(keyframe, &s); err != nil {
				t.Fatal(err)
			}
			if err := replica.Apply(&s); err != nil {
				t.Fatal(err)
			}
		}
		if err := protocol.ParseSnapshot(b, &s); err != nil {
			return
		}
		isMessage(t, protocol.TypeSnapshot, b)
		if h, err := protocol.ParseSnapshotHeader(b); err != nil || h != s.SnapshotHeader {
			t.Fatalf("head %+v, %v; want %+v", h, err, s.SnapshotHeader)
		}
		// So that the sections are reached, whatever tick the bytes say.
		s.Gap = s.Tick - replica.Tick()
		if err := replica.Apply(&s); err == nil {
			checkReplica(t, replica)
		}
	})
}

// checkReplica fails when what a replica says of itself does not agree.
func checkReplica(t *testing.T, r *protocol.Replica) {
	t.Helper()
	for i := range r.Schema().Tables {
		count := 0
		for index := range r.High(i) {
			alive, row, entity := r.Alive(i, index), r.Row(i, index), r.Entity(i, index)
			if alive != (row != nil) || alive != (entity != game.NoEntity) || alive && entity.Index() != index {
				t.Fatalf("table %d, row %d: alive %v, entity %d, %d words", i, index, alive, entity, len(row))
			}
			if alive {
				count++
			}
		}
		if count != r.Len(i) || r.High(i) > r.Schema().Tables[i].Capacity {
			t.Fatalf("table %d: %d rows of %d, it says %d", i, count, r.High(i), r.Len(i))
		}
	}
	r.Hash()
}
