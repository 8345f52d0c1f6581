package gametest

import (
	"fmt"
	"runtime"

	"tactus/game"
)

// replicas is how many matches are played side by side. An unordered choice
// between two rows goes the same way in all of them once in 2^(replicas-1)
// times that it is made.
const replicas = 4

// garbage is allocated between replicas, so that pointers, and values computed
// from them, differ.
var garbage [][]byte

// findDivergence plays the same match several times side by side. That finds
// what differs from run to run (map iteration, clocks, goroutines, addresses)
// and what matches share: package variables.
func findDivergence(t *trial) error {
	sims := make([]*game.Simulation, replicas)
	for i := range sims {
		garbage = append(garbage, make([]byte, 1000*(i+1)))
		sims[i] = t.match()
	}
	defer func() { garbage = nil }()
	for tick := range t.ticks {
		for i, sim := range sims {
			if tick%200 == 50*i {
				garbage = garbage[:0]
				runtime.GC()
			}
			t.play(sim)
		}
		for _, sim := range sims[1:] {
			if sim.Hash() != sims[0].Hash() {
				return fmt.Errorf("two runs with the same seed and inputs differ after tick %d: %s; "+
					"rules must not range over maps, read a clock, start goroutines, use floats or share variables between matches",
					sims[0].Tick(), difference(sims[0], sim))
			}
		}
	}
	return nil
}
