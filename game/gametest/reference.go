package gametest

import (
	"fmt"

	"tactus/game"
)

// findBadReference looks for entities that never existed and slots outside the
// mode's: clients that follow them would fail.
func findBadReference(t *trial) error {
	sim := t.match()
	for range t.ticks {
		t.play(sim)
		for _, list := range [2][]*game.RawTable{sim.Tables().Tables(), sim.Tables().Events()} {
			for _, table := range list {
				if err := badReference(sim, table); err != nil {
					return fmt.Errorf("after tick %d: %w", sim.Tick(), err)
				}
			}
		}
	}
	return nil
}

func badReference(sim *game.Simulation, table *game.RawTable) error {
	schema := table.Schema()
	seats := sim.Inputs().Slots()
	for i := range table.High() {
		if !table.Alive(i) {
			continue
		}
		for w, word := range table.Row(i) {
			why := ""
			switch field(schema, w).Kind {
			case game.KindEntity:
				if !existed(sim.Tables(), game.Entity(word)) {
					why = "no row of any table ever had that name"
				}
			case game.KindSlot:
				if int(word) >= seats && game.Slot(word) != game.NoSlot {
					why = fmt.Sprintf("there are %d seats, and game.NoSlot", seats)
				}
			default: // any word is a good one
			}
			if why != "" {
				return fmt.Errorf("table %s, row %d, field %s is %s: %s", schema.Name, i, wordName(schema, w), wordText(schema, w, word), why)
			}
		}
	}
	return nil
}

// existed reports whether a row of any table has, or had, the entity's name.
func existed(tables *game.Tables, e game.Entity) bool {
	if e == game.NoEntity {
		return true
	}
	for _, table := range tables.Tables() {
		if e.Index() < table.Schema().Capacity && e.Generation() <= table.Generation(e.Index()) && e.Generation() > 0 {
			return true
		}
	}
	return false
}

// findBadOutcome looks at the standing after every tick.
func findBadOutcome(t *trial) error {
	sim := t.match()
	for range t.ticks {
		t.play(sim)
		outcome, _ := sim.Outcome()
		seen := make(map[game.Slot]bool, len(outcome.Results))
		for _, r := range outcome.Results {
			switch {
			case int(r.Slot) >= sim.Inputs().Slots():
				return fmt.Errorf("after tick %d: a result is for slot %d of %d", sim.Tick(), r.Slot, sim.Inputs().Slots())
			case seen[r.Slot]:
				return fmt.Errorf("after tick %d: slot %d has two results", sim.Tick(), r.Slot)
			case r.Rank < 1 || int(r.Rank) > len(outcome.Results):
				return fmt.Errorf("after tick %d: rank %d among %d results", sim.Tick(), r.Rank, len(outcome.Results))
			}
			seen[r.Slot] = true
		}
	}
	return nil
}
