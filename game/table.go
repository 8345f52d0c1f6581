package game

import (
	"errors"
	"iter"
	"math/bits"
	"reflect"
	"strconv"
	"unsafe"
)

// Tables is all mutable state of one match. It is not safe for concurrent use;
// owned by the match's [World].
type Tables struct {
	tables []*RawTable
	events []*RawTable
	errs   []error
}

// NewTables returns a set without tables.
func NewTables() *Tables { return &Tables{} }

// Err returns every mistake made in defining the tables, nil for none.
func (ts *Tables) Err() error { return errors.Join(ts.errs...) }

// Tables returns the tables in the order of their definition, events apart.
func (ts *Tables) Tables() []*RawTable { return ts.tables }

// Events returns the event tables in the order of their definition.
func (ts *Tables) Events() []*RawTable { return ts.events }

func (ts *Tables) add(raw *RawTable, errs []error) {
	ts.errs = append(ts.errs, errs...)
	list := &ts.tables
	if raw.schema.Event {
		list = &ts.events
	}
	if len(*list) == MaxTables {
		ts.errs = append(ts.errs, errors.New("table "+raw.schema.Name+": more than "+strconv.Itoa(MaxTables)+" tables"))
	}
	for _, other := range *list {
		if other.schema.Name == raw.schema.Name {
			ts.errs = append(ts.errs, errors.New("table "+raw.schema.Name+": defined twice"))
		}
	}
	*list = append(*list, raw)
}

// maxGeneration is the highest that fits an [Entity]; 1 comes after it.
const maxGeneration = 0xFFFF

// RawTable is a table seen as words, for code that copies, compares, hashes or
// sends state of any game.
type RawTable struct {
	schema TableSchema
	words  []uint32 // capacity x stride, the very memory of the typed rows
	alive  []uint64 // one bit a row
	// gens has the generation of the last row in each place.
	gens  []uint32
	high  int // no row at or above it is alive
	used  int // no row at or above it was ever alive
	count int
	// The words of alive below free have no free bit.
	free int
	lost uint64
}

func newRaw(schema TableSchema, words []uint32) *RawTable {
	n := schema.Capacity
	return &RawTable{schema: schema, words: words, alive: make([]uint64, (n+63)/64), gens: make([]uint32, n)}
}

// Schema describes the rows; callers must not change it.
func (t *RawTable) Schema() *TableSchema { return &t.schema }

// Len is the number of living rows.
func (t *RawTable) Len() int { return t.count }

// High is one more than the highest index that can be alive.
func (t *RawTable) High() int { return t.high }

// Alive reports whether a row lives at the index.
func (t *RawTable) Alive(i int) bool {
	return i>>6 < len(t.alive) && t.alive[i>>6]>>(i&63)&1 != 0
}

// AliveBits is the bitmap of living rows, valid until the table changes.
func (t *RawTable) AliveBits() []uint64 { return t.alive }

// Generation is that of the row at the index, living or last.
func (t *RawTable) Generation(i int) uint32 { return t.gens[i] }

// Lost counts events for which an event table had no room since it was made. It
// is no part of the state.
func (t *RawTable) Lost() uint64 { return t.lost }

// Row is the row's own memory.
func (t *RawTable) Row(i int) []uint32 {
	s := t.schema.Stride
	return t.words[i*s : i*s+s : i*s+s]
}

// Words is the memory of all rows, capacity x stride.
func (t *RawTable) Words() []uint32 { return t.words }

// spawn takes the lowest free place, so that the choice depends on nothing but
// which rows live. It returns -1 when the table is full.
func (t *RawTable) spawn() int {
	for w := t.free; w < len(t.alive); w++ {
		if t.alive[w] == ^uint64(0) {
			t.free = w + 1
			continue
		}
		i := w<<6 + bits.TrailingZeros64(^t.alive[w])
		if i >= t.schema.Capacity {
			return -1
		}
		gen := (t.gens[i] + 1) & maxGeneration
		if gen == 0 {
			gen = 1
		}
		t.Put(i, gen)
		return i
	}
	return -1
}

// Put makes the row at index live with the given generation and zero words. It
// replaces a living row. Readers of saved state rebuild tables with it.
func (t *RawTable) Put(i int, generation uint32) {
	if !t.Alive(i) {
		t.alive[i>>6] |= 1 << (i & 63)
		t.count++
	}
	t.gens[i] = generation
	clear(t.Row(i))
	t.high = max(t.high, i+1)
	t.used = max(t.used, i+1)
}

// Remove frees the row at the index and zeroes its words.
func (t *RawTable) Remove(i int) {
	if !t.Alive(i) {
		return
	}
	t.alive[i>>6] &^= 1 << (i & 63)
	t.count--
	clear(t.Row(i))
	t.free = min(t.free, i>>6)
	for t.high > 0 && !t.Alive(t.high-1) {
		t.high--
	}
}

// Clear frees every row and forgets their generations.
func (t *RawTable) Clear() {
	clear(t.words)
	clear(t.alive)
	clear(t.gens)
	t.high, t.used, t.count, t.free = 0, 0, 0, 0
}

// truncate frees all rows of an event table. It keeps their generations, which
// must not differ between two runs.
func (t *RawTable) truncate() {
	clear(t.words[:t.high*t.schema.Stride])
	clear(t.alive)
	t.high, t.count, t.free = 0, 0, 0
}

