package protocol

import (
	"errors"
	"fmt"
	"math/bits"

	"tactus/game"
)

// Reasons why a snapshot could not be applied. After any of them the replica
// holds part of the snapshot and accepts only a keyframe: request one with
// [AppendResync].
var (
	// ErrNoBaseline is for a delta before the first keyframe, or after an error.
	ErrNoBaseline = errors.New("protocol: no keyframe to apply the snapshot to")
	// ErrGap is for a delta against another snapshot than the last one.
	ErrGap = errors.New("protocol: snapshot does not follow the last one")
	// ErrSection is for a section that does not fit the schema.
	ErrSection = errors.New("protocol: section does not fit the schema")
	// ErrEvent is for an event that does not fit the schema.
	ErrEvent = errors.New("protocol: event does not fit the schema")
)

// sectionKind is one of the three sections of a snapshot, in the order in which
// they are applied.
type sectionKind int

const (
	publicSection sectionKind = iota
	teamSection
	ownSection
	sectionKinds
)

func (k sectionKind) String() string { return [...]string{"public", "team", "own"}[k] }

// Replica is a client's copy of what it may see of a match. It is not safe for
// concurrent use; owned by the goroutine that applies snapshots. Memory grows
// with the highest row seen, up to the capacities in the schema. In steady state
// applying a snapshot does not allocate.
type Replica struct {
	// OnEvent, if set, is called by [Replica.Apply] for each event that was not
	// seen before. The event is valid until it returns.
	OnEvent func(e *ReplicaEvent)

	schema *game.Schema
	tables []replicaTable
	event  ReplicaEvent // the event in hand
	words  []uint32     // and its words
	tick   uint32
	seq    uint32 // newest event
	synced bool
}

// ReplicaEvent is a game event with all words of its row.
type ReplicaEvent struct {
	Seq   uint32
	Tick  uint32
	Table int // index into the schema's events
	Words []uint32
}

type replicaTable struct {
	stride   int
	capacity int
	words    []uint32
	gens     []uint32
	alive    []uint64
	count    int
	columns  [sectionKinds][]column
	home     [sectionKinds]bool // sections in which rows come and go
}

// column is a field as one section carries it.
type column struct {
	offset int
	words  int
	quant  uint8
	low    bool // only the low quant bits; otherwise all but those
}

// NewReplica returns an empty replica that waits for a keyframe. The schema is
// kept and must not change.
func NewReplica(schema *game.Schema) *Replica {
	r := &Replica{schema: schema, tables: make([]replicaTable, len(schema.Tables))}
	for i := range r.tables {
		r.tables[i].describe(&schema.Tables[i])
	}
	stride := 0
	for i := range schema.Events {
		stride = max(stride, schema.Events[i].Stride)
	}
	r.words = make([]uint32, stride)
	return r
}

func (t *replicaTable) describe(s *game.TableSchema) {
	t.stride, t.capacity = s.Stride, s.Capacity
	public := s.HasVisible(game.Public)
	t.home = [sectionKinds]bool{public, !public && s.HasVisible(game.Team), !public && s.HasVisible(game.Owner)}
	for i := range s.Fields {
		f := &s.Fields[i]
		c := column{offset: f.Offset, words: f.Words}
		switch f.Vis {
		case game.Public:
			c.quant = f.Quant
			t.columns[publicSection] = append(t.columns[publicSection], c)
			if c.quant > 0 {
				c.low = true
				t.columns[ownSection] = append(t.columns[ownSection], c)
			}
		case game.Team:
			t.columns[teamSection] = append(t.columns[teamSection], c)
		case game.Owner:
			t.columns[ownSection] = append(t.columns[ownSection], c)
		case game.Server:
		}
	}
}

// Schema is what the replica was made with.
func (r *Replica) Schema() *game.Schema { return r.schema }

// Tick is that of the last snapshot applied.
func (r *Replica) Tick() uint32 { return r.tick }

// Synced reports whether the replica holds a state that deltas can be applied to.
func (r *Replica) Synced() bool { return r.synced }

