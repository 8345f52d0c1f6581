package replicate

import "tactus/game"

// rowSet lists the rows of one block: removed rows, rows sent with all columns,
// and rows sent with some columns, in ascending order. Each collect method
// replaces the set's content.
type rowSet struct {
	removed []int32
	born    []int32
	rows    []int32
	masks   []uint32 // of rows: columns that are sent
}

// interval says which changes are encoded: those after from, up to and including
// to. If from is 0, everything is encoded. diff: from is the previous snapshot, so
// changed columns are encoded as differences.
type interval struct {
	from, to game.Tick
	diff     bool
}

func (r *rowSet) reset() {
	r.removed, r.born, r.rows, r.masks = r.removed[:0], r.born[:0], r.rows[:0], r.masks[:0]
}

func (r *rowSet) empty() bool { return len(r.removed)+len(r.born)+len(r.rows) == 0 }

// collect lists the rows of a table that belong to a section.
func (r *rowSet) collect(t *tableState, a audience, key uint32, in interval) {
	r.reset()
	switch {
	case a == public && in.diff:
		r.addDiff(t)
	case a == public:
		for i := range t.high {
			r.addSince(t, a, i, in.from)
			if !t.raw.Alive(i) && in.from > 0 && t.died[i] > in.from {
				r.removed = append(r.removed, int32(i))
			}
		}
	default:
		r.addPrivate(t, a, key, in)
	}
}

// collectPart lists the rows of a table that belong to a part of a cell. Far
// parts contain the changes after far.
func (r *rowSet) collectPart(t *tableState, kind partKind, cell int32, tick, far game.Tick) {
	r.reset()
	switch kind {
	case partDied:
		r.addDied(t, cell)
	case partEntered, partEnteredFar, partEnteredNew:
		r.addEntered(t, kind, cell, far)
	default:
		r.addCell(t, kind, cell, tick, far)
	}
}

// collectLeft lists the rows that the client knows from a cell and that are no
// longer visible. visible: the cell itself still is.
func (r *rowSet) collectLeft(t *tableState, cell int32, x *interest, visible bool) {
	r.reset()
	p := t.placed
	for i := p.departures.first(uint32(cell)); i >= 0; i = p.departures.next[i] {
		if !x.isVisible(p.cell[i]) {
			r.removed = append(r.removed, i)
		}
	}
	if visible {
		return
	}
	for i := p.rows.first(uint32(cell)); i >= 0; i = p.rows.next[i] {
		if p.prev[i] == cell {
			r.removed = append(r.removed, i)
		}
	}
	sortRows(r.removed)
}

// collectArrivals lists the rows that entered a cell, as one client sees them.
// far selects those from cells that were far, otherwise it lists all others.
func (r *rowSet) collectArrivals(t *tableState, cell int32, x *interest, far bool) {
	r.reset()
	p := t.placed
	for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
		switch kind := x.arrivalKind(p.prev[i]); {
		case far != (kind == partEnteredFar):
		case kind == partEnteredNew:
			r.born = append(r.born, i)
		case far:
			r.addChanged(i, t.maskSince(public, int(i), x.far.baseline()))
		default:
			r.addChanged(i, t.masks[public][i])
		}
	}
}

// collectVisible lists the visible rows of which a player or a team sees more
// than everyone. known selects the rows that the client has, otherwise it lists
// those that are new to it. It reports whether there are rows of the other
// kind.
func (r *rowSet) collectVisible(t *tableState, a audience, key uint32, x *interest, in interval, known bool) (others bool) {
	r.reset()
	rows := t.rowsOf(a)
	for i := rows.first(key); i >= 0; i = rows.next[i] {
		switch isKnown := in.diff && x.known(t, i, in.to); {
		case !x.isVisible(t.placed.cell[i]):
		case isKnown != known:
			others = true
		case !isKnown:
			r.addChanged(i, t.nonZero(a, int(i)))
		case t.changed[i] == in.to:
			r.addChanged(i, t.masks[a][i])
		}
	}
	return others
}

func (r *rowSet) addChanged(i int32, mask uint32) {
	if mask != 0 {
		r.rows = append(r.rows, i)
		r.masks = append(r.masks, mask)
	}
}

func (r *rowSet) addDiff(t *tableState) {
	r.removed = append(r.removed, t.diedNow...)
	r.born = append(r.born, t.bornNow...)
	for _, i := range t.dirty {
		r.addChanged(i, t.masks[public][i])
	}
}

