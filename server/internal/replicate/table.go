package replicate

import "tactus/game"

// tableState holds what the tracker knows of a table: its words as of the last
// snapshot (the shadow), and when each column of each row last changed.
type tableState struct {
	layout
	raw    *game.RawTable
	index  int32
	shadow []uint32
	gens   []uint32 // generation in the shadow; 0: the row was dead
	stamps []game.Tick
	born   []game.Tick // when the row was born; 0: never
	died   []game.Tick // when a row in this place last died
	// changed is when any column of a row last changed.
	changed []game.Tick
	masks   [audiences][]uint32
	// high is the highest index that was ever alive, plus 1.
	high    int
	dirty   []int32 // rows that changed in this snapshot, without those born
	bornNow []int32
	diedNow []int32
	byOwner rowIndex
	bySide  rowIndex
	// placed is nil if the table has no position or the world no interest.
	placed *placement
}

func newTableState(raw *game.RawTable, i, slots int) *tableState {
	sc := raw.Schema()
	rows := sc.Capacity
	t := &tableState{
		layout: newLayout(sc), raw: raw, index: int32(i),
		shadow: make([]uint32, rows*sc.Stride), gens: make([]uint32, rows),
		born: make([]game.Tick, rows), died: make([]game.Tick, rows), changed: make([]game.Tick, rows),
		dirty: make([]int32, 0, rows), bornNow: make([]int32, 0, rows), diedNow: make([]int32, 0, rows),
	}
	t.stamps = make([]game.Tick, rows*t.stampsPerRow)
	for a := range t.masks {
		t.masks[a] = make([]uint32, rows)
	}
	if t.slotWord >= 0 && len(t.columns[owner]) > 0 {
		t.byOwner = newRowIndex(slots, rows)
	}
	if t.sideWord >= 0 && len(t.columns[team]) > 0 {
		t.bySide = newRowIndex(slots, rows)
	}
	return t
}

func (t *tableState) shadowRow(i int) []uint32 {
	s := t.raw.Schema().Stride
	return t.shadow[i*s : i*s+s : i*s+s]
}

// stamp compares the table with its shadow and records what changed at tick.
func (t *tableState) stamp(tick game.Tick) {
	t.dirty, t.bornNow, t.diedNow = t.dirty[:0], t.bornNow[:0], t.diedNow[:0]
	t.high = max(t.high, t.raw.High())
	t.byOwner.clear()
	t.bySide.clear()
	t.placed.reset()
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

// ownerChanged reports whether the row's owner or team differs from the
// shadow's. Such a row is sent as a new one, so that its former owner's client
// drops what it may no longer see.
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
	// Words that no client sees are copied to the shadow too.
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

// active reports whether the last stamp found any change.
func (t *tableState) active() bool { return len(t.dirty)+len(t.bornNow)+len(t.diedNow) > 0 }

// endSnapshot copies the changed rows to the shadow. The differences of a row
// that was born are to zero until then.
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

// maskSince returns which of an audience's columns changed after baseline.
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

// nonZero returns which of an audience's columns are not 0.
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

// rowsOf returns the rows by owner or by team.
func (t *tableState) rowsOf(a audience) *rowIndex {
	if a == team {
		return &t.bySide
	}
	return &t.byOwner
}
