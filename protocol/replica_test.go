package protocol_test

import (
	"errors"
	"slices"
	"testing"

	"tactus/game"
	"tactus/protocol"
)

// rowsOf lists what a replica holds of a table.
func rowsOf(r *protocol.Replica, table int) (out []viewRow) {
	for i := range r.High(table) {
		if row := r.Row(table, i); row != nil {
			out = append(out, viewRow{i, r.Entity(table, i).Generation(), row})
		}
	}
	return out
}

func sameRows(a, b []viewRow) bool {
	return slices.EqualFunc(a, b, func(x, y viewRow) bool {
		return x.index == y.index && x.generation == y.generation && slices.Equal(x.words, y.words)
	})
}

func TestReplica_followsEveryVector(t *testing.T) {
	schemas := map[string]*game.Schema{}
	for _, s := range sequences() {
		schemas[s.name] = s.schema
	}
	for _, v := range load[sequenceVector](t, "snapshots.json") {
		t.Run(v.Name, func(t *testing.T) {
			schema := schemas[v.Name]
			if schema.Hash() != v.SchemaHash {
				t.Fatalf("schema hash %d, want %d", schema.Hash(), v.SchemaHash)
			}
			replica := protocol.NewReplica(schema)
			var events []eventVector
			replica.OnEvent = func(e *protocol.ReplicaEvent) {
				events = append(events, eventVector{e.Seq, e.Tick, e.Table, signed(e.Words)})
			}
			for _, f := range v.Frames {
				events = nil
				applyVector(t, replica, f)
				if !slices.EqualFunc(events, f.Events, sameEvent) {
					t.Errorf("%s: events %v, want %v", f.Name, events, f.Events)
				}
			}
		})
	}
}

func sameEvent(a, b eventVector) bool {
	return a.Seq == b.Seq && a.Tick == b.Tick && a.Table == b.Table && slices.Equal(a.Words, b.Words)
}

func applyVector(t *testing.T, replica *protocol.Replica, f frameVector) {
	t.Helper()
	var s protocol.Snapshot
	if err := protocol.ParseSnapshot(unhex(t, f.Hex), &s); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	want := protocol.SnapshotHeader{
		Tick: f.Tick, Gap: f.Gap, Ack: f.Ack, Slack: f.Slack, Flags: protocol.SnapshotFlags(f.Flags),
	}
	if s.SnapshotHeader != want || s.Percent != f.Percent {
		t.Errorf("%s: head %+v at %d %%, want %+v at %d %%", f.Name, s.SnapshotHeader, s.Percent, want, f.Percent)
	}
	if err := replica.Apply(&s); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	for i := range replica.Schema().Tables {
		name := replica.Schema().Tables[i].Name
		var rows []viewRow
		for _, r := range f.Tables[name] {
			words := make([]uint32, len(r.Words))
			for k, w := range r.Words {
				words[k] = uint32(w)
			}
			rows = append(rows, viewRow{r.Index, r.Generation, words})
		}
		if got := rowsOf(replica, i); !sameRows(got, rows) || len(rows) != replica.Len(i) {
			t.Errorf("%s: %s is %v (%d rows), want %v", f.Name, name, got, replica.Len(i), rows)
		}
	}
	if got := replica.Hash(); got != f.Hash || replica.Tick() != f.Tick {
		t.Errorf("%s: hash %d at tick %d, want %d at %d", f.Name, got, replica.Tick(), f.Hash, f.Tick)
	}
	if s.Flags&protocol.FlagHash != 0 && s.Hash != f.Hash {
		t.Errorf("%s: the message says hash %d, want %d", f.Name, s.Hash, f.Hash)
	}
}

// parsed makes a snapshot of a head and ints for the public section.
func parsed(t *testing.T, h protocol.SnapshotHeader, public ...int32) *protocol.Snapshot {
	t.Helper()
	return parsedSections(t, h, public, nil, nil)
}