// addSince adds row i if it changed after baseline.
func (r *rowSet) addSince(t *tableState, a audience, i int, baseline game.Tick) {
	if !t.raw.Alive(i) {
		return
	}
	isNew := t.born[i] > baseline
	if isNew && t.rowAudience == a {
		r.born = append(r.born, int32(i))
		return
	}
	mask := t.maskSince(a, i, baseline)
	if isNew {
		mask = t.nonZero(a, i)
	}
	r.addChanged(int32(i), mask)
}

func (r *rowSet) addPrivate(t *tableState, a audience, key uint32, in interval) {
	rows := t.rowsOf(a)
	for i := rows.first(key); i >= 0; i = rows.next[i] {
		switch {
		case !in.diff:
			r.addSince(t, a, int(i), in.from)
		case t.changed[i] != in.to:
		case t.rowAudience == a && t.born[i] == in.to:
			r.born = append(r.born, i)
		default:
			r.addChanged(i, t.masks[a][i])
		}
	}
	if t.rowAudience == a && in.from > 0 {
		r.addPrivateRemoved(t, a, key, in)
	}
}

// addPrivateRemoved adds rows that the player or team may know and no longer
// owns.
func (r *rowSet) addPrivateRemoved(t *tableState, a audience, key uint32, in interval) {
	word := t.wordOf(a)
	owned := func(i int) bool { return t.raw.Alive(i) && t.raw.Row(i)[word] == key }
	if in.diff {
		for _, i := range t.diedNow {
			if t.shadowRow(int(i))[word] == key && !owned(int(i)) {
				r.removed = append(r.removed, i)
			}
		}
		return
	}
	for i := range t.high {
		if t.died[i] > in.from && !owned(i) {
			r.removed = append(r.removed, int32(i))
		}
	}
}

// addDied adds the rows of a cell that died.
func (r *rowSet) addDied(t *tableState, cell int32) {
	p := t.placed
	for i := p.departures.first(uint32(cell)); i >= 0; i = p.departures.next[i] {
		if p.cell[i] == noCell {
			r.removed = append(r.removed, i)
		}
	}
}

// addEntered adds the rows that entered a cell, all in the same way.
func (r *rowSet) addEntered(t *tableState, kind partKind, cell int32, far game.Tick) {
	p := t.placed
	for i := p.arrivals.first(uint32(cell)); i >= 0; i = p.arrivals.next[i] {
		switch kind {
		case partEnteredNew:
			r.born = append(r.born, i)
		case partEnteredFar:
			r.addChanged(i, t.maskSince(public, int(i), far))
		default:
			r.addChanged(i, t.masks[public][i])
		}
	}
}

// addCell adds rows that stayed in a cell or were born there. Rows that entered
// it from another cell belong to other parts: see Encoder.encodeEntered.
func (r *rowSet) addCell(t *tableState, kind partKind, cell int32, tick, far game.Tick) {
	p := t.placed
	for i := p.rows.first(uint32(cell)); i >= 0; i = p.rows.next[i] {
		switch {
		case kind == partWhole, t.born[i] == tick:
			r.born = append(r.born, i)
		case kind == partBorn || p.prev[i] != cell:
		case kind == partFar:
			r.addChanged(i, t.maskSince(public, int(i), far))
		case t.changed[i] == tick:
			r.addChanged(i, t.masks[public][i])
		}
	}
}

// sortRows sorts a list that consists of two ascending runs. The lists are
// short.
func sortRows(list []int32) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// maxGroups bounds the number of groups in a block. A group is the rows with the
// same mask. Rows with rarer masks share a group; its mask covers them all.
const maxGroups = 6

// groupMasks appends the masks of the groups to groups, which is empty. It
// widens the masks of rows beyond maxGroups.
func (r *rowSet) groupMasks(groups []uint32) []uint32 {
	for at, mask := range r.masks {
		switch {
		case indexOf(groups, mask) >= 0:
		case len(groups) < maxGroups:
			groups = append(groups, mask)
		default:
			return r.widen(groups, at)
		}
	}
	return groups
}

// widen keeps all groups but the last. All other rows share one mask.
func (r *rowSet) widen(groups []uint32, from int) []uint32 {
	kept := groups[:maxGroups-1]
	wide := groups[maxGroups-1]
	for _, mask := range r.masks[from:] {
		if indexOf(kept, mask) < 0 {
			wide |= mask
		}
	}
	for at, mask := range r.masks {
		if indexOf(kept, mask) < 0 {
			r.masks[at] = wide
		}
	}
	if indexOf(kept, wide) >= 0 {
		return kept
	}
	groups[maxGroups-1] = wide
	return groups
}

func indexOf(list []uint32, v uint32) int {
	for i, x := range list {
		if x == v {
			return i
		}
	}
	return -1
}
