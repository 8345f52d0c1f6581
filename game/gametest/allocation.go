package gametest

import (
	"fmt"
	"runtime"
)

// findAllocation counts the allocations of every single Step. The runtime has
// occasional allocations of its own, so a tick counts if it allocates in two runs.
func findAllocation(t *trial) error {
	first := t.allocations()
	if len(first) == 0 {
		return nil
	}
	again := t.allocations()
	for tick := range t.ticks + 1 {
		if n := min(first[tick], again[tick]); n > 0 {
			return fmt.Errorf("tick %d: Step allocates %d times; "+
				"make room in NewWorld and use it again: slices cut to [:0], no closures kept, no interfaces around values", tick, n)
		}
	}
	return nil
}

// allocations returns how often Step allocated, by tick.
func (t *trial) allocations() map[int]uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	sim := t.match()
	counts := map[int]uint64{}
	var before, after runtime.MemStats
	for range t.ticks {
		t.tick = sim.Tick()
		t.script.Border(sim)
		runtime.ReadMemStats(&before)
		sim.Step()
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; n > 0 {
			counts[int(sim.Tick())] = n
		}
	}
	return counts
}
