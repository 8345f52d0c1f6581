package protocol_test

import (
	"maps"
	"slices"

	"tactus/game"
	"tactus/protocol"
)

// This file says a second time what a snapshot is, as plainly as possible and
// without regard to speed: what a viewer sees of a world, and how the step from
// one view to the next is written.

// viewer is who looks.
type viewer struct {
	slot game.Slot
	team int32
}

// fullRow is a row of the world with all its words.
type fullRow struct {
	generation uint32
	words      []uint32
}

// state is the rows of every table by index, those that the viewer is near to.
type state []map[int]fullRow

// capture copies the world, leaving out public rows for which near says no.
func capture(ts *game.Tables, near func(table, index int) bool) state {
	var out state
	for i, t := range ts.Tables() {
		rows := map[int]fullRow{}
		for index := range t.High() {
			if t.Alive(index) && (near == nil || near(i, index)) {
				rows[index] = fullRow{t.Generation(index), slices.Clone(t.Row(index))}
			}
		}
		out = append(out, rows)
	}
	return out
}

func emptyState(schema *game.Schema) state {
	out := make(state, len(schema.Tables))
	for i := range out {
		out[i] = map[int]fullRow{}
	}
	return out
}

func owns(t *game.TableSchema, row fullRow, v viewer) bool {
	return t.Slot >= 0 && game.Slot(row.words[t.Fields[t.Slot].Offset]) == v.slot
}

func sided(t *game.TableSchema, row fullRow, v viewer) bool {
	return t.Side >= 0 && v.team >= 0 && int32(row.words[t.Fields[t.Side].Offset]) == v.team
}

const (
	inPublic = iota
	inTeam
	inOwn
	nowhere
	sections = nowhere
)

// homeOf is the section in which a row comes and goes for the viewer.
func homeOf(t *game.TableSchema, row fullRow, v viewer) int {
	switch {
	case t.HasVisible(game.Public):
		return inPublic
	case t.HasVisible(game.Owner) && owns(t, row, v):
		return inOwn
	case t.HasVisible(game.Team) && sided(t, row, v):
		return inTeam
	}
	return nowhere
}

// seen returns the words that the viewer stores for a row, nil for a row that it
// can't see.
func seen(t *game.TableSchema, row fullRow, v viewer) []uint32 {
	if homeOf(t, row, v) == nowhere {
		return nil
	}
	out := make([]uint32, t.Stride)
	for _, f := range t.Fields {
		visible := f.Vis == game.Public ||
			f.Vis == game.Team && sided(t, row, v) ||
			f.Vis == game.Owner && owns(t, row, v)
		for i := f.Offset; visible && i < f.Offset+f.Words; i++ {
			out[i] = row.words[i]
			if f.Vis == game.Public && !owns(t, row, v) {
				out[i] = row.words[i] >> f.Quant << f.Quant
			}
		}
	}
	return out
}

// refColumn is a field as a section carries it: take picks a stored word's part.
type refColumn struct {
	field game.FieldSchema
	take  func(word uint32) int32
}

func columnsOf(t *game.TableSchema, section int) (out []refColumn) {
	for _, f := range t.Fields {
		whole := func(w uint32) int32 { return int32(w) }
		high := func(w uint32) int32 { return int32(w) >> f.Quant }
		low := func(w uint32) int32 { return int32(w & (1<<f.Quant - 1)) }
		switch {
		case section == inPublic && f.Vis == game.Public:
			out = append(out, refColumn{f, high})
		case section == inTeam && f.Vis == game.Team:
			out = append(out, refColumn{f, whole})
		case section == inOwn && f.Vis == game.Owner:
			out = append(out, refColumn{f, whole})
		case section == inOwn && f.Vis == game.Public && f.Quant > 0:
			out = append(out, refColumn{f, low})
		}
	}
	return out
}

func (c refColumn) values(words []uint32) (out []int32) {
	for _, w := range words[c.field.Offset : c.field.Offset+c.field.Words] {
		out = append(out, c.take(w))
	}
	return out
}