// EventSeq is the newest event seen. A client that reconnects sends it in hello.
func (r *Replica) EventSeq() uint32 { return r.seq }

// High is one more than the highest index of the table at which a row can live.
func (r *Replica) High(table int) int { return len(r.tables[table].gens) }

// Len is the number of rows that live in the table.
func (r *Replica) Len(table int) int { return r.tables[table].count }

// Alive reports whether a row lives at the index.
func (r *Replica) Alive(table, index int) bool { return r.tables[table].isAlive(index) }

// Entity is the id of the row at the index, [game.NoEntity] where none lives.
func (r *Replica) Entity(table, index int) game.Entity {
	t := &r.tables[table]
	if !t.isAlive(index) {
		return game.NoEntity
	}
	return game.MakeEntity(index, t.gens[index])
}

// Row is the row's own memory, nil where none lives. It is read-only, and valid
// until the next Apply.
func (r *Replica) Row(table, index int) []uint32 {
	t := &r.tables[table]
	if !t.isAlive(index) {
		return nil
	}
	return t.row(index)
}

// Hash is what the server sends with [FlagHash] when both see the same.
func (r *Replica) Hash() uint32 {
	h := game.NewHash()
	for i := range r.tables {
		t := &r.tables[i]
		for w, word := range t.alive {
			for ; word != 0; word &= word - 1 {
				index := w<<6 + bits.TrailingZeros64(word)
				h.Word(uint32(i))
				h.Word(uint32(game.MakeEntity(index, t.gens[index])))
				h.Words(t.row(index))
			}
		}
	}
	return h.Sum32()
}

// Apply brings the replica to the snapshot's tick and reports its new events.
func (r *Replica) Apply(s *Snapshot) error {
	switch {
	case s.Flags&FlagKeyframe != 0:
		for i := range r.tables {
			r.tables[i].clear()
		}
	case !r.synced:
		return ErrNoBaseline
	case s.Tick-s.Gap != r.tick:
		r.synced = false
		return ErrGap
	}
	r.synced = false
	diff := s.Flags&FlagDiff != 0
	for kind, section := range [sectionKinds]Section{s.Public, s.Team, s.Own} {
		if err := r.applySection(sectionKind(kind), section, diff); err != nil {
			return err
		}
	}
	if err := r.applyEvents(s); err != nil {
		return err
	}
	r.tick, r.synced = s.Tick, true
	return nil
}

func (r *Replica) applySection(kind sectionKind, section Section, diff bool) error {
	in := section.Reader()
	for in.Left() > 0 {
		head := in.Index(2 * BlockAbsolute)
		table := head &^ BlockAbsolute
		if table >= len(r.tables) {
			in.fail(ErrRange)
		} else if in.Err() == nil {
			r.tables[table].applyBlock(&in, kind, diff && head&BlockAbsolute == 0)
		}
		if in.Err() != nil {
			return fmt.Errorf("%w: %v section, table %d: %w", ErrSection, kind, table, in.Err())
		}
	}
	return nil
}

func (t *replicaTable) applyBlock(in *SectionReader, kind sectionKind, diff bool) {
	removed := in.Count()
	if removed > 0 && !t.home[kind] {
		in.fail(ErrMalformed)
	}
	index := -1
	for i := 0; i < removed && in.err == nil; i++ {
		index = t.step(in, index)
		t.remove(index)
	}
	born := in.Count()
	if born > 0 && !t.home[kind] {
		in.fail(ErrMalformed)
	}
	index = -1
	for i := 0; i < born && in.err == nil; i++ {
		index = t.step(in, index)
		t.born(in, index, t.columns[kind])
	}
	groups := in.Count()
	for i := 0; i < groups && in.err == nil; i++ {
		t.applyGroup(in, t.columns[kind], diff)
	}
}

// step reads how far the next index of a list is and returns that index.
func (t *replicaTable) step(in *SectionReader, index int) int {
	return index + 1 + in.Index(t.capacity-index-1)
}

