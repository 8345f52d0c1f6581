package game_test

import (
	"slices"
	"strings"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
)

func tableError[T any](options ...game.TableOption) string {
	tables := game.NewTables()
	game.NewTable[T](tables, "ship", 4, options...)
	if err := tables.Err(); err != nil {
		return err.Error()
	}
	return ""
}

type fieldsOf33 struct {
	Pos fixed.Vec `tactus:"pos"`
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P,
	Q, R, S, T, U, V, W, X, Y, Z, AA, BB, CC, DD, EE, FF int32
}

func TestNewTable_badRowsAreRejectedByName(t *testing.T) {
	type inner struct {
		Deep struct{ Name string }
	}
	type words struct{ S [2]int32 }
	for name, c := range map[string]struct {
		got  string
		want []string
	}{
		"pointer": {tableError[struct {
			Target *int32
		}](game.Global), []string{"table ship", "target", "*int32", "not made of 32-bit words"}},
		"string": {tableError[struct{ Name string }](game.Global), []string{"field name", "string"}},
		"int":    {tableError[struct{ Score int }](game.Global), []string{"field score", "int"}},
		"float":  {tableError[struct{ Speed float32 }](game.Global), []string{"field speed", "float32"}},
		"bool":   {tableError[struct{ Dead bool }](game.Global), []string{"field dead", "bool"}},
		"int64":  {tableError[struct{ Big [2]int64 }](game.Global), []string{"field big", "int64"}},
		"slice":  {tableError[struct{ Items []int32 }](game.Global), []string{"field items", "[]int32"}},
		"nested": {tableError[struct{ In inner }](game.Global), []string{"field in", "Deep", "Name"}},
		"empty array": {tableError[struct {
			A    int32
			None [0]int32
		}](game.Global), []string{"field none", "empty"}},
		"empty struct": {tableError[struct {
			A    int32
			None struct{}
		}](game.Global), []string{"field none", "empty"}},
		"no fields":    {tableError[struct{}](game.Global), []string{"table ship", "no fields"}},
		"not a struct": {tableError[int32](game.Global), []string{"table ship", "not a struct"}},
		"unknown tag": {tableError[struct {
			HP int32 `tactus:"secret"`
		}](game.Global), []string{"field hp", `"secret"`, "server"}},
		"bad number": {tableError[struct {
			HP int32 `tactus:"q=many"`
		}](game.Global), []string{"field hp", "q=many"}},
		"too many low bits": {tableError[struct {
			HP int32 `tactus:"q=25"`
		}](game.Global), []string{"field hp", "q=25"}},
		"no position": {tableError[struct{ HP int32 }](), []string{"table ship", `"pos"`, "game.Global"}},
		"pos on a Num": {tableError[struct {
			X fixed.Num `tactus:"pos"`
		}](), []string{"field x", "fixed.Vec"}},
		"two positions": {tableError[struct {
			A fixed.Vec `tactus:"pos"`
			B fixed.Vec `tactus:"pos"`
		}](), []string{"field b", "second"}},
		"owner without slot": {tableError[struct {
			Fuel int32 `tactus:"owner"`
		}](game.Global), []string{"field fuel", `"slot"`}},
		"slot of another type": {tableError[struct {
			Who int32 `tactus:"slot"`
		}](game.Global), []string{"field who", "game.Slot"}},
		"team without side": {tableError[struct {
			Plan int32 `tactus:"team"`
		}](game.Global), []string{"field plan", `"side"`}},
		"side of another type": {tableError[struct {
			Side uint32 `tactus:"side"`
		}](game.Global), []string{"field side", "int32"}},
		"too many fields": {tableError[fieldsOf33](), []string{"table ship", "33 visible fields", "32"}},
		"too many words":  {tableError[struct{ Big [257]int32 }](game.Global), []string{"table ship", "257 words"}},
		"role on a struct": {tableError[struct {
			Body words `tactus:"pos"`
		}](game.Global), []string{"field body", "nested struct"}},
		"same name twice": {tableError[struct {
			words
			S int32
		}](game.Global), []string{"field s", "another field"}},
		"name differs by case": {tableError[struct{ HP, Hp int32 }](game.Global), []string{"field hp", "another field"}},
		"name that rows have":  {tableError[struct{ Index int32 }](game.Global), []string{"field index", "choose another"}},
		"empty range": {tableError[struct {
			A int32 `tactus:"min=2,max=1"`
		}](game.Global), []string{"field a", "min=2", "max=1"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.got, want) {
				t.Errorf("%s: error %q does not say %q", name, c.got, want)
			}
		}
	}
}

