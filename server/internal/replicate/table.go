package replicate

import "tactus/game"

// audience is who a section is for.
type audience int

const (
	public audience = iota
	team
	owner
	audiences
)

// column is a run of words that is sent, or not, as one: a field, or the low
// bits of a quantised field.
type column struct {
	offset, words int
	bits          uint32 // of a word, that the column carries
	shift         uint8  // by how much it moves them down: the public part of a quantised field
}

// value is what the column carries of a word.
func (c *column) value(w uint32) int32 { return int32(w&c.bits) >> c.shift }

// changed reports whether the column's words differ between two rows.
func (c *column) changed(a, b []uint32) bool {
	var differs uint32
	for i := c.offset; i < c.offset+c.words; i++ {
		differs |= a[i] ^ b[i]
	}
	return differs&c.bits != 0
}

func (c *column) zero(row []uint32) bool {
	var set uint32
	for _, w := range row[c.offset : c.offset+c.words] {
		set |= w
	}
	return set&c.bits == 0
}

// tableState is what the engine remembers of one table: the words as of the
// last snapshot, and when each column of each row last changed.
type tableState struct {
	raw          *game.RawTable
	index        int32
	columns      [audiences][]column
	firstStamp   [audiences]int // of the audience's columns in stamps
	stampsPerRow int
	rowAudience  audience // who is told of the rows themselves
	slotWord     int      // word that names the owner, -1
	sideWord     int      // word that names the side, -1
	shadow       []uint32
	gens         []uint32 // generation in the shadow, 0 when the row was dead
	stamps       []game.Tick
	born         []game.Tick // when the row came to be what it is; 0 never
	died         []game.Tick // when a row in this place last went away
	changed      []game.Tick // when any column last changed
	masks        [audiences][]uint32
	high         int     // highest index that was ever alive, plus one
	dirty        []int32 // rows changed in this snapshot, ascending; born ones not among them
	bornNow      []int32
	diedNow      []int32
	byOwner      index
	bySide       index
	placed       *placement // where the rows are; nil where everyone sees them
	wordLevel    []wordLevel
}

// wordLevel says what a client stores of a word, for the visible hash.
type wordLevel struct {
	vis   game.Visibility
	quant uint8
}

func newTableState(raw *game.RawTable, i, slots int) *tableState {
	sc := raw.Schema()
	t := &tableState{raw: raw, index: int32(i), slotWord: -1, sideWord: -1}
	t.wordLevel = make([]wordLevel, sc.Stride)
	for f := range sc.Fields {
		t.addField(&sc.Fields[f])
	}
	t.rowAudience = public
	if len(t.columns[public]) == 0 {
		t.rowAudience = team
		if len(t.columns[owner]) > 0 {
			t.rowAudience = owner
		}
	}
	if sc.Slot >= 0 {
		t.slotWord = sc.Fields[sc.Slot].Offset
	}
	if sc.Side >= 0 {
		t.sideWord = sc.Fields[sc.Side].Offset
	}
	for a := range t.columns {
		t.firstStamp[a] = t.stampsPerRow
		t.stampsPerRow += len(t.columns[a])
		t.masks[a] = make([]uint32, sc.Capacity)
	}
	t.shadow = make([]uint32, sc.Capacity*sc.Stride)
	t.gens = make([]uint32, sc.Capacity)
	t.stamps = make([]game.Tick, sc.Capacity*t.stampsPerRow)
	t.born = make([]game.Tick, sc.Capacity)
	t.died = make([]game.Tick, sc.Capacity)
	t.changed = make([]game.Tick, sc.Capacity)
	t.dirty = make([]int32, 0, sc.Capacity)
	t.bornNow = make([]int32, 0, sc.Capacity)
	t.diedNow = make([]int32, 0, sc.Capacity)
	if t.slotWord >= 0 && len(t.columns[owner]) > 0 {
		t.byOwner = newIndex(slots, sc.Capacity)
	}
	if t.sideWord >= 0 && len(t.columns[team]) > 0 {
		t.bySide = newIndex(slots, sc.Capacity)
	}
	return t
}

func (t *tableState) addField(f *game.FieldSchema) {
	for w := f.Offset; w < f.Offset+f.Words; w++ {
		t.wordLevel[w] = wordLevel{f.Vis, f.Quant}
	}
	c := column{offset: f.Offset, words: f.Words, bits: ^uint32(0)}
	switch f.Vis {
	case game.Public:
		c.bits, c.shift = c.bits<<f.Quant, f.Quant
		t.columns[public] = append(t.columns[public], c)
		if f.Quant > 0 && t.raw.Schema().Slot >= 0 {
			c.bits, c.shift = 1<<f.Quant-1, 0
			t.columns[owner] = append(t.columns[owner], c)
		}
	case game.Team:
		t.columns[team] = append(t.columns[team], c)
	case game.Owner:
		t.columns[owner] = append(t.columns[owner], c)
	case game.Server:
	}
}

// replicated reports whether anybody sees anything of a table.
func replicated(sc *game.TableSchema) bool {
	for i := range sc.Fields {
		if sc.Fields[i].Vis != game.Server {
			return true
		}
	}
	return false
}

func (t *tableState) shadowRow(i int) []uint32 {
	s := t.raw.Schema().Stride
	return t.shadow[i*s : i*s+s : i*s+s]
}

