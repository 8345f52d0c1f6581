package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/game"
	"tactus/protocol"
)

// parsers reads a message of each type as its receiver does.
var parsers = map[protocol.MessageType]func(b []byte) error{
	protocol.TypeHello:    parseOnly(protocol.ParseHello),
	protocol.TypeInput:    func(b []byte) error { _, err := protocol.ParseInput(b, make([]uint32, 4)); return err },
	protocol.TypeCommand:  parseOnly(protocol.ParseCommand),
	protocol.TypeSay:      parseOnly(protocol.ParseSay),
	protocol.TypePing:     parseOnly(protocol.ParsePing),
	protocol.TypeBye:      protocol.ParseBye,
	protocol.TypeResync:   protocol.ParseResync,
	protocol.TypeWelcome:  parseOnly(protocol.ParseWelcome),
	protocol.TypeSnapshot: func(b []byte) error { return protocol.ParseSnapshot(b, &protocol.Snapshot{}) },
	protocol.TypeRoster:   parseOnly(protocol.ParseRoster),
	protocol.TypeReply:    parseOnly(protocol.ParseReply),
	protocol.TypeChat:     parseOnly(protocol.ParseChat),
	protocol.TypePong:     parseOnly(protocol.ParsePong),
	protocol.TypeResult:   parseOnly(protocol.ParseResult),
	protocol.TypeNotice:   parseOnly(protocol.ParseNotice),
}

func parseOnly[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error { _, err := parse(b); return err }
}

func TestMessages_surviveRoundTrip(t *testing.T) {
	for _, c := range messageCases() {
		t.Run(c.name, func(t *testing.T) {
			kind, err := protocol.Type(c.bytes)
			if err != nil || kind != c.kind {
				t.Fatalf("type %d (%v), want %d", kind, err, c.kind)
			}
			again, err := c.again(c.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, c.bytes) {
				t.Errorf("read and written again: % x\nwant % x", again, c.bytes)
			}
		})
	}
}

func TestVectors_areReadByLibrary(t *testing.T) {
	for _, v := range load[messageVector](t, "messages.json") {
		got, err := json.Marshal(generic(t, unhex(t, v.Hex)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %s, want %s", v.Name, got, want)
		}
	}
}

func TestMessages_malformedAreRejected(t *testing.T) {
	for _, v := range load[refusedVector](t, "refused.json") {
		err := parsers[protocol.MessageType(v.Type)](unhex(t, v.Hex))
		if err == nil || errorName(t, err) != v.Error {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Error)
		}
	}
}

func TestMessages_truncatedAreRejected(t *testing.T) {
	for _, c := range messageCases() {
		for n := range c.bytes {
			if err := parsers[c.kind](c.bytes[:n:n]); err == nil {
				t.Errorf("%s: %d of %d bytes were taken", c.name, n, len(c.bytes))
			}
		}
	}
}

// optional are the elements of messages that may be left out at their end, from
// the third element of the message on.
var optional = map[protocol.MessageType][]any{
	protocol.TypeSay:   {1},
	protocol.TypeReply: {false, []any{}, "busy"},
}