// moved reports whether a row names another owner or side than before.
func moved(t *game.TableSchema, before, after fullRow) bool {
	for _, role := range []int{t.Slot, t.Side} {
		if role >= 0 && before.words[t.Fields[role].Offset] != after.words[t.Fields[role].Offset] {
			return true
		}
	}
	return false
}

// writesPrivate reports whether the section concerns a row that has its home in
// public.
func writesPrivate(t *game.TableSchema, row fullRow, v viewer, section int) bool {
	return section == inTeam && sided(t, row, v) || section == inOwn && owns(t, row, v)
}

// layout is how a section is cut into blocks. Rows are dealt out to cells by
// their index, and there is a block for each cell and each table in it. A layout
// of zeros has one cell.
type layout struct {
	cells    int
	absolute uint32 // by cell: its groups hold values, whatever the snapshot's flag says
	again    uint32 // by cell: rows that the viewer has are born once more
}

func (l layout) cellOf(index int) int { return index % max(l.cells, 1) }

func (l layout) isAbsolute(cell int) bool { return l.absolute>>cell&1 != 0 }

func (l layout) bearsAgain(index int) bool { return l.again>>l.cellOf(index)&1 != 0 }

// block is what one section says of one table's rows in one cell.
type block struct {
	head    int
	removed []int
	born    []int
	groups  map[uint32][]groupRow // by mask
}

func (b *block) empty() bool { return len(b.removed)+len(b.born)+len(b.groups) == 0 }

type groupRow struct {
	index  int
	values []int32
}

// rowStep is what becomes of one row for the viewer.
type rowStep struct {
	home, oldHome int  // sections, or nowhere
	fresh         bool // it is another entity than before, or was not seen
	moved         bool // it has another owner or side
	again         bool // it is born once more without a reason
}

func (s rowStep) born() bool { return s.fresh || s.moved || s.again }

func (s *step) row(t *game.TableSchema, table, index int, v viewer) rowStep {
	old, had := s.before[table][index]
	row, has := s.after[table][index]
	r := rowStep{home: nowhere, oldHome: nowhere}
	if had {
		r.oldHome = homeOf(t, old, v)
	}
	if has {
		r.home = homeOf(t, row, v)
	}
	if r.home == nowhere {
		return r
	}
	r.fresh = r.oldHome != r.home || old.generation != row.generation
	r.moved = !r.fresh && moved(t, old, row)
	r.again = !r.fresh && s.layouts[r.home].bearsAgain(index)
	return r
}

// describe finds what the section has to say of a table's rows in a cell.
func (s *step) describe(schema *game.Schema, section, cell, table int, v viewer) block {
	t, how := &schema.Tables[table], s.layouts[section]
	b := block{head: table, groups: map[uint32][]groupRow{}}
	diff := s.header.Flags&protocol.FlagDiff != 0
	if how.isAbsolute(cell) {
		b.head += protocol.BlockAbsolute
		diff = false
	}
	for index := range t.Capacity {
		if how.cellOf(index) != cell {
			continue
		}
		r := s.row(t, table, index, v)
		row := s.after[table][index]
		if r.oldHome == section && (r.home == nowhere || r.moved) {
			b.removed = append(b.removed, index)
		}
		if r.home == section && r.born() {
			b.born = append(b.born, index)
			continue
		}
		if r.home != section && !(r.home == inPublic && writesPrivate(t, row, v, section)) {
			continue
		}
		base := s.before[table][index].words
		if r.born() {
			base = make([]uint32, t.Stride)
		}
		if mask, values := changes(columnsOf(t, section), base, row.words, diff); mask != 0 {
			b.groups[mask] = append(b.groups[mask], groupRow{index, values})
		}
	}
	return b
}

// gaps turns ascending indices into the distances that are written.
func gaps() func(index int) int32 {
	last := -1
	return func(index int) int32 {
		gap := index - last - 1
		last = index
		return int32(gap)
	}
}

