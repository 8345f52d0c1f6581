package protocol_test

import (
	"testing"

	"tactus/protocol"
)

func BenchmarkAppendInput(b *testing.B) {
	b.ReportAllocs()
	buf, words := make([]byte, 0, 64), []uint32{65536, 1 << 31, 16384, 5}
	for i := range b.N {
		protocol.AppendInput(buf, protocol.InputHeader{Seq: uint32(i), Tick: uint32(i) + 2}, words)
	}
}

func BenchmarkParseInput(b *testing.B) {
	b.ReportAllocs()
	words := make([]uint32, 4)
	message := protocol.AppendInput(nil, protocol.InputHeader{Seq: 70000, Tick: 80000}, []uint32{65536, 1 << 31, 16384, 5})
	for range b.N {
		if _, err := protocol.ParseInput(message, words); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSnapshotHeader(b *testing.B) {
	b.ReportAllocs()
	message := sequences()[1].snapshots[1].bytes
	b.ResetTimer()
	for range b.N {
		if _, err := protocol.ParseSnapshotHeader(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplica_keyframeOfSeventyShips(b *testing.B) {
	b.ReportAllocs()
	all := sequences()
	crowd := all[len(all)-1]
	replica := protocol.NewReplica(crowd.schema)
	var s protocol.Snapshot
	b.SetBytes(int64(len(crowd.snapshots[0].bytes)))
	b.ResetTimer()
	for range b.N {
		if err := protocol.ParseSnapshot(crowd.snapshots[0].bytes, &s); err != nil {
			b.Fatal(err)
		}
		if err := replica.Apply(&s); err != nil {
			b.Fatal(err)
		}
	}
}