// TestMessages_unknownElementsAreIgnored makes sure that a newer peer may add elements to
// arrays and keys to maps.
func TestMessages_unknownElementsAreIgnored(t *testing.T) {
	extra := map[string]any{"later": []any{1, "two", 3.0, nil, true, []byte{4}, map[string]any{"x": 5}}}
	for _, c := range messageCases() {
		message, _ := generic(t, c.bytes).([]any)
		if len(message) > 1 {
			if fields, isMap := message[1].(map[string]any); isMap {
				fields["later"] = extra
			}
		}
		if c.kind == protocol.TypeRoster {
			entries, _ := message[1].([]any)
			entry, _ := entries[0].([]any)
			entries[0] = append(entry, extra)
		}
		if full, ok := optional[c.kind]; ok {
			message = append(message, full[len(message)-2:]...)
		}
		b, err := msgpack.Marshal(append(message, extra, "more"))
		if err != nil {
			t.Fatal(err)
		}
		if c.kind == protocol.TypeInput {
			_, err = protocol.ParseInput(b, make([]uint32, len(message)-4))
		} else {
			err = parsers[c.kind](b)
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestType_rejectsUnknown(t *testing.T) {
	for n := range 256 {
		b := protocol.AppendUint(protocol.AppendArray(nil, 1), uint32(n))
		got, err := protocol.Type(b)
		known := n >= 1 && n <= 7 || n >= 16 && n <= 23
		if known && (err != nil || int(got) != n) || !known && !errors.Is(err, protocol.ErrType) {
			t.Errorf("type %d: %d, %v", n, got, err)
		}
		if protocol.MessageType(n).FromClient() != (n >= 1 && n <= 7) || protocol.MessageType(n).FromServer() != (n >= 16 && n <= 23) {
			t.Errorf("type %d comes from the wrong side", n)
		}
	}
}

func TestIntegers_writtenShortReadInAnyWidth(t *testing.T) {
	for _, v := range load[integerVector](t, "integers.json") {
		b := unhex(t, v.Hex)
		if v.Value >= 0 {
			ping := append([]byte{0x92, byte(protocol.TypePing)}, b...)
			if p, err := protocol.ParsePing(ping); err != nil || int64(p.Time) != v.Value {
				t.Errorf("%s: read as %d, %v; want %d", v.Hex, p.Time, err, v.Value)
			}
			if v.Shortest && !bytes.Equal(protocol.AppendUint(nil, uint32(v.Value)), b) {
				t.Errorf("%d is not written as %s", v.Value, v.Hex)
			}
		}
		if v.Value > math.MaxInt32 {
			continue
		}
		in := protocol.Section{Count: 1, Data: b}.Reader()
		if got := in.Int(); in.Err() != nil || int64(got) != v.Value {
			t.Errorf("%s: read as %d, %v; want %d", v.Hex, got, in.Err(), v.Value)
		}
		if v.Shortest && !bytes.Equal(protocol.AppendInt(nil, int32(v.Value)), b) {
			t.Errorf("%d is not written as %s", v.Value, v.Hex)
		}
	}
}

// TestIntegers_equalLibrary tries all around every power of two.
func TestIntegers_equalLibrary(t *testing.T) {
	var out bytes.Buffer
	oracle := msgpack.NewEncoder(&out)
	oracle.UseCompactInts(true)
	for shift := range 33 {
		for d := int64(-2); d <= 2; d++ {
			for _, v := range []int64{1<<shift + d, -1<<shift + d} {
				out.Reset()
				if err := oracle.EncodeInt(v); err != nil {
					t.Fatal(err)
				}
				if int64(int32(v)) == v && !bytes.Equal(protocol.AppendInt(nil, int32(v)), out.Bytes()) {
					t.Errorf("AppendInt(%d): % x, want % x", v, protocol.AppendInt(nil, int32(v)), out.Bytes())
				}
				if int64(uint32(v)) == v && !bytes.Equal(protocol.AppendUint(nil, uint32(v)), out.Bytes()) {
					t.Errorf("AppendUint(%d): % x, want % x", v, protocol.AppendUint(nil, uint32(v)), out.Bytes())
				}
			}
		}
	}
}

func TestStrings_andArraysOfEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 200} {
		text := strings.Repeat("x", n)
		want, err := msgpack.Marshal([]any{int8(protocol.TypeSay), text})
		if err != nil {
			t.Fatal(err)
		}
		want[1] = byte(protocol.TypeSay)
		got := protocol.AppendSay(nil, &protocol.Say{Text: text})
		if v, _ := generic(t, got).([]any); len(v) != 2 || v[1] != text {
			t.Errorf("%d bytes of text: % x", n, got)
		}
		parsed, err := protocol.ParseSay(got)
		if err != nil || parsed.Text != text {
			t.Errorf("%d bytes of text: %q, %v", n, parsed.Text, err)
		}
	}
	for _, n := range []int{0, 1, 15, 16, 65535, 65536, 70000} {
		var want bytes.Buffer
		if err := msgpack.NewEncoder(&want).EncodeArrayLen(n); err != nil {
			t.Fatal(err)
		}
		if got := protocol.AppendArray(nil, n); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("array of %d: % x, want % x", n, got, want.Bytes())
		}
	}
}

