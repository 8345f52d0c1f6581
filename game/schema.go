package game

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"tactus/game/fixed"
)

// Kind is the type of a field's words.
type Kind uint8

// Kinds of field. KindWords is a run of words without a meaning of its own.
const (
	KindWords  Kind = 0
	KindInt    Kind = 1 // int32
	KindUint   Kind = 2 // uint32
	KindFixed  Kind = 3 // fixed.Num, Q16.16
	KindVec    Kind = 4 // fixed.Vec, two words
	KindAngle  Kind = 5 // fixed.Angle, 65536 to the turn
	KindEntity Kind = 6 // Entity
	KindSlot   Kind = 7 // Slot
)

// Visibility is the audience of a field.
type Visibility uint8

// Visibilities, from everyone to no one.
const (
	Public Visibility = 0 // everyone that sees the row
	Team   Visibility = 1 // players on the row's side
	Owner  Visibility = 2 // the player in the row's slot
	Server Visibility = 3 // saved, hashed and replayed, never sent
)

// FieldSchema describes one field of a table: a run of words.
type FieldSchema struct {
	Name    string
	Kind    Kind
	Vis     Visibility
	Offset  int   // first word in the row
	Words   int   // number of words
	Quant   uint8 // low bits that only the owner gets
	Lerp    bool  // clients interpolate it; angles the short way round
	Min     int32 // input fields only: accepted range of each word
	Max     int32
	bounded bool
}

// TableSchema describes one table, event table or input struct.
type TableSchema struct {
	Name     string
	Capacity int
	// Stride is the number of words per row.
	Stride int
	Fields []FieldSchema
	Pos    int // index of the position field, -1 for none
	// Slot is the index of the field that names the owner, -1 for none.
	Slot int
	Side int // index of the field that names the side, -1 for none
	// Rows of an event table live for one tick and are delivered reliably.
	Event  bool
	Single bool // exactly one row, index 0
}

// InputSchema describes a game's input struct.
type InputSchema struct {
	TableSchema
	err error
}

// Limits of a schema. MaxFields is what a change mask has bits for.
const (
	MaxFields    = 32
	MaxCapacity  = 65535
	MaxTables    = 32
	MaxRowWords  = 256
	MaxInputWord = 16
	MaxSlots     = 4096
)

// Range of a word that is given no other.
const (
	minWord = -1 << 31
	maxWord = 1<<31 - 1
)

// Global marks a table without a position: everyone sees all its rows. It is
// explicit, since a forgotten position would silently reach everyone.
const Global TableOption = 1

// TableOption changes how a table is made.
type TableOption uint8

var (
	typeNum    = reflect.TypeFor[fixed.Num]()
	typeVec    = reflect.TypeFor[fixed.Vec]()
	typeAngle  = reflect.TypeFor[fixed.Angle]()
	typeEntity = reflect.TypeFor[Entity]()
	typeSlot   = reflect.TypeFor[Slot]()
)

// describe reads a struct type into a schema. Every mistake found is returned.
func describe(table string, t reflect.Type) (TableSchema, []error) {
	s := TableSchema{Name: table, Pos: -1, Slot: -1, Side: -1}
	d := describer{schema: &s}
	if t.Kind() != reflect.Struct {
		return s, []error{errors.New("table " + table + ": " + t.String() + " is not a struct")}
	}
	d.structFields("", t, Public)
	s.Stride = int(t.Size() / 4)
	visible := 0
	for i := range s.Fields {
		if s.Fields[i].Vis != Server {
			visible++
		}
	}
	if visible > MaxFields {
		d.fail("", "has "+strconv.Itoa(visible)+" visible fields, at most "+strconv.Itoa(MaxFields)+" fit a change mask; group some in an array")
	}
	if s.Stride > MaxRowWords {
		d.fail("", "has "+strconv.Itoa(s.Stride)+" words a row, at most "+strconv.Itoa(MaxRowWords))
	}
	if s.Stride == 0 && len(d.errs) == 0 {
		d.fail("", "has no fields")
	}
	d.needRoles()
	return s, d.errs
}

type describer struct {
	schema *TableSchema
	offset int
	errs   []error
}

func (d *describer) fail(field, why string) {
	name := "table " + d.schema.Name
	if field != "" {
		name += ", field " + field
	}
	d.errs = append(d.errs, errors.New(name+": "+why))
}

