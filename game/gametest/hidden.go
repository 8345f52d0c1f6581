package gametest

import (
	"fmt"
	"slices"

	"tactus/game"
)

// saves is at how many random ticks a match is saved.
const saves = 4

// findHiddenState saves a match at random ticks, restores each save into a
// world of its own, and plays all of them on. Every other save goes into a world
// that has played something else before: a world must recompute its caches from
// the tables.
func findHiddenState(t *trial) error {
	sim := t.match()
	at := make([]game.Tick, saves)
	for i := range at {
		at[i] = game.Tick(t.random.Range(1, int32(t.ticks)-1))
	}
	type copied struct {
		*game.Simulation
		from game.Tick
		into string
	}
	var copies []copied
	for range t.ticks {
		for i, tick := range at {
			if tick != sim.Tick() || slices.Index(at, tick) != i {
				continue
			}
			c := copied{t.match(), tick, "fresh"}
			if len(copies)%2 == 1 {
				c.into = "used"
				for range 30 {
					t.play(c.Simulation)
				}
			}
			if err := c.Restore(sim.Save(nil)); err != nil {
				return fmt.Errorf("state saved at tick %d: %w", tick, err)
			}
			if c.Hash() != sim.Hash() {
				return fmt.Errorf("state saved at tick %d and restored differs: %s", tick, difference(sim, c.Simulation))
			}
			copies = append(copies, c)
		}
		t.play(sim)
		for _, c := range copies {
			t.play(c.Simulation)
			if c.Hash() != sim.Hash() {
				return fmt.Errorf("a match saved at tick %d and restored into a %s world goes another way at tick %d: %s; "+
					"the rules keep something outside the tables that this depends on",
					c.from, c.into, sim.Tick(), difference(sim, c.Simulation))
			}
		}
	}
	return nil
}
