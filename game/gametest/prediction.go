package gametest

import (
	"fmt"

	"tactus/game"
	"tactus/game/fixed"
)

// Prediction is tried in every so many ticks, for so many ticks ahead.
const (
	predictEvery = 7
	predictAhead = 4
)

// findPredictionLeak runs Predict for a player in two worlds: one that holds the
// whole state, and one like the player's browser has it, with the words and
// inputs that the player may not see zeroed and the seed 0. The player's rows
// must be equal in both, and nothing else may change.
func findPredictionLeak(t *trial) error {
	sim := t.match()
	if _, can := sim.World().(game.Predictor); !can {
		return nil
	}
	config := t.config
	config.Seed = 0
	full, seen := t.match(), mustMatch(t.game, config)
	var saved []byte
	for range t.ticks {
		t.play(sim)
		p := game.Slot(t.random.Intn(int32(sim.Inputs().Slots())))
		if taken, _ := sim.Taken(p); !taken || sim.Tick()%predictEvery != 0 {
			continue
		}
		saved = sim.Save(saved[:0])
		for _, world := range [2]*game.Simulation{full, seen} {
			if err := world.Restore(saved); err != nil {
				return fmt.Errorf("state saved at tick %d: %w", sim.Tick(), err)
			}
		}
		v := viewOf(full, p)
		hide(seen, v)
		if err := comparePredictions(full, seen, v); err != nil {
			return fmt.Errorf("tick %d, slot %d: Predict %w", sim.Tick(), p, err)
		}
	}
	return nil
}

func comparePredictions(full, seen *game.Simulation, v viewer) error {
	fullBefore, seenBefore := copyTables(full), copyTables(seen)
	for tick := full.Tick() + 1; tick <= full.Tick()+predictAhead; tick++ {
		full.World().(game.Predictor).Predict(tick, v.player, full.Inputs())
		seen.World().(game.Predictor).Predict(tick, v.player, seen.Inputs())
	}
	for i, table := range seen.Tables().Tables() {
		if err := fullBefore[i].foreignChange(full.Tables().Tables()[i], v); err != nil {
			return err
		}
		if err := seenBefore[i].foreignChange(table, v); err != nil {
			return err
		}
		if err := ownDifference(full.Tables().Tables()[i], table, v); err != nil {
			return err
		}
	}
	return nil
}

// viewer is a player with what the player sees of the state.
type viewer struct {
	player game.Slot
	side   int32
	center fixed.Vec
	reach  fixed.Num // how far the player sees, -1 for everything
}

// viewOf asks the world what the player sees.
func viewOf(sim *game.Simulation, p game.Slot) viewer {
	v := viewer{player: p, side: -1, reach: -1}
	if t, ok := sim.World().(game.Teamer); ok {
		v.side = t.Team(p)
	}
	if w, ok := sim.World().(game.Viewer); ok && w.Interest() != (game.Interest{}) {
		view := w.View(p)
		v.center, v.reach = view.Center, max(view.Near, view.Far)
	}
	return v
}

// owns reports whether the row's slot names the player.
func (v viewer) owns(schema *game.TableSchema, row []uint32) bool {
	return schema.Slot >= 0 && game.Slot(row[schema.Fields[schema.Slot].Offset]) == v.player
}

// sees reports whether the field of the row reaches the player.
func (v viewer) sees(schema *game.TableSchema, f *game.FieldSchema, row []uint32) bool {
	switch f.Vis {
	case game.Public:
		return true
	case game.Owner:
		return v.owns(schema, row)
	case game.Team:
		return v.side >= 0 && int32(row[schema.Fields[schema.Side].Offset]) == v.side
	default:
		return false
	}
}