// needRoles checks that the row names the audience of its fields.
func (d *describer) needRoles() {
	for _, f := range d.schema.Fields {
		if f.Vis == Owner && d.schema.Slot < 0 {
			d.fail(f.Name, `is for the owner, but no field is tagged "slot"`)
		}
		if f.Vis == Team && d.schema.Side < 0 {
			d.fail(f.Name, `is for the team, but no field is tagged "side"`)
		}
	}
}

func (d *describer) structFields(prefix string, t reflect.Type, vis Visibility) {
	for f := range t.Fields() {
		name := prefix
		if !f.Anonymous {
			name = prefix + lowerFirst(f.Name)
		}
		tag, _ := f.Tag.Lookup("tactus")
		kind, words, why := wordsOf(f.Type)
		if why != "" {
			d.fail(name, f.Type.String()+" "+why+"; rows are made of int32, uint32, fixed-point numbers, entities, slots, and arrays and structs of these")
			continue
		}
		fs := FieldSchema{Name: name, Kind: kind, Vis: vis, Offset: d.offset, Words: words, Min: minWord, Max: maxWord}
		role := d.parseTag(&fs, tag)
		d.checkRange(&fs)
		if kind == kindStruct {
			if role != "" || fs.Quant > 0 || fs.Lerp {
				d.fail(name, "only a visibility can be given to a nested struct")
			}
			p := name + "."
			if f.Anonymous {
				p = prefix
			}
			d.structFields(p, f.Type, fs.Vis)
			continue
		}
		d.offset += words
		d.takeRole(&fs, role)
		d.checkName(name)
		d.schema.Fields = append(d.schema.Fields, fs)
	}
}

// checkName rejects a name that two fields of the row share: by an embedded
// struct, or because they differ in upper case only.
func (d *describer) checkName(name string) {
	for i := range d.schema.Fields {
		if d.schema.Fields[i].Name == name {
			d.fail(name, "has the name of another field; names differ by more than upper case")
		}
	}
}

// checkRange completes the range of an input field. Words are compared as
// int32, so that a uint32 with only a max must exclude 2^31 and above.
func (d *describer) checkRange(fs *FieldSchema) {
	if fs.bounded && fs.Kind == KindUint && fs.Min == minWord {
		fs.Min = 0
	}
	if fs.Min > fs.Max {
		d.fail(fs.Name, "min="+strconv.Itoa(int(fs.Min))+" is above max="+strconv.Itoa(int(fs.Max)))
	}
}

func (d *describer) takeRole(fs *FieldSchema, role string) {
	index := len(d.schema.Fields)
	set := func(place *int, ok bool, want string) {
		switch {
		case !ok:
			d.fail(fs.Name, `"`+role+`" wants `+want)
		case *place >= 0:
			d.fail(fs.Name, `second "`+role+`" in one table`)
		default:
			*place = index
		}
	}
	switch role {
	case "pos":
		fs.Lerp = true
		set(&d.schema.Pos, fs.Kind == KindVec && fs.Words == 2, "a fixed.Vec")
	case "slot":
		set(&d.schema.Slot, fs.Kind == KindSlot && fs.Words == 1, "a game.Slot")
	case "side":
		set(&d.schema.Side, fs.Kind == KindInt && fs.Words == 1, "an int32")
	}
}

// parseTag fills the field from its tag and returns its role.
func (d *describer) parseTag(fs *FieldSchema, tag string) (role string) {
	for part := range strings.SplitSeq(tag, ",") {
		key, value, hasValue := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "":
		case "public":
			fs.Vis = Public
		case "team":
			fs.Vis = Team
		case "owner":
			fs.Vis = Owner
		case "server":
			fs.Vis = Server
		case "lerp":
			fs.Lerp = true
		case "pos", "slot", "side":
			role = key
		case "q", "min", "max":
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil || !hasValue || key == "q" && (n < 0 || n > 24) {
				d.fail(fs.Name, `tag "`+part+`" wants a number`)
				continue
			}
			d.number(fs, key, int32(n))
		default:
			d.fail(fs.Name, `unknown tag "`+part+`"; known are public, team, owner, server, pos, slot, side, lerp, q=N, and min=N, max=N for inputs`)
		}
	}
	return role
}