func (t *replicaTable) applyGroup(in *SectionReader, columns []column, diff bool) {
	mask := uint32(in.Int())
	rows := in.Count()
	if bits.Len32(mask) > len(columns) {
		in.fail(ErrMalformed)
	}
	index := -1
	for i := 0; i < rows && in.err == nil; i++ {
		index = t.step(in, index)
		known := t.isAlive(index)
		for m := mask; m != 0 && in.err == nil; m &= m - 1 {
			c := &columns[bits.TrailingZeros32(m)]
			if known {
				c.apply(t.row(index), in, diff)
			} else {
				in.Skip(c.words)
			}
		}
	}
}

func (t *replicaTable) born(in *SectionReader, index int, columns []column) {
	generation := in.Index(1 << 16)
	if generation == 0 {
		in.fail(ErrRange)
	}
	if in.err != nil {
		return
	}
	t.put(index, uint32(generation))
	row := t.row(index)
	for i := range columns {
		columns[i].apply(row, in, false)
	}
}

// apply reads the column's words into the row, as values or as differences to
// what the section carried of them so far.
func (c *column) apply(row []uint32, in *SectionReader, diff bool) {
	lows := uint32(1)<<c.quant - 1
	for i := c.offset; i < c.offset+c.words; i++ {
		v := uint32(in.Int())
		old := row[i]
		if c.low {
			if diff {
				v += old & lows
			}
			row[i] = old&^lows | v&lows
			continue
		}
		if diff {
			v += uint32(int32(old) >> c.quant)
		}
		row[i] = v<<c.quant | old&lows
	}
}

func (t *replicaTable) isAlive(index int) bool {
	return index>>6 < len(t.alive) && index >= 0 && t.alive[index>>6]>>(index&63)&1 != 0
}

func (t *replicaTable) row(index int) []uint32 {
	return t.words[index*t.stride : (index+1)*t.stride : (index+1)*t.stride]
}

// put makes a row of zeros live at the index. A row with the generation of the
// one that lives there stays the same entity.
func (t *replicaTable) put(index int, generation uint32) {
	if index >= len(t.gens) {
		t.grow(index + 1)
	}
	if !t.isAlive(index) {
		t.alive[index>>6] |= 1 << (index & 63)
		t.count++
	}
	t.gens[index] = generation
	clear(t.row(index))
}

// grow makes room for n rows or more, at least doubling what there was, so that
// a table that fills row by row is not copied at each.
func (t *replicaTable) grow(n int) {
	n = min(max(n, 2*len(t.gens), 16), t.capacity)
	t.words = append(make([]uint32, 0, n*t.stride), t.words...)[:n*t.stride]
	t.gens = append(make([]uint32, 0, n), t.gens...)[:n]
	alive := (n + 63) / 64
	t.alive = append(make([]uint64, 0, alive), t.alive...)[:alive]
}

func (t *replicaTable) remove(index int) {
	if t.isAlive(index) {
		t.alive[index>>6] &^= 1 << (index & 63)
		t.count--
	}
}

func (t *replicaTable) clear() {
	clear(t.alive)
	t.count = 0
}

// applyEvents reports the snapshot's events that are newer than the newest seen.
func (r *Replica) applyEvents(s *Snapshot) error {
	events := s.EventReader()
	var e Event
	for events.Next(&e) {
		if e.Table >= len(r.schema.Events) || e.Words.Count < r.schema.Events[e.Table].Stride {
			return fmt.Errorf("%w: event %d, table %d", ErrEvent, e.Seq, e.Table)
		}
		if e.Seq <= r.seq {
			continue
		}
		r.seq = e.Seq
		in := e.Words.Reader()
		words := r.words[:r.schema.Events[e.Table].Stride]
		for i := range words {
			words[i] = uint32(in.Int())
		}
		if in.Err() != nil {
			return fmt.Errorf("%w: event %d: %w", ErrEvent, e.Seq, in.Err())
		}
		if r.OnEvent != nil {
			r.event = ReplicaEvent{Seq: e.Seq, Tick: e.Tick, Table: e.Table, Words: words}
			r.OnEvent(&r.event)
		}
	}
	return events.Err()
}