func TestNewTable_badTablesAreRejected(t *testing.T) {
	tables := game.NewTables()
	game.NewTable[dot](tables, "dot", 0)
	game.NewTable[dot](tables, "dot", game.MaxCapacity+1)
	if tables.Err() == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"capacity 0", "capacity 65536", "defined twice"} {
		if !strings.Contains(tables.Err().Error(), want) {
			t.Errorf("error %q does not say %q", tables.Err(), want)
		}
	}
	many := game.NewTables()
	for i := range game.MaxTables + 1 {
		game.NewTable[dot](many, string(rune('a'+i)), 1)
	}
	if err := many.Err(); err == nil || !strings.Contains(err.Error(), "more than 32 tables") {
		t.Errorf("33 tables: %v", err)
	}
}

func TestSchema_describesStruct(t *testing.T) {
	type part struct{ Left, Right fixed.Num }
	type row struct {
		Pos    fixed.Vec `tactus:"pos,q=8"`
		HPMax  int32
		HP2    uint32
		Who    game.Slot      `tactus:"slot"`
		Side   int32          `tactus:"side"`
		Target game.Entity    `tactus:"owner"`
		Marks  [3]game.Entity `tactus:"team"`
		Angle  fixed.Angle    `tactus:"lerp"`
		Gun    part           `tactus:"server"`
		game.Rand
	}
	tables := game.NewTables()
	game.NewTable[row](tables, "ship", 10)
	if err := tables.Err(); err != nil {
		t.Fatal(err)
	}
	s := tables.Tables()[0].Schema()
	if s.Stride != 17 || s.Pos != 0 || s.Slot != 3 || s.Side != 4 || s.Capacity != 10 {
		t.Errorf("schema is %+v", s)
	}
	type field struct {
		name   string
		kind   game.Kind
		vis    game.Visibility
		offset int
		words  int
	}
	var got []field
	for _, f := range s.Fields {
		got = append(got, field{f.Name, f.Kind, f.Vis, f.Offset, f.Words})
	}
	want := []field{
		{"pos", game.KindVec, game.Public, 0, 2},
		{"hpMax", game.KindInt, game.Public, 2, 1},
		{"hp2", game.KindUint, game.Public, 3, 1},
		{"who", game.KindSlot, game.Public, 4, 1},
		{"side", game.KindInt, game.Public, 5, 1},
		{"target", game.KindEntity, game.Owner, 6, 1},
		{"marks", game.KindEntity, game.Team, 7, 3},
		{"angle", game.KindAngle, game.Public, 10, 1},
		{"gun.left", game.KindFixed, game.Server, 11, 1},
		{"gun.right", game.KindFixed, game.Server, 12, 1},
		{"s", game.KindUint, game.Server, 13, 4},
	}
	if !slices.Equal(got, want) {
		t.Errorf("fields are\n%v, want\n%v", got, want)
	}
	if s.Fields[0].Quant != 8 || !s.Fields[0].Lerp || !s.Fields[7].Lerp || s.Fields[1].Lerp {
		t.Error("quant or lerp is not what the tags say")
	}
}

func TestSchema_hashDistinguishesGames(t *testing.T) {
	base := func() *game.Schema { return newToy(1).Schema() }
	want := base().Hash()
	if newToy(2).Schema().Hash() != want {
		t.Error("the seed changes the schema")
	}
	for name, change := range map[string]func(*game.Schema){
		"version":    func(s *game.Schema) { s.Version = "2" },
		"capacity":   func(s *game.Schema) { s.Tables[1].Capacity++ },
		"field name": func(s *game.Schema) { s.Tables[1].Fields[0].Name = "at" },
		"visibility": func(s *game.Schema) { s.Tables[1].Fields[0].Vis = game.Server },
		"input":      func(s *game.Schema) { s.Input.Fields[0].Max = 5 },
		"no events":  func(s *game.Schema) { s.Events = nil },
	} {
		s := base()
		for i := range s.Tables {
			s.Tables[i].Fields = slices.Clone(s.Tables[i].Fields)
		}
		s.Input.Fields = slices.Clone(s.Input.Fields)
		change(s)
		if s.Hash() == want {
			t.Errorf("another %s has the same hash", name)
		}
	}
}