func TestWelcome_carriesWholeSchema(t *testing.T) {
	schema := newTestWorld().schema()
	sent := exampleWelcome()
	sent.Schema, sent.Resumed = schema, true
	got, err := protocol.ParseWelcome(protocol.AppendWelcome(nil, &sent))
	if err != nil {
		t.Fatal(err)
	}
	if got.Schema.Hash() != schema.Hash() {
		t.Errorf("schema hash %d, want %d", got.Schema.Hash(), schema.Hash())
	}
	for i := range schema.Tables {
		sameTable(t, &got.Schema.Tables[i], &schema.Tables[i])
	}
	for i := range schema.Events {
		sameTable(t, &got.Schema.Events[i], &schema.Events[i])
	}
	sameTable(t, &got.Schema.Input, &schema.Input)
	got.Schema = schema
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v\nwant %+v", got, sent)
	}
}

func sameTable(t *testing.T, got, want *game.TableSchema) {
	t.Helper()
	type table struct {
		name                              string
		capacity, stride, pos, slot, side int
		event, single                     bool
	}
	flat := func(s *game.TableSchema) table {
		return table{s.Name, s.Capacity, s.Stride, s.Pos, s.Slot, s.Side, s.Event, s.Single}
	}
	if flat(got) != flat(want) {
		t.Errorf("table %+v, want %+v", flat(got), flat(want))
	}
	same := func(a, b game.FieldSchema) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Vis == b.Vis && a.Offset == b.Offset && a.Words == b.Words &&
			a.Quant == b.Quant && a.Lerp == b.Lerp && a.Min == b.Min && a.Max == b.Max
	}
	if !slices.EqualFunc(got.Fields, want.Fields, same) {
		t.Errorf("table %s: fields %+v, want %+v", want.Name, got.Fields, want.Fields)
	}
}

func TestWelcome_badSchemaIsRejected(t *testing.T) {
	for name, spoil := range map[string]func(s *game.Schema){
		"a field beyond the row":    func(s *game.Schema) { s.Tables[0].Fields[0].Offset = 200 },
		"a role without a field":    func(s *game.Schema) { s.Tables[0].Pos = 50 },
		"a table without fields":    func(s *game.Schema) { s.Tables[0].Fields = nil },
		"a table without a name":    func(s *game.Schema) { s.Tables[0].Name = "" },
		"an input without fields":   func(s *game.Schema) { s.Input.Fields = nil },
		"a capacity over the limit": func(s *game.Schema) { s.Tables[0].Capacity = game.MaxCapacity + 1 },
		"a stride over the limit":   func(s *game.Schema) { s.Tables[0].Stride = game.MaxRowWords + 1 },
		"quantised to nothing":      func(s *game.Schema) { s.Tables[0].Fields[0].Quant = 32 },
		"too many tables":           func(s *game.Schema) { s.Tables = slices.Repeat(s.Tables, game.MaxTables+1) },
	} {
		w := exampleWelcome()
		spoil(w.Schema)
		if _, err := protocol.ParseWelcome(protocol.AppendWelcome(nil, &w)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	w := exampleWelcome()
	b := protocol.AppendWelcome(nil, &w)
	at := bytes.Index(b, []byte("\xa4mote"))
	b[at+1] = 'n'
	if _, err := protocol.ParseWelcome(b); !errors.Is(err, protocol.ErrSchema) {
		t.Errorf("another schema than its hash says: %v", err)
	}
}