func (d *describer) number(fs *FieldSchema, key string, n int32) {
	switch key {
	case "q":
		fs.Quant = uint8(n)
	case "min":
		fs.Min, fs.bounded = n, true
	case "max":
		fs.Max, fs.bounded = n, true
	}
}

// reservedNames are fields that a client's row can't have, since it has members
// of these names.
func reservedNames(s *TableSchema) (errs []error) {
	reserved := []string{"id", "index", "own"}
	if s.Event {
		reserved = []string{"seq", "tick"}
	}
	for i := range s.Fields {
		for _, name := range reserved {
			if f := &s.Fields[i]; f.Name == name && f.Visible() {
				errs = append(errs, errors.New("table "+s.Name+", field "+name+": clients' rows have a member of that name; choose another"))
			}
		}
	}
	return errs
}

const kindStruct Kind = 255

// wordsOf classifies a field's type; why says what is wrong with it.
func wordsOf(t reflect.Type) (kind Kind, words int, why string) {
	switch t {
	case typeNum:
		return KindFixed, 1, ""
	case typeVec:
		return KindVec, 2, ""
	case typeAngle:
		return KindAngle, 1, ""
	case typeEntity:
		return KindEntity, 1, ""
	case typeSlot:
		return KindSlot, 1, ""
	}
	switch t.Kind() {
	case reflect.Int32:
		return KindInt, 1, ""
	case reflect.Uint32:
		return KindUint, 1, ""
	case reflect.Array:
		kind, words, why = wordsOf(t.Elem())
		if kind == kindStruct {
			kind = KindWords
		}
		if why == "" && words*t.Len() == 0 {
			why = "is empty"
		}
		return kind, words * t.Len(), why
	case reflect.Struct:
		for field := range t.Fields() {
			_, w, bad := wordsOf(field.Type)
			if bad != "" {
				return kindStruct, 0, "holds " + field.Name + ", which " + bad
			}
			words += w
		}
		if words == 0 {
			return kindStruct, 0, "is empty"
		}
		return kindStruct, words, ""
	default:
		return 0, 0, "is not made of 32-bit words"
	}
}

func lowerFirst(s string) string {
	for i, r := range s {
		if r < 'A' || r > 'Z' {
			// HP and HP2 become hp and hp2, XPos xPos, Pos pos.
			if i > 1 && (r < '0' || r > '9') {
				i--
			}
			return strings.ToLower(s[:i]) + s[i:]
		}
	}
	return strings.ToLower(s)
}

// Schema describes a whole game to a client.
type Schema struct {
	Game    string
	Version string
	Tables  []TableSchema
	Events  []TableSchema
	Input   TableSchema
}

// Hash identifies the schema: two schemas with the same hash read each other's
// snapshots.
func (s *Schema) Hash() uint32 {
	h := NewHash()
	hashString(&h, s.Game)
	hashString(&h, s.Version)
	for _, list := range [][]TableSchema{s.Tables, s.Events, {s.Input}} {
		h.Word(uint32(len(list)))
		for i := range list {
			list[i].hash(&h)
		}
	}
	return h.Sum32()
}

func (t *TableSchema) hash(h *Hash) {
	hashString(h, t.Name)
	for _, n := range [...]int{t.Capacity, t.Stride, t.Pos, t.Slot, t.Side, len(t.Fields)} {
		h.Word(uint32(n))
	}
	for _, f := range t.Fields {
		hashString(h, f.Name)
		h.Word(uint32(f.Kind) | uint32(f.Vis)<<8 | uint32(f.Quant)<<16)
		h.Word(uint32(f.Words))
		h.Word(uint32(f.Min))
		h.Word(uint32(f.Max))
	}
}

func hashString(h *Hash, s string) {
	h.Word(uint32(len(s)))
	for i := range len(s) {
		h.Word(uint32(s[i]))
	}
}

// Visible reports whether a field reaches any player.
func (f *FieldSchema) Visible() bool { return f.Vis != Server }

// HasVisible reports whether any field has the visibility v.
func (t *TableSchema) HasVisible(v Visibility) bool {
	for i := range t.Fields {
		if t.Fields[i].Vis == v {
			return true
		}
	}
	return false
}