// stamp compares the table with its shadow and notes what changed at tick.
func (t *tableState) stamp(tick game.Tick) {
	t.dirty, t.bornNow, t.diedNow = t.dirty[:0], t.bornNow[:0], t.diedNow[:0]
	t.high = max(t.high, t.raw.High())
	t.byOwner.clear()
	t.bySide.clear()
	t.placed.begin()
	for i := range t.high {
		gen := uint32(0)
		if t.raw.Alive(i) {
			gen = t.raw.Generation(i)
		}
		switch {
		case gen == 0 && t.gens[i] == 0:
			continue
		case gen == 0:
			t.died[i] = tick
			t.diedNow = append(t.diedNow, int32(i))
			t.placed.remove(i)
			continue
		case gen != t.gens[i] || t.ownerChanged(i):
			t.stampBorn(i, tick)
		default:
			t.stampRow(i, tick)
		}
		t.link(i)
		t.placed.place(i, t.raw.Row(i), t.born[i] == tick, t.changed[i] == tick && t.masks[public][i] != 0)
	}
}

// ownerChanged reports whether the row's owner or side is another than in the
// shadow. Such a row is sent as a new one, so that what its old owner may no
// longer see is forgotten.
func (t *tableState) ownerChanged(i int) bool {
	row, old := t.raw.Row(i), t.shadowRow(i)
	return t.slotWord >= 0 && row[t.slotWord] != old[t.slotWord] ||
		t.sideWord >= 0 && row[t.sideWord] != old[t.sideWord]
}

func (t *tableState) stampBorn(i int, tick game.Tick) {
	if t.gens[i] != 0 {
		t.died[i] = tick
		if t.rowAudience != public {
			t.diedNow = append(t.diedNow, int32(i))
		}
	}
	t.born[i], t.changed[i] = tick, tick
	t.bornNow = append(t.bornNow, int32(i))
	row := t.raw.Row(i)
	for a := range t.columns {
		var mask uint32
		for c := range t.columns[a] {
			t.stamps[i*t.stampsPerRow+t.firstStamp[a]+c] = tick
			if !t.columns[a][c].zero(row) {
				mask |= 1 << c
			}
		}
		t.masks[a][i] = mask
	}
}

func (t *tableState) stampRow(i int, tick game.Tick) {
	row, old := t.raw.Row(i), t.shadowRow(i)
	same := true
	for w := range row {
		if row[w] != old[w] {
			same = false
			break
		}
	}
	if same {
		return
	}
	var all uint32
	for a := range t.columns {
		var mask uint32
		for c := range t.columns[a] {
			if t.columns[a][c].changed(row, old) {
				mask |= 1 << c
				t.stamps[i*t.stampsPerRow+t.firstStamp[a]+c] = tick
			}
		}
		t.masks[a][i] = mask
		all |= mask
	}
	// Words nobody sees have to reach the shadow too, but concern no section.
	t.dirty = append(t.dirty, int32(i))
	if all != 0 {
		t.changed[i] = tick
	}
}

func (t *tableState) link(i int) {
	if t.byOwner.next != nil {
		t.byOwner.add(t.raw.Row(i)[t.slotWord], int32(i))
	}
	if t.bySide.next != nil {
		t.bySide.add(t.raw.Row(i)[t.sideWord], int32(i))
	}
}

// active reports whether the last stamp found anything changed.
func (t *tableState) active() bool { return len(t.dirty)+len(t.bornNow)+len(t.diedNow) > 0 }

// endSnapshot makes the shadow equal to the table: the next snapshot's differences
// are to this one. A row that was born had a zero base until now.
func (t *tableState) endSnapshot() {
	for _, i := range t.diedNow {
		clear(t.shadowRow(int(i)))
		t.gens[i] = 0
		t.placed.endSnapshot(i, false)
	}
	for _, list := range [2][]int32{t.bornNow, t.dirty} {
		for _, i := range list {
			copy(t.shadowRow(int(i)), t.raw.Row(int(i)))
			t.gens[i] = t.raw.Generation(int(i))
			t.placed.endSnapshot(i, true)
		}
	}
}

// maskSince tells which of an audience's columns changed after the baseline.
func (t *tableState) maskSince(a audience, i int, baseline game.Tick) uint32 {
	if t.changed[i] <= baseline {
		return 0
	}
	at := i*t.stampsPerRow + t.firstStamp[a]
	var mask uint32
	for c, stamp := range t.stamps[at : at+len(t.columns[a])] {
		if stamp > baseline {
			mask |= 1 << c
		}
	}
	return mask
}

// index lists rows by a small number, their owner or side, in ascending order.
type index struct {
	head, tail []int32
	next       []int32
	touched    []uint32
}

func newIndex(keys, rows int) index {
	x := index{head: make([]int32, keys), tail: make([]int32, keys), next: make([]int32, rows), touched: make([]uint32, 0, keys)}
	for k := range x.head {
		x.head[k] = -1
	}
	return x
}

func (x *index) clear() {
	for _, k := range x.touched {
		x.head[k] = -1
	}
	x.touched = x.touched[:0]
}

func (x *index) add(key uint32, row int32) {
	if key >= uint32(len(x.head)) {
		return // nobody's: NoSlot, or a side no player can be on
	}
	if x.head[key] < 0 {
		x.head[key] = row
		x.touched = append(x.touched, key)
	} else {
		x.next[x.tail[key]] = row
	}
	x.tail[key] = row
	x.next[row] = -1
}

func (x *index) first(key uint32) int32 {
	if key >= uint32(len(x.head)) {
		return -1
	}
	return x.head[key]
}