func parsedSections(t *testing.T, h protocol.SnapshotHeader, sections ...[]int32) *protocol.Snapshot {
	t.Helper()
	b := protocol.AppendSnapshotHeader(nil, h)
	for _, ints := range sections {
		b = protocol.AppendArray(b, len(ints))
		for _, n := range ints {
			b = protocol.AppendInt(b, n)
		}
	}
	b = protocol.AppendNil(b)
	b = protocol.AppendSnapshotTail(b, 0, 0, h.Flags)
	s := &protocol.Snapshot{}
	if err := protocol.ParseSnapshot(b, s); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	keyframe = protocol.SnapshotHeader{Tick: 10, Flags: protocol.FlagKeyframe}
	delta    = protocol.SnapshotHeader{Tick: 11, Gap: 1, Flags: protocol.FlagDiff}
)

func TestReplica_rejectsSnapshotThatDoesNotFollow(t *testing.T) {
	r := protocol.NewReplica(newTestWorld().schema())
	if err := r.Apply(parsed(t, delta)); !errors.Is(err, protocol.ErrNoBaseline) {
		t.Fatalf("a delta first: %v", err)
	}
	if err := r.Apply(parsed(t, keyframe)); err != nil || !r.Synced() {
		t.Fatalf("a keyframe: %v", err)
	}
	if err := r.Apply(parsed(t, protocol.SnapshotHeader{Tick: 12, Gap: 1})); !errors.Is(err, protocol.ErrGap) {
		t.Fatalf("a delta against a snapshot that was never sent: %v", err)
	}
	if err := r.Apply(parsed(t, delta)); !errors.Is(err, protocol.ErrNoBaseline) {
		t.Fatalf("a delta after an error: %v", err)
	}
	if err := r.Apply(parsed(t, keyframe)); err != nil {
		t.Fatalf("a keyframe after an error: %v", err)
	}
	if err := r.Apply(parsed(t, delta)); err != nil {
		t.Fatalf("a delta that follows: %v", err)
	}
}