// encodeSection returns the ints of one section for the step from before to
// after; before has no rows for a keyframe. All of a cell's blocks come before
// those of the next.
func (s *step) encodeSection(schema *game.Schema, section int, v viewer) (out []int32) {
	for cell := range max(s.layouts[section].cells, 1) {
		for i := range schema.Tables {
			if b := s.describe(schema, section, cell, i, v); !b.empty() {
				out = b.append(out, columnsOf(&schema.Tables[i], section), s.after[i])
			}
		}
	}
	return out
}

// append writes the block's ints.
func (b *block) append(out []int32, columns []refColumn, after map[int]fullRow) []int32 {
	out = append(out, int32(b.head), int32(len(b.removed)))
	gap := gaps()
	for _, index := range b.removed {
		out = append(out, gap(index))
	}
	out = append(out, int32(len(b.born)))
	gap = gaps()
	for _, index := range b.born {
		out = append(out, gap(index), int32(after[index].generation))
		for _, c := range columns {
			out = append(out, c.values(after[index].words)...)
		}
	}
	out = append(out, int32(len(b.groups)))
	for _, mask := range slices.Sorted(maps.Keys(b.groups)) {
		out = append(out, int32(mask), int32(len(b.groups[mask])))
		gap = gaps()
		for _, row := range b.groups[mask] {
			out = append(append(out, gap(row.index)), row.values...)
		}
	}
	return out
}

// changes returns which columns differ and what a row of a group carries.
func changes(columns []refColumn, before, after []uint32, diff bool) (mask uint32, values []int32) {
	for bit, c := range columns {
		from, to := c.values(before), c.values(after)
		if slices.Equal(from, to) {
			continue
		}
		mask |= 1 << bit
		for i := range to {
			if diff {
				values = append(values, to[i]-from[i])
			} else {
				values = append(values, to[i])
			}
		}
	}
	return mask, values
}

// step is all that a snapshot is made of.
type step struct {
	header        protocol.SnapshotHeader
	before, after state
	events        []refEvent
	percent       uint32
	layouts       [sections]layout
}

type refEvent struct {
	seq, tick uint32
	table     int
	words     []uint32
}

// encodeSnapshot writes a whole snapshot message.
func encodeSnapshot(schema *game.Schema, s step, v viewer) []byte {
	if s.header.Flags&protocol.FlagKeyframe != 0 {
		s.before = emptyState(schema)
	}
	out := protocol.AppendSnapshotHeader(nil, s.header)
	for section := inPublic; section <= inOwn; section++ {
		ints := s.encodeSection(schema, section, v)
		start := len(out)
		out = protocol.BeginSection(out)
		for _, n := range ints {
			out = protocol.AppendInt(out, n)
		}
		out = protocol.EndSection(out, start, len(ints))
	}
	start := len(out)
	out = protocol.BeginSection(out)
	for _, e := range s.events {
		out = protocol.AppendEvent(out, e.seq, e.tick, e.table, e.words)
	}
	out = protocol.EndSection(out, start, len(s.events))
	return protocol.AppendSnapshotTail(out, hashOf(schema, s.after, v), s.percent, s.header.Flags)
}

// viewRow is a row as the viewer stores it.
type viewRow struct {
	index      int
	generation uint32
	words      []uint32
}

// viewOf returns the rows that the viewer stores, ascending, of one table.
func viewOf(t *game.TableSchema, rows map[int]fullRow, v viewer) (out []viewRow) {
	for _, index := range slices.Sorted(maps.Keys(rows)) {
		if words := seen(t, rows[index], v); words != nil {
			out = append(out, viewRow{index, rows[index].generation, words})
		}
	}
	return out
}

// hashOf is the hash of what the viewer sees.
func hashOf(schema *game.Schema, s state, v viewer) uint32 {
	h := game.NewHash()
	for i := range schema.Tables {
		for _, row := range viewOf(&schema.Tables[i], s[i], v) {
			h.Word(uint32(i))
			h.Word(uint32(game.MakeEntity(row.index, row.generation)))
			h.Words(row.words)
		}
	}
	return h.Sum32()
}
