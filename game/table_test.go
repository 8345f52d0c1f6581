package game_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
	"tactus/game/fixed"
)

type dot struct {
	Pos   fixed.Vec `tactus:"pos"`
	Value int32
}

func newDots(capacity int) (*game.Tables, *game.Table[dot]) {
	tables := game.NewTables()
	return tables, game.NewTable[dot](tables, "dot", capacity)
}

func TestTable_fullSpawnsNothing(t *testing.T) {
	for _, capacity := range []int{1, 63, 64, 65, 200} {
		_, dots := newDots(capacity)
		for i := range capacity {
			if e, row := dots.Spawn(); row == nil || e.Index() != i {
				t.Fatalf("capacity %d: spawn %d gave %v, %v", capacity, i, e, row)
			}
		}
		if e, row := dots.Spawn(); row != nil || e != game.NoEntity {
			t.Errorf("capacity %d: a full table gave %v", capacity, e)
		}
		if dots.Len() != capacity || dots.Cap() != capacity {
			t.Errorf("capacity %d: Len %d, Cap %d", capacity, dots.Len(), dots.Cap())
		}
	}
}

func TestTable_entityIsStaleAfterDespawn(t *testing.T) {
	_, dots := newDots(2)
	old, row := dots.Spawn()
	row.Value = 7
	if dots.Get(old) != row {
		t.Fatal("Get does not return the row itself")
	}
	dots.Despawn(old)
	fresh, again := dots.Spawn()
	if again.Value != 0 {
		t.Error("a new row holds old words")
	}
	if fresh.Index() != old.Index() || fresh == old {
		t.Errorf("place used again: %v after %v", fresh, old)
	}
	if dots.Get(old) != nil {
		t.Error("the old entity finds the new row")
	}
	dots.Despawn(old)
	if dots.Get(fresh) == nil {
		t.Error("despawning the old entity removed the new row")
	}
	for _, e := range []game.Entity{game.NoEntity, game.MakeEntity(1, 1), game.MakeEntity(500, 1), 0xFFFFFFFF} {
		if dots.Get(e) != nil {
			t.Errorf("entity %d was never made and is found", e)
		}
	}
}

func TestTable_generationsAreNeverZero(t *testing.T) {
	_, dots := newDots(1)
	var first, last game.Entity
	for range 1 << 16 {
		e, _ := dots.Spawn()
		if e == game.NoEntity || e.Generation() == 0 || e == last {
			t.Fatalf("entity %d after %d", e, last)
		}
		if first == 0 {
			first = e
		}
		last = e
		dots.Despawn(e)
	}
	if last != first {
		t.Errorf("the 65536th row of a place is %d, want the first's name %d again", last, first)
	}
}

// TestTable_behavesAsList compares a table to the plainest thing that does the
// same: a list of rows searched from the front.
func TestTable_behavesAsList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const capacity = 130
		_, dots := newDots(capacity)
		var model [capacity]game.Entity
		for step := range int32(rapid.IntRange(1, 300).Draw(t, "steps")) {
			if rapid.IntRange(0, 2).Draw(t, "what") == 0 {
				at := rapid.IntRange(0, capacity-1).Draw(t, "at")
				dots.Despawn(model[at])
				model[at] = game.NoEntity
				continue
			}
			free := slices.Index(model[:], game.NoEntity)
			e, row := dots.Spawn()
			switch {
			case free < 0 && row == nil:
			case free < 0:
				t.Fatal("spawned into a full table")
			case e.Index() != free:
				t.Fatalf("spawned at %d, the lowest free place is %d", e.Index(), free)
			default:
				row.Value = step
				model[free] = e
			}
		}
		var got, want []game.Entity
		for e, row := range dots.All() {
			if dots.Get(e) != row {
				t.Fatal("All and Get disagree")
			}
			got = append(got, e)
		}
		for i, e := range model {
			if at, row := dots.At(i); at != e || (row == nil) != (e == game.NoEntity) {
				t.Fatalf("At(%d) = %v, want %v", i, at, e)
			}
			if e != game.NoEntity {
				want = append(want, e)
			}
		}
		if !slices.Equal(got, want) || dots.Len() != len(want) {
			t.Fatalf("rows %v, want %v", got, want)
		}
		if n := len(want); n > 0 && dots.High() != want[n-1].Index()+1 {
			t.Fatalf("High is %d", dots.High())
		}
	})
}

func TestTable_rowsMayChangeDuringIteration(t *testing.T) {
	_, dots := newDots(10)
	for range 4 {
		dots.Spawn()
	}
	var visited []int
	for e := range dots.All() {
		visited = append(visited, e.Index())
		switch e.Index() {
		case 1:
			dots.Despawn(e)
			dots.Despawn(game.MakeEntity(2, 1))
			dots.Spawn() // takes place 1, behind the visitor
		case 3:
			dots.Spawn() // place 2, behind
			dots.Spawn() // place 4, ahead
		}
	}
	if want := []int{0, 1, 3, 4}; !slices.Equal(visited, want) {
		t.Errorf("visited %v, want %v", visited, want)
	}
}

func TestRawTable_sharesMemory(t *testing.T) {
	tables, dots := newDots(3)
	raw := tables.Tables()[0]
	_, row := dots.Spawn()
	row.Pos, row.Value = fixed.Vec{X: 1, Y: 2}, 3
	if got := raw.Row(0); !slices.Equal(got, []uint32{1, 2, 3}) {
		t.Fatalf("words are %v", got)
	}
	raw.Put(2, 9)
	raw.Row(2)[2] = 5
	if row := dots.Get(game.MakeEntity(2, 9)); row == nil || row.Value != 5 {
		t.Error("a row that was put is not found")
	}
	raw.Remove(2)
	raw.Remove(2)
	if dots.Len() != 1 || dots.High() != 1 || raw.Row(2)[2] != 0 {
		t.Errorf("after removal: Len %d, High %d, words %v", dots.Len(), dots.High(), raw.Row(2))
	}
	raw.Clear()
	if e, _ := dots.Spawn(); e != game.MakeEntity(0, 1) {
		t.Errorf("a cleared table spawns %v", e)
	}
}

func TestEvents_beyondCapacityAreCounted(t *testing.T) {
	tables := game.NewTables()
	events := game.NewEvents[dot](tables, "boom", 2)
	for i := range int32(5) {
		events.Emit(dot{Value: i})
	}
	var got []int32
	for e := range events.All() {
		got = append(got, e.Value)
	}
	if !slices.Equal(got, []int32{0, 1}) || tables.Events()[0].Lost() != 3 {
		t.Errorf("kept %v, lost %d", got, tables.Events()[0].Lost())
	}
}

func TestTable_doesNotAllocate(t *testing.T) {
	_, dots := newDots(100)
	var sum int32
	if n := testing.AllocsPerRun(50, func() {
		for range 100 {
			e, row := dots.Spawn()
			row.Value = int32(e.Index())
		}
		for e, row := range dots.All() {
			sum += row.Value
			dots.Despawn(e)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sum == 0 {
		t.Error("nothing was visited")
	}
}