func TestReplica_rejectsSectionsThatDoNotFitSchema(t *testing.T) {
	const ships, cargo = 1, 2
	for name, sections := range map[string][][]int32{
		"unknown table":             {{4, 0, 0, 0}},
		"unknown table of values":   {{4 + protocol.BlockAbsolute, 0, 0, 0}},
		"negative table":            {{-1, 0, 0, 0}},
		"a bit above absolute":      {{ships + 2*protocol.BlockAbsolute, 0, 0, 0}},
		"a broken second block":     {{ships, 0, 0, 0, ships, 9, 0}},
		"a block cut short":         {{ships, 0, 0}},
		"more removed than there":   {{ships, 9, 0}},
		"a negative count":          {{ships, -1, 0, 0}},
		"a row beyond the capacity": {{ships, 1, 100, 0, 0}},
		"a negative gap":            {{ships, 1, -1, 0, 0}},
		"a gap that wraps":          {{ships, 2, 99, 1<<31 - 1, 0, 0}},
		"born without words":        {{ships, 0, 1, 0, 1, 1, 2, 3, 4, 0}},
		"born in generation 0":      {{ships, 0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 0}},
		"born in generation 65536":  {{ships, 0, 1, 0, 65536, 1, 2, 3, 4, 5, 6, 0}},
		"a mask without a column":   {{ships, 0, 0, 1, 1 << 5, 0}},
		"a mask with bit 31":        {{ships, 0, 0, 1, -1 << 31, 0}},
		"a group cut short":         {{ships, 0, 0, 1, 1, 1, 0, 5}},
		"public rows born in own":   {nil, nil, {ships, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"public rows gone in team":  {nil, {ships, 1, 0, 0, 0}},
		"private rows in public":    {{cargo, 0, 1, 0, 1, 0}},
	} {
		for len(sections) < 3 {
			sections = append(sections, nil)
		}
		r := protocol.NewReplica(newTestWorld().schema())
		err := r.Apply(parsedSections(t, keyframe, sections...))
		if !errors.Is(err, protocol.ErrSection) || r.Synced() {
			t.Errorf("%s: error %v, synced %v", name, err, r.Synced())
		}
	}
}

func TestReplica_acceptsBlocksInAnyOrder(t *testing.T) {
	const clocks, ships = 0, 1
	r := protocol.NewReplica(newTestWorld().schema())
	err := r.Apply(parsed(t, keyframe,
		ships, 0, 1, 5, 1, 1, 2, 3, 4, 5, 6, 0,
		clocks, 0, 1, 0, 1, 7, 8, 0,
		ships, 0, 1, 2, 1, 9, 8, 7, 6, 5, 4, 0))
	if err != nil || r.Len(ships) != 2 || r.Len(clocks) != 1 || r.Row(ships, 2)[3] != 6 || r.Row(ships, 5)[3] != 4 {
		t.Fatalf("error %v, %d ships: %v, %v", err, r.Len(ships), r.Row(ships, 2), r.Row(ships, 5))
	}
	// A row that goes in one block and comes in a later one is there.
	err = r.Apply(parsed(t, delta, ships, 1, 5, 0, 0, ships, 0, 1, 5, 2, 1, 2, 3, 40, 5, 6, 0))
	if err != nil || r.Entity(ships, 5) != game.MakeEntity(5, 2) || r.Row(ships, 5)[3] != 40 {
		t.Fatalf("error %v, entity %d: %v", err, r.Entity(ships, 5), r.Row(ships, 5))
	}
}

func TestReplica_mixesBlocksOfValuesAndDifferences(t *testing.T) {
	const ships, hp = 1, 3
	r := protocol.NewReplica(newTestWorld().schema())
	if err := r.Apply(parsed(t, keyframe, ships, 0, 2, 0, 1, 1, 2, 3, 100, 5, 6, 0, 1, 1, 2, 3, 100, 5, 6, 0)); err != nil {
		t.Fatal(err)
	}
	err := r.Apply(parsed(t, delta,
		ships+protocol.BlockAbsolute, 0, 0, 1, 1<<2, 1, 0, 70,
		ships, 0, 0, 1, 1<<2, 1, 1, -1))
	if err != nil || r.Row(ships, 0)[hp] != 70 || r.Row(ships, 1)[hp] != 99 {
		t.Fatalf("error %v, %v and %v", err, r.Row(ships, 0), r.Row(ships, 1))
	}
}

func TestReplica_rowBornAgainIsZeroedAndKeepsEntity(t *testing.T) {
	const ships, hp, energy = 1, 3, 6
	r := protocol.NewReplica(newTestWorld().schema())
	err := r.Apply(parsedSections(t, keyframe, []int32{ships, 0, 1, 0, 7, 1, 2, 3, 100, 5, 6, 0}, []int32{ships, 0, 0, 1, 1, 1, 0, 50}, nil))
	if err != nil || r.Row(ships, 0)[energy] != 50 {
		t.Fatalf("error %v, %v", err, r.Row(ships, 0))
	}
	err = r.Apply(parsed(t, delta, ships, 0, 1, 0, 7, 1, 2, 3, 90, 5, 6, 0))
	row := r.Row(ships, 0)
	if err != nil || r.Entity(ships, 0) != game.MakeEntity(0, 7) || r.Len(ships) != 1 || row[hp] != 90 || row[energy] != 0 {
		t.Fatalf("error %v, entity %d of %d: %v", err, r.Entity(ships, 0), r.Len(ships), row)
	}
}

func TestReplica_ignoresUnknownRows(t *testing.T) {
	const ships = 1
	r := protocol.NewReplica(newTestWorld().schema())
	if err := r.Apply(parsed(t, keyframe)); err != nil {
		t.Fatal(err)
	}
	err := r.Apply(parsed(t, delta, ships, 1, 99, 0, 1, 1|4, 2, 98, 1, 2, 3, 0, 4, 5, 6))
	if err != nil || r.Len(ships) != 0 || r.Row(ships, 99) != nil || r.Entity(ships, 98) != game.NoEntity {
		t.Fatalf("error %v, %d rows", err, r.Len(ships))
	}
}

func TestReplica_rejectsEventsThatDoNotFitSchema(t *testing.T) {
	for name, e := range map[string]refEvent{
		"unknown table": {1, 10, 2, []uint32{1, 2, 3, 4}},
		"too few words": {1, 10, 0, []uint32{1, 2, 3}},
	} {
		b := protocol.AppendSnapshotHeader(nil, keyframe)
		b = protocol.AppendNil(protocol.AppendNil(protocol.AppendNil(b)))
		b = protocol.AppendEvent(protocol.AppendArray(b, 1), e.seq, e.tick, e.table, e.words)
		var s protocol.Snapshot
		if err := protocol.ParseSnapshot(b, &s); err != nil {
			t.Fatal(err)
		}
		if err := protocol.NewReplica(newTestWorld().schema()).Apply(&s); !errors.Is(err, protocol.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
