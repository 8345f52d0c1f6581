package protocol

import (
	"errors"

	"tactus/game"
)

// ErrSchema is for a schema that contradicts itself.
var ErrSchema = errors.New("protocol: bad schema")

type schemaMap struct {
	Game    string     `msgpack:"game"`
	Version string     `msgpack:"version"`
	Tables  []tableMap `msgpack:"tables"`
	Events  []tableMap `msgpack:"events"`
	Input   tableMap   `msgpack:"input"`
}

type tableMap struct {
	Name     string       `msgpack:"name"`
	Capacity int          `msgpack:"capacity"`
	Stride   int          `msgpack:"stride"`
	Pos      int          `msgpack:"pos"`
	Slot     int          `msgpack:"slot"`
	Side     int          `msgpack:"side"`
	Single   bool         `msgpack:"single"`
	Fields   []fieldArray `msgpack:"fields"`
}

type fieldArray struct {
	_msgpack struct{} `msgpack:",as_array"` //nolint:unused // makes the library write an array
	Name     string
	Kind     uint8
	Vis      uint8
	Offset   int
	Words    int
	Quant    uint8
	Lerp     bool
	Min      int32
	Max      int32
}

func describeSchema(s *game.Schema) schemaMap {
	m := schemaMap{
		Game: s.Game, Version: s.Version, Input: describeTable(&s.Input),
		Tables: make([]tableMap, 0, len(s.Tables)), Events: make([]tableMap, 0, len(s.Events)),
	}
	for i := range s.Tables {
		m.Tables = append(m.Tables, describeTable(&s.Tables[i]))
	}
	for i := range s.Events {
		m.Events = append(m.Events, describeTable(&s.Events[i]))
	}
	return m
}

func describeTable(t *game.TableSchema) tableMap {
	m := tableMap{
		Name: t.Name, Capacity: t.Capacity, Stride: t.Stride, Pos: t.Pos, Slot: t.Slot, Side: t.Side,
		Single: t.Single, Fields: make([]fieldArray, 0, len(t.Fields)),
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		m.Fields = append(m.Fields, fieldArray{
			Name: f.Name, Kind: uint8(f.Kind), Vis: uint8(f.Vis), Offset: f.Offset, Words: f.Words,
			Quant: f.Quant, Lerp: f.Lerp, Min: f.Min, Max: f.Max,
		})
	}
	return m
}

func (r *reader) schema() *game.Schema {
	s := &game.Schema{}
	for range r.pairs() {
		switch string(r.str(MaxIdent)) {
		case "game":
			s.Game = r.text(MaxIdent)
		case "version":
			s.Version = r.text(MaxIdent)
		case "tables":
			s.Tables = r.tables(false)
		case "events":
			s.Events = r.tables(true)
		case "input":
			s.Input = r.table()
		default:
			r.skip(1)
		}
	}
	return s
}

func (r *reader) tables(event bool) (list []game.TableSchema) {
	n := r.array()
	if n > game.MaxTables {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		t := r.table()
		t.Event = event
		list = append(list, t)
	}
	return list
}

func (r *reader) table() game.TableSchema {
	t := game.TableSchema{Pos: -1, Slot: -1, Side: -1}
	for range r.pairs() {
		switch string(r.str(MaxIdent)) {
		case "name":
			t.Name = r.text(MaxIdent)
		case "capacity":
			t.Capacity = int(r.int(1, game.MaxCapacity))
		case "stride":
			t.Stride = int(r.int(1, game.MaxRowWords))
		case "pos":
			t.Pos = r.role()
		case "slot":
			t.Slot = r.role()
		case "side":
			t.Side = r.role()
		case "single":
			t.Single = r.bool()
		case "fields":
			t.Fields = r.fields()
		default:
			r.skip(1)
		}
	}
	if r.err == nil && !sound(&t) {
		r.fail(ErrSchema)
	}
	return t
}

// role returns the index of a field with a meaning of its own, -1 for none.
func (r *reader) role() int { return int(r.int(-1, game.MaxRowWords-1)) }

func (r *reader) fields() (list []game.FieldSchema) {
	n := r.array()
	if n > game.MaxRowWords {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		extra := r.record(9)
		list = append(list, game.FieldSchema{
			Name: r.text(MaxIdent), Kind: game.Kind(r.int(0, 255)), Vis: game.Visibility(r.int(0, int64(game.Server))),
			Offset: int(r.int(0, game.MaxRowWords-1)), Words: int(r.int(1, game.MaxRowWords)),
			Quant: uint8(r.int(0, 24)), Lerp: r.bool(), Min: r.int32(), Max: r.int32(),
		})
		r.skip(extra)
	}
	return list
}

// sound reports whether the table's fields lie within its rows and its roles
// name fields.
func sound(t *game.TableSchema) bool {
	visible := 0
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Offset+f.Words > t.Stride {
			return false
		}
		if f.Visible() {
			visible++
		}
	}
	for _, role := range [...]int{t.Pos, t.Slot, t.Side} {
		if role >= len(t.Fields) {
			return false
		}
	}
	return t.Name != "" && t.Capacity > 0 && t.Stride > 0 && len(t.Fields) > 0 && visible <= game.MaxFields
}
