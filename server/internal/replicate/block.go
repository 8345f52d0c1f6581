package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// section appends one audience's section against a baseline: differences when
// that is the previous snapshot, values otherwise, everything when it is 0. A
// section without blocks is nil.
func (e *Encoder) section(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
	start := len(dst)
	dst = protocol.BeginSection(dst)
	w := writer{buf: dst, diff: baseline != 0 && baseline == e.prev, tick: e.tick}
	for _, t := range e.tracker.tables {
		if len(t.columns[a]) == 0 {
			continue
		}
		if t.placed != nil && a != public {
			e.privateByCells(&w, t, a, key)
			continue
		}
		e.collect(t, a, key, baseline, w.diff)
		e.flush(&w, t, a, false)
	}
	if w.count == 0 {
		return protocol.AppendNil(dst[:start])
	}
	return protocol.EndSection(w.buf, start, w.count)
}

// collect lists the table's rows that the section has to tell of.
func (e *Encoder) collect(t *tableState, a audience, key uint32, baseline game.Tick, diff bool) {
	e.reset()
	switch {
	case a == public && diff:
		e.collectDiff(t)
	case a == public:
		for i := range t.high {
			e.addSince(t, a, i, baseline)
			if !t.raw.Alive(i) && baseline > 0 && t.died[i] > baseline {
				e.removed = append(e.removed, int32(i))
			}
		}
	default:
		e.private(t, a, key, baseline, diff)
	}
}

func (e *Encoder) collectDiff(t *tableState) {
	e.removed = append(e.removed, t.diedNow...)
	e.born = append(e.born, t.bornNow...)
	for _, i := range t.dirty {
		if mask := t.masks[public][i]; mask != 0 {
			e.rows = append(e.rows, i)
			e.masks = append(e.masks, mask)
		}
	}
}

// addSince adds row i to the lists as seen from an older baseline.
func (e *Encoder) addSince(t *tableState, a audience, i int, baseline game.Tick) {
	if !t.raw.Alive(i) {
		return
	}
	isNew := t.born[i] > baseline
	if isNew && t.rowAudience == a {
		e.born = append(e.born, int32(i))
		return
	}
	mask := t.maskSince(a, i, baseline)
	if isNew {
		mask = t.nonZero(a, i)
	}
	if mask != 0 {
		e.rows = append(e.rows, int32(i))
		e.masks = append(e.masks, mask)
	}
}

func (t *tableState) nonZero(a audience, i int) uint32 {
	row := t.raw.Row(i)
	var mask uint32
	for c := range t.columns[a] {
		if !t.columns[a][c].zero(row) {
			mask |= 1 << c
		}
	}
	return mask
}

func (e *Encoder) private(t *tableState, a audience, key uint32, baseline game.Tick, diff bool) {
	ix, word := &t.byOwner, t.slotWord
	if a == team {
		ix, word = &t.bySide, t.sideWord
	}
	for i := ix.first(key); i >= 0; i = ix.next[i] {
		switch {
		case !diff:
			e.addSince(t, a, int(i), baseline)
		case t.changed[i] != e.tick:
		case t.rowAudience == a && t.born[i] == e.tick:
			e.born = append(e.born, i)
		case t.masks[a][i] != 0:
			e.rows = append(e.rows, i)
			e.masks = append(e.masks, t.masks[a][i])
		}
	}
	if t.rowAudience == a && baseline > 0 {
		e.privateRemoved(t, word, key, baseline, diff)
	}
}

// privateRemoved lists rows that the key's holder may know and no longer has.
func (e *Encoder) privateRemoved(t *tableState, word int, key uint32, baseline game.Tick, diff bool) {
	owned := func(i int) bool { return t.raw.Alive(i) && t.raw.Row(i)[word] == key }
	if diff {
		for _, i := range t.diedNow {
			if t.shadowRow(int(i))[word] == key && !owned(int(i)) {
				e.removed = append(e.removed, i)
			}
		}
		return
	}
	for i := range t.high {
		if t.died[i] > baseline && !owned(i) {
			e.removed = append(e.removed, int32(i))
		}
	}
}

