package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// writer appends blocks and counts their ints. A block holds the changes of one
// table. Not safe for concurrent use.
type writer struct {
	buf   []byte
	count int
	tick  game.Tick
	diff  bool // changed columns are differences, except in rows born in this tick

	absolute bool // the next block contains values in any case
}

// block appends the rows of a table. Without rows it appends nothing.
func (w *writer) block(t *tableState, a audience, rows *rowSet) {
	if rows.empty() {
		return
	}
	head := t.index
	if w.absolute {
		head += protocol.BlockAbsolute
	}
	w.int(head)
	w.gaps(rows.removed)
	w.int(int32(len(rows.born)))
	last := int32(-1)
	for _, i := range rows.born {
		w.int(i - last - 1)
		last = i
		w.int(int32(t.raw.Generation(int(i))))
		row := t.raw.Row(int(i))
		for c := range t.columns[a] {
			w.values(&t.columns[a][c], row)
		}
	}
	var room [maxGroups]uint32
	groups := rows.groupMasks(room[:0])
	w.int(int32(len(groups)))
	for _, mask := range groups {
		w.group(t, a, rows, mask)
	}
}

// absoluteBlock is block with values, also in a section of differences.
func (w *writer) absoluteBlock(t *tableState, a audience, rows *rowSet) {
	w.absolute = true
	w.block(t, a, rows)
	w.absolute = false
}

// group appends the rows that have the given mask.
func (w *writer) group(t *tableState, a audience, rows *rowSet, mask uint32) {
	n := int32(0)
	for _, m := range rows.masks {
		if m == mask {
			n++
		}
	}
	w.int(int32(mask))
	w.int(n)
	last := int32(-1)
	for at, i := range rows.rows {
		if rows.masks[at] != mask {
			continue
		}
		w.int(i - last - 1)
		last = i
		row, old := t.raw.Row(int(i)), t.shadowRow(int(i))
		diff := w.diff && !w.absolute && t.born[i] != w.tick
		for c := range t.columns[a] {
			switch {
			case mask>>c&1 == 0:
			case diff:
				w.differences(&t.columns[a][c], row, old)
			default:
				w.values(&t.columns[a][c], row)
			}
		}
	}
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

// values and differences write one column of a row. Nearly all words of a world
// pass through these two, and most of them take one byte.
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
