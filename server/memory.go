package server

import (
	"runtime/debug"
	"runtime/metrics"
)

const (
	// calmChecks is the number of consecutive checks with little allocation before
	// memory is returned: two seconds.
	calmChecks = 8
	// calmGrowth is little allocation between two checks, in bytes.
	calmGrowth = 256 << 10
	// minReturned is the least that is worth a collection, in bytes.
	minReturned = 2 << 20
)

// memoryKeeper returns memory to the system after many players have joined. Joins
// make much garbage and ticks none: without it, a process would keep the garbage of
// the last joins. It is not safe for concurrent use; owned by watchOverload.
type memoryKeeper struct {
	samples []metrics.Sample
	last    heapState
	calm    int // consecutive checks
}

// heapState is the state of the heap, in bytes.
type heapState struct {
	objects uint64 // living or not
	live    uint64 // as of the last collection
	free    uint64 // unused, not returned to the system
}

func newMemoryKeeper() *memoryKeeper {
	return &memoryKeeper{samples: []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}}
}

// check returns memory to the system when it is due. It is called every
// overload.JudgeEvery.
func (k *memoryKeeper) check() {
	metrics.Read(k.samples)
	h := heapState{k.samples[0].Value.Uint64(), k.samples[1].Value.Uint64(), k.samples[2].Value.Uint64()}
	if k.due(h) {
		debug.FreeOSMemory()
	}
}

// due reports whether the process allocates little now and holds more than it needs.
func (k *memoryKeeper) due(h heapState) bool {
	grown := h.objects - min(h.objects, k.last.objects)
	k.last = h
	if k.calm++; grown > calmGrowth {
		k.calm = 0
	}
	garbage := h.objects - min(h.objects, h.live)
	return k.calm >= calmChecks && garbage+h.free >= max(minReturned, h.live/8)
}
