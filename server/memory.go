package server

import (
	"runtime/debug"
	"runtime/metrics"
)

const (
	// calmChecks is how many looks in a row have to find a process that allocates
	// next to nothing before memory is given back: two seconds.
	calmChecks = 8
	// calmGrowth is next to nothing between two looks, in bytes.
	calmGrowth = 256 << 10
	// minReturned is the least that is worth a collection, in bytes.
	minReturned = 2 << 20
)

// memoryKeeper gives memory back to the system after a rush. Ticks make no
// garbage, joins make a lot: without it a process that lets thousands in and then
// plays with them would hold the garbage of the last of them for good.
type memoryKeeper struct {
	samples []metrics.Sample
	last    heapState
	calm    int // looks in a row
}

// heapState is where the heap stands, in bytes.
type heapState struct {
	objects uint64 // living or not
	live    uint64 // as of the last collection
	free    uint64 // held from the system for nothing
}

func newMemoryKeeper() *memoryKeeper {
	return &memoryKeeper{samples: []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}}
}

// check gives memory back when the time has come; it is to be called every
// overload.JudgeEvery.
func (k *memoryKeeper) check() {
	metrics.Read(k.samples)
	h := heapState{k.samples[0].Value.Uint64(), k.samples[1].Value.Uint64(), k.samples[2].Value.Uint64()}
	if k.due(h) {
		debug.FreeOSMemory()
	}
}

// due reports whether the process has calmed down and holds more than it needs.
func (k *memoryKeeper) due(h heapState) bool {
	grown := h.objects - min(h.objects, k.last.objects)
	k.last = h
	if k.calm++; grown > calmGrowth {
		k.calm = 0
	}
	garbage := h.objects - min(h.objects, h.live)
	return k.calm >= calmChecks && garbage+h.free >= max(minReturned, h.live/8)
}
