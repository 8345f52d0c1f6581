package gametest

import (
	"fmt"

	"tactus/game"
)

// difference names the first thing in which two states of a match differ.
func difference(a, b *game.Simulation) string {
	if a.Tick() != b.Tick() {
		return fmt.Sprintf("tick %d, tick %d", a.Tick(), b.Tick())
	}
	tables, others := a.Tables(), b.Tables()
	for i, table := range tables.Tables() {
		if d := tableDifference("table", table, others.Tables()[i]); d != "" {
			return d
		}
	}
	for i, table := range tables.Events() {
		if d := tableDifference("events", table, others.Events()[i]); d != "" {
			return d
		}
	}
	return inputDifference(a, b)
}

func tableDifference(what string, a, b *game.RawTable) string {
	schema := a.Schema()
	for i := range max(a.High(), b.High()) {
		switch row := fmt.Sprintf("%s %s, row %d", what, schema.Name, i); {
		case a.Alive(i) != b.Alive(i):
			return row + ": there in one, not in the other"
		case !a.Alive(i):
		case a.Generation(i) != b.Generation(i):
			return fmt.Sprintf("%s: generation %d, generation %d", row, a.Generation(i), b.Generation(i))
		default:
			if d := wordDifference(schema, a.Row(i), b.Row(i)); d != "" {
				return row + ", " + d
			}
		}
	}
	for i := range schema.Capacity {
		if a.Generation(i) != b.Generation(i) {
			return fmt.Sprintf("%s %s, row %d, which is free now: %d rows were in its place, %d rows",
				what, schema.Name, i, a.Generation(i), b.Generation(i))
		}
	}
	return ""
}

func wordDifference(schema *game.TableSchema, a, b []uint32) string {
	for w := range a {
		if a[w] != b[w] {
			return fmt.Sprintf("field %s: %s, %s", wordName(schema, w), wordText(schema, w, a[w]), wordText(schema, w, b[w]))
		}
	}
	return ""
}

func inputDifference(a, b *game.Simulation) string {
	schema := &a.Info().Input.TableSchema
	for p := range game.Slot(a.Inputs().Slots()) {
		taken, bot := a.Taken(p)
		otherTaken, otherBot := b.Taken(p)
		if taken != otherTaken || bot != otherBot {
			return fmt.Sprintf("slot %d: taken %v by a bot %v, taken %v by a bot %v", p, taken, bot, otherTaken, otherBot)
		}
		if d := wordDifference(schema, a.Inputs().Words(p), b.Inputs().Words(p)); d != "" {
			return fmt.Sprintf("input of slot %d, %s", p, d)
		}
	}
	return "nothing but the marks of rows long gone"
}

// field is the schema of the field that word w of a row belongs to.
func field(schema *game.TableSchema, w int) *game.FieldSchema {
	for i := range schema.Fields {
		if f := &schema.Fields[i]; w < f.Offset+f.Words {
			return f
		}
	}
	panic("the row has words outside its fields")
}

func wordName(schema *game.TableSchema, w int) string {
	f := field(schema, w)
	if f.Words == 1 {
		return f.Name
	}
	if f.Kind == game.KindVec && f.Words == 2 {
		return f.Name + "." + string("xy"[w-f.Offset])
	}
	return fmt.Sprintf("%s[%d]", f.Name, w-f.Offset)
}

// wordText is the word as its field's kind reads it.
func wordText(schema *game.TableSchema, w int, word uint32) string {
	switch field(schema, w).Kind {
	case game.KindFixed, game.KindVec:
		return fmt.Sprintf("%d (%.4f)", int32(word), float64(int32(word))/65536)
	case game.KindUint, game.KindSlot:
		return fmt.Sprint(word)
	case game.KindEntity:
		return fmt.Sprintf("entity %d:%d", game.Entity(word).Index(), game.Entity(word).Generation())
	default:
		return fmt.Sprint(int32(word))
	}
}
