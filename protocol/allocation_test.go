package protocol_test

import (
	"runtime"
	"testing"

	"tactus/protocol"
)

// noAllocations fails when f allocates in steady state.
func noAllocations(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%s: %v allocations", what, n)
	}
}

func TestMessages_ofEveryTickDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	words := []uint32{1, 1 << 31, 300, 70000}
	input := protocol.AppendInput(nil, protocol.InputHeader{Seq: 9, Tick: 500, Lag: 3}, words)
	ping := protocol.AppendPing(nil, &protocol.Ping{Time: 5})
	pong := protocol.AppendPong(nil, &protocol.Pong{Time: 5, Tick: 6})
	reply := protocol.Reply{ID: 5, OK: true, Words: []int32{1, 2}}
	header := protocol.SnapshotHeader{Tick: 9, Gap: 1, Flags: protocol.FlagHash | protocol.FlagDilated}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	noAllocations(t, "AppendInput", func() { protocol.AppendInput(buf, protocol.InputHeader{Seq: 1, Tick: 2}, words) })
	noAllocations(t, "ParseInput", func() { _, err := protocol.ParseInput(input, words); must(err) })
	noAllocations(t, "Type", func() { _, err := protocol.Type(input); must(err) })
	noAllocations(t, "AppendPing", func() { protocol.AppendPing(buf, &protocol.Ping{Time: 9}) })
	noAllocations(t, "ParsePing", func() { _, err := protocol.ParsePing(ping); must(err) })
	noAllocations(t, "AppendPong", func() { protocol.AppendPong(buf, &protocol.Pong{Time: 9}) })
	noAllocations(t, "ParsePong", func() { _, err := protocol.ParsePong(pong); must(err) })
	noAllocations(t, "AppendReply", func() { protocol.AppendReply(buf, &reply) })
	noAllocations(t, "a snapshot", func() {
		out := protocol.AppendSnapshotHeader(buf, header)
		for range 4 {
			start := len(out)
			out = protocol.BeginSection(out)
			out = protocol.AppendInt(out, 70000)
			out = protocol.EndSection(out, start, 1)
		}
		out = protocol.AppendEvent(out, 1, 2, 0, words)
		protocol.AppendSnapshotTail(out, 1, 90, header.Flags)
	})
	noAllocations(t, "refusing an input", func() {
		if _, err := protocol.ParseInput(input[:5], words); err == nil {
			t.Fatal("half an input was taken")
		}
	})
}

func TestReplica_doesNotAllocate(t *testing.T) {
	messages := map[string][]byte{}
	for _, f := range sequences()[1].snapshots {
		messages[f.name] = f.bytes
	}
	keyframe, moves := messages["keyframe"], messages["everything moves a little, as differences"]
	replica := protocol.NewReplica(newTestWorld().schema())
	events := 0
	replica.OnEvent = func(*protocol.ReplicaEvent) { events++ }
	var s protocol.Snapshot
	follow := func() {
		for _, b := range [][]byte{keyframe, moves} {
			if err := protocol.ParseSnapshot(b, &s); err != nil {
				t.Fatal(err)
			}
			if err := replica.Apply(&s); err != nil {
				t.Fatal(err)
			}
			replica.Hash()
		}
	}
	noAllocations(t, "ParseSnapshot, Apply and Hash", follow)
	noAllocations(t, "ParseSnapshotHeader", func() {
		if _, err := protocol.ParseSnapshotHeader(moves); err != nil {
			t.Fatal(err)
		}
	})
	last := uint32(0)
	b := make([]byte, 0, 256)
	noAllocations(t, "an event", func() {
		last++
		b = protocol.AppendSnapshotHeader(b[:0], protocol.SnapshotHeader{Tick: 1, Flags: protocol.FlagKeyframe})
		b = protocol.AppendNil(protocol.AppendNil(protocol.AppendNil(b)))
		b = protocol.AppendEvent(protocol.AppendArray(b, 1), last, 1, 0, []uint32{1, 2, 3, 4})
		if err := protocol.ParseSnapshot(b, &s); err != nil {
			t.Fatal(err)
		}
		if err := replica.Apply(&s); err != nil {
			t.Fatal(err)
		}
	})
	if events == 0 {
		t.Error("no event was reported")
	}
}

// TestReader_doesNotTrustDeclaredLength makes sure that a few bytes can't make a
// parser allocate much.
func TestReader_doesNotTrustDeclaredLength(t *testing.T) {
	for _, v := range load[refusedVector](t, "refused.json") {
		b := unhex(t, v.Hex)
		parse := parsers[protocol.MessageType(v.Type)]
		const runs = 50
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if parse(b) == nil {
				t.Errorf("%s was taken", v.Name)
			}
		}
		runtime.ReadMemStats(&after)
		bytes := (after.TotalAlloc - before.TotalAlloc) / runs
		if bytes > uint64(4096+4*len(b)) {
			t.Errorf("%s: %d bytes allocated for %d", v.Name, bytes, len(b))
		}
	}
}