// Table is a table of rows of type T with a fixed capacity. Rows keep their
// place while they live and are visited in the order of their places.
type Table[T any] struct {
	raw  *RawTable
	rows []T
}

// NewTable adds a table to the set. T is a struct of 32-bit words. Tags named
// tactus define a field's audience and meaning (see docs/architecture.md). A
// table has a field tagged "pos", or is made with [Global], or is for the server
// only. [Tables.Err] reports mistakes.
func NewTable[T any](ts *Tables, name string, capacity int, options ...TableOption) *Table[T] {
	raw, rows, errs := makeTable[T](name, capacity, false, options)
	ts.add(raw, errs)
	return &Table[T]{raw: raw, rows: rows}
}

// NewSingle adds a table with exactly one row, which everyone sees, and returns
// the row. It is never despawned.
func NewSingle[T any](ts *Tables, name string) *T {
	raw, rows, errs := makeTable[T](name, 1, false, []TableOption{Global})
	raw.schema.Single = true
	ts.add(raw, errs)
	if len(errs) == 0 {
		raw.spawn()
	}
	return &rows[0]
}

func makeTable[T any](name string, capacity int, event bool, options []TableOption) (*RawTable, []T, []error) {
	schema, errs := describe(name, reflect.TypeFor[T]())
	schema.Event = event
	errs = append(errs, reservedNames(&schema)...)
	schema.Capacity = min(max(capacity, 1), MaxCapacity)
	if capacity != schema.Capacity {
		errs = append(errs, errors.New("table "+name+": capacity "+strconv.Itoa(capacity)+" is not between 1 and "+strconv.Itoa(MaxCapacity)))
	}
	global := len(options) > 0 && options[0] == Global
	visible := schema.HasVisible(Public) || schema.HasVisible(Team) || schema.HasVisible(Owner)
	if schema.Pos < 0 && !global && visible && len(errs) == 0 {
		errs = append(errs, errors.New("table "+name+`: no field is tagged "pos", so nobody can tell who should see its rows; tag a fixed.Vec, or define the table with game.Global`))
	}
	rows := make([]T, schema.Capacity)
	if len(errs) > 0 {
		schema.Stride = 0
		return newRaw(schema, nil), rows, errs
	}
	words := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(rows))), schema.Capacity*schema.Stride)
	return newRaw(schema, words), rows, nil
}

// Spawn adds a row of zero words and returns it with its entity id, or
// (NoEntity, nil) when the table is full.
func (t *Table[T]) Spawn() (Entity, *T) {
	i := t.raw.spawn()
	if i < 0 {
		return NoEntity, nil
	}
	return MakeEntity(i, t.raw.gens[i]), &t.rows[i]
}

// Get returns the row of the entity, nil when it is gone. The pointer is the
// row itself, good until the row is despawned.
func (t *Table[T]) Get(e Entity) *T {
	i := e.Index()
	if i >= len(t.rows) || !t.raw.Alive(i) || t.raw.gens[i] != e.Generation() {
		return nil
	}
	return &t.rows[i]
}

// Despawn removes the entity's row; it does nothing when the row is gone.
func (t *Table[T]) Despawn(e Entity) {
	if t.Get(e) != nil {
		t.raw.Remove(e.Index())
	}
}

// Len is the number of living rows.
func (t *Table[T]) Len() int { return t.raw.count }

// Cap is the most rows the table can hold.
func (t *Table[T]) Cap() int { return len(t.rows) }

// High is one more than the highest place that can be alive; with [Table.At]
// it visits rows without a closure.
func (t *Table[T]) High() int { return t.raw.high }

// At returns the row in a place and its entity, or nil when the place is free.
func (t *Table[T]) At(i int) (Entity, *T) {
	if !t.raw.Alive(i) {
		return NoEntity, nil
	}
	return MakeEntity(i, t.raw.gens[i]), &t.rows[i]
}

// All visits the living rows in the order of their places. Rows may be spawned
// and despawned meanwhile; a row spawned behind the visitor is not visited.
func (t *Table[T]) All() iter.Seq2[Entity, *T] {
	return func(yield func(Entity, *T) bool) {
		for i := 0; i < t.raw.high; i++ {
			if t.raw.Alive(i) && !yield(MakeEntity(i, t.raw.gens[i]), &t.rows[i]) {
				return
			}
		}
	}
}

// Events is a table of rows that exist for one tick. They are delivered reliably
// to all players that may see them. A field of type [Slot] tagged "slot"
// together with a visibility of "owner" on all fields makes events for one
// player only.
type Events[T any] struct {
	raw  *RawTable
	rows []T
}

// NewEvents adds an event table; capacity is per tick.
func NewEvents[T any](ts *Tables, name string, capacity int, options ...TableOption) *Events[T] {
	raw, rows, errs := makeTable[T](name, capacity, true, options)
	ts.add(raw, errs)
	return &Events[T]{raw: raw, rows: rows}
}

// Emit adds an event of this tick. When the table is full the event is lost,
// which the server counts.
func (t *Events[T]) Emit(event T) {
	if i := t.raw.high; i < len(t.rows) {
		t.raw.Put(i, 1)
		t.rows[i] = event
		return
	}
	t.raw.lost++
}

// All visits this tick's events in the order they were emitted.
func (t *Events[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := 0; i < t.raw.high; i++ {
			if !yield(&t.rows[i]) {
				return
			}
		}
	}
}