// seesRow reports whether anything of the row reaches the player. The player's
// own rows do at any distance.
func (v viewer) seesRow(schema *game.TableSchema, row []uint32) bool {
	if schema.Pos >= 0 && v.reach >= 0 && !v.owns(schema, row) {
		at := row[schema.Fields[schema.Pos].Offset:]
		if v.center.Dist(fixed.Vec{X: fixed.Num(at[0]), Y: fixed.Num(at[1])}) > v.reach {
			return false
		}
	}
	for i := range schema.Fields {
		if v.sees(schema, &schema.Fields[i], row) {
			return true
		}
	}
	return false
}

// hide leaves in the simulation only what the viewer sees.
func hide(sim *game.Simulation, v viewer) {
	for _, table := range sim.Tables().Tables() {
		schema := table.Schema()
		for i := range table.High() {
			if !table.Alive(i) {
				continue
			}
			row := table.Row(i)
			if !v.seesRow(schema, row) {
				table.Remove(i)
				continue
			}
			hideWords(schema, row, v)
		}
	}
	for _, events := range sim.Tables().Events() {
		events.Clear()
	}
	for p := range game.Slot(sim.Inputs().Slots()) {
		if p != v.player {
			clear(sim.Inputs().Words(p))
			sim.Inputs().SetLag(p, 0)
		}
	}
}

// hideWords zeroes the fields that the viewer does not get, and the low bits
// that only a row's owner gets. It begins with private fields: public ones say
// which these are.
func hideWords(schema *game.TableSchema, row []uint32, v viewer) {
	var hidden [game.MaxRowWords]bool
	for i := range schema.Fields {
		f := &schema.Fields[i]
		for w := range f.Words {
			hidden[f.Offset+w] = !v.sees(schema, f, row)
		}
	}
	owned := v.owns(schema, row)
	for w := range row {
		if hidden[w] {
			row[w] = 0
		} else if !owned {
			row[w] &= ^uint32(0) << field(schema, w).Quant
		}
	}
}

// frozen is a copy of a table's rows.
type frozen struct {
	alive []bool
	words []uint32
}

func copyTables(sim *game.Simulation) []frozen {
	var copies []frozen
	for _, table := range sim.Tables().Tables() {
		c := frozen{words: append([]uint32(nil), table.Words()...)}
		for i := range table.Schema().Capacity {
			c.alive = append(c.alive, table.Alive(i))
		}
		copies = append(copies, c)
	}
	return copies
}

// foreignChange names the first change since the copy of a row that was not the
// viewer's own.
func (c frozen) foreignChange(now *game.RawTable, v viewer) error {
	schema := now.Schema()
	for i, was := range c.alive {
		before := c.words[i*schema.Stride : (i+1)*schema.Stride]
		switch {
		case was && v.owns(schema, before), !was && !now.Alive(i), !was && v.owns(schema, now.Row(i)):
		case was != now.Alive(i):
			return fmt.Errorf("made or removed row %d of table %s, whose slot does not name the player", i, schema.Name)
		default:
			if d := wordDifference(schema, before, now.Row(i)); d != "" {
				return fmt.Errorf("changed table %s, row %d, %s; the row's slot does not name the player", schema.Name, i, d)
			}
		}
	}
	return nil
}

// ownDifference names the first visible word in which the viewer's own rows
// differ between a prediction that knows everything and one that does not.
func ownDifference(full, seen *game.RawTable, v viewer) error {
	schema := full.Schema()
	for i := range max(full.High(), seen.High()) {
		row, other := full.Row(i), seen.Row(i)
		switch own := full.Alive(i) && v.owns(schema, row); {
		case own != (seen.Alive(i) && v.owns(schema, other)):
			return fmt.Errorf("reads what the player may not see: with it, row %d of table %s is the player's: %v; without it: %v", i, schema.Name, own, !own)
		case !own:
		default:
			for w := range row {
				if row[w] != other[w] && v.sees(schema, field(schema, w), row) {
					return fmt.Errorf("reads what the player may not see: with it, table %s, row %d, field %s becomes %s, without it %s",
						schema.Name, i, wordName(schema, w), wordText(schema, w, row[w]), wordText(schema, w, other[w]))
				}
			}
		}
	}
	return nil
}