// maxGroups bounds the different masks that get a group of their own; rows with
// rarer masks share one whose mask covers them all.
const maxGroups = 6

// block writes one table's removed, born and changed rows.
func (e *Encoder) block(w *writer, t *tableState, a audience) {
	head := t.index
	if w.absolute {
		head += protocol.BlockAbsolute
	}
	w.int(head)
	w.gaps(e.removed)
	w.int(int32(len(e.born)))
	last := int32(-1)
	for _, i := range e.born {
		w.int(i - last - 1)
		last = i
		w.int(int32(t.raw.Generation(int(i))))
		row := t.raw.Row(int(i))
		for c := range t.columns[a] {
			w.values(&t.columns[a][c], row)
		}
	}
	groups := e.groupMasks()
	w.int(int32(len(groups)))
	for _, mask := range groups {
		e.group(w, t, a, mask)
	}
}

// groupMasks lists the masks that get a group; masks of rows beyond the bound
// are widened to the last one.
func (e *Encoder) groupMasks() []uint32 {
	e.groups = e.groups[:0]
	for r, mask := range e.masks {
		at := indexOf(e.groups, mask)
		switch {
		case at >= 0:
		case len(e.groups) < maxGroups:
			e.groups = append(e.groups, mask)
		default:
			return e.widen(r)
		}
	}
	return e.groups
}

// widen keeps all but the last kind and lets every other row share one mask.
func (e *Encoder) widen(from int) []uint32 {
	kept := e.groups[:maxGroups-1]
	wide := e.groups[maxGroups-1]
	for _, mask := range e.masks[from:] {
		if indexOf(kept, mask) < 0 {
			wide |= mask
		}
	}
	for r, mask := range e.masks {
		if indexOf(kept, mask) < 0 {
			e.masks[r] = wide
		}
	}
	if indexOf(kept, wide) >= 0 {
		return kept
	}
	e.groups[maxGroups-1] = wide
	return e.groups
}

func indexOf(list []uint32, v uint32) int {
	for i, x := range list {
		if x == v {
			return i
		}
	}
	return -1
}

func (e *Encoder) group(w *writer, t *tableState, a audience, groupMask uint32) {
	n := int32(0)
	for _, mask := range e.masks {
		if mask == groupMask {
			n++
		}
	}
	w.int(int32(groupMask))
	w.int(n)
	last := int32(-1)
	for r, i := range e.rows {
		if e.masks[r] != groupMask {
			continue
		}
		w.int(i - last - 1)
		last = i
		row, old := t.raw.Row(int(i)), t.shadowRow(int(i))
		diff := w.diff && !w.absolute && t.born[i] != w.tick
		for c := range t.columns[a] {
			switch {
			case groupMask>>c&1 == 0:
			case diff:
				w.differences(&t.columns[a][c], row, old)
			default:
				w.values(&t.columns[a][c], row)
			}
		}
	}
}

// writer appends ints and counts them.
type writer struct {
	buf   []byte
	count int
	diff  bool
	tick  game.Tick

	absolute bool // the block that is being written holds values all the same
}

func (w *writer) int(v int32) {
	w.buf = protocol.AppendInt(w.buf, v)
	w.count++
}

func (w *writer) gaps(list []int32) {
	w.int(int32(len(list)))
	last := int32(-1)
	for _, i := range list {
		w.int(i - last - 1)
		last = i
	}
}

// values and differences write a column. Nearly all words of a world go through
// these two, and most of them are one byte.
func (w *writer) values(c *column, row []uint32) {
	buf := w.buf
	for _, word := range row[c.offset : c.offset+c.words] {
		buf = protocol.AppendInt(buf, c.value(word))
	}
	w.buf = buf
	w.count += c.words
}

func (w *writer) differences(c *column, row, old []uint32) {
	buf := w.buf
	for i := c.offset; i < c.offset+c.words; i++ {
		v := c.value(row[i]) - c.value(old[i])
		if uint32(v)+32 < 32+128 { // one byte, see protocol.AppendInt
			buf = append(buf, byte(v))
			continue
		}
		buf = protocol.AppendInt(buf, v)
	}
	w.buf = buf
	w.count += c.words
}
