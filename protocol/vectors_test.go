package protocol_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/game"
	"tactus/protocol"
)

var update = flag.Bool("update", false, "write testdata/vectors from the cases in this package")

// messageVector is one element of messages.json.
type messageVector struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Hex   string `json:"hex"`
	Value any    `json:"value"` // what a MessagePack library makes of it
}

// refusedVector is one element of refused.json.
type refusedVector struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Type  int    `json:"type"` // what the message is to be read as
	Hex   string `json:"hex"`
	Error string `json:"error"`
}

// integerVector is one element of integers.json.
type integerVector struct {
	Value    int64  `json:"value"`
	Hex      string `json:"hex"`
	Shortest bool   `json:"shortest"`
}

// sequenceVector is one element of snapshots.json.
type sequenceVector struct {
	Name       string        `json:"name"`
	Slot       uint32        `json:"slot"`
	Team       int32         `json:"team"`
	Schema     any           `json:"schema"`
	SchemaHash uint32        `json:"schemaHash"`
	Frames     []frameVector `json:"frames"`
}

type frameVector struct {
	Name    string                 `json:"name"`
	Hex     string                 `json:"hex"`
	Tick    uint32                 `json:"tick"`
	Gap     uint32                 `json:"gap"`
	Ack     uint32                 `json:"ack"`
	Slack   int32                  `json:"slack"`
	Flags   uint8                  `json:"flags"`
	Percent uint32                 `json:"percent"`
	Events  []eventVector          `json:"events"`
	Tables  map[string][]rowVector `json:"tables"`
	Hash    uint32                 `json:"hash"`
}

type eventVector struct {
	Seq   uint32  `json:"seq"`
	Tick  uint32  `json:"tick"`
	Table int     `json:"table"`
	Words []int32 `json:"words"`
}

type rowVector struct {
	Index      int     `json:"index"`
	Generation uint32  `json:"generation"`
	Words      []int32 `json:"words"`
}

func signed(words []uint32) []int32 {
	out := make([]int32, 0, len(words))
	for _, w := range words {
		out = append(out, int32(w))
	}
	return out
}

func sequenceVectors(t *testing.T) (out []sequenceVector) {
	t.Helper()
	for _, s := range sequences() {
		v := sequenceVector{
			Name: s.name, Slot: uint32(s.viewer.slot), Team: s.viewer.team,
			Schema: schemaValue(t, s.schema), SchemaHash: s.schema.Hash(),
		}
		for _, f := range s.snapshots {
			v.Frames = append(v.Frames, f.vector(s.schema))
		}
		out = append(out, v)
	}
	return out
}

func (f sent) vector(schema *game.Schema) frameVector {
	v := frameVector{
		Name: f.name, Hex: hex.EncodeToString(f.bytes), Tick: f.header.Tick, Gap: f.header.Gap, Ack: f.header.Ack,
		Slack: f.header.Slack, Flags: uint8(f.header.Flags), Percent: f.percent, Hash: f.hash,
		Events: []eventVector{}, Tables: map[string][]rowVector{},
	}
	for _, e := range f.events {
		v.Events = append(v.Events, eventVector{e.seq, e.tick, e.table, signed(e.words)})
	}
	for i, rows := range f.rows {
		list := []rowVector{}
		for _, r := range rows {
			list = append(list, rowVector{r.index, r.generation, signed(r.words)})
		}
		v.Tables[schema.Tables[i].Name] = list
	}
	return v
}

// schemaValue is the schema as it stands in a welcome.
func schemaValue(t *testing.T, schema *game.Schema) any {
	t.Helper()
	welcome := protocol.AppendWelcome(nil, &protocol.Welcome{Match: "m", Rate: 30, Every: 1, Schema: schema})
	message, _ := generic(t, welcome).([]any)
	fields, _ := message[1].(map[string]any)
	return fields["schema"]
}

// generic decodes a message with the library, which knows nothing of Tactus.
func generic(t *testing.T, b []byte) any {
	t.Helper()
	r := bytes.NewReader(b)
	d := msgpack.NewDecoder(r)
	d.UseLooseInterfaceDecoding(true)
	v, err := d.DecodeInterface()
	if err != nil {
		t.Fatalf("% x: %v", b, err)
	}
	if r.Len() != 0 {
		t.Fatalf("% x: %d bytes left over", b, r.Len())
	}
	return v
}

// TestVectors_matchMessages makes sure that the files say what the cases in this package say,
// so that other languages test against the wire as it is.
func TestVectors_matchMessages(t *testing.T) {
	var messages []messageVector
	for _, m := range messageCases() {
		messages = append(messages, messageVector{m.name, m.from(), hex.EncodeToString(m.bytes), generic(t, m.bytes)})
	}
	var refused []refusedVector
	for _, c := range refusedCases() {
		refused = append(refused, refusedVector{c.name, origin(c.kind), int(c.kind), hex.EncodeToString(c.bytes), errorName(t, c.err)})
	}
	var integers []integerVector
	for _, c := range integerCases() {
		integers = append(integers, integerVector{c.value, hex.EncodeToString(c.bytes), c.shortest})
	}
	golden(t, "messages.json", messages)
	golden(t, "refused.json", refused)
	golden(t, "integers.json", integers)
	golden(t, "snapshots.json", sequenceVectors(t))
}

func errorName(t *testing.T, err error) string {
	t.Helper()
	for target, name := range map[error]string{
		protocol.ErrMalformed: "malformed", protocol.ErrType: "type", protocol.ErrRange: "range",
		protocol.ErrTooLong: "too_long", protocol.ErrText: "text", protocol.ErrMissing: "missing",
		protocol.ErrSchema: "schema",
	} {
		if errors.Is(err, target) {
			return name
		}
	}
	t.Fatalf("error %v has no name", err)
	return ""
}

// golden compares a file of vectors with the values it should hold: one element
// a line, so that changes show.
func golden[T any](t *testing.T, name string, values []T) {
	t.Helper()
	var want bytes.Buffer
	want.WriteString("[\n")
	for i, v := range values {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		want.Write(line)
		if i < len(values)-1 {
			want.WriteByte(',')
		}
		want.WriteByte('\n')
	}
	want.WriteString("]\n")
	path := filepath.Join("testdata", "vectors", name)
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is out of date; run go test ./protocol -run TestVectors_matchMessages -update and read the difference", path)
	}
}

// load reads a file of vectors.
func load[T any](t *testing.T, name string) (values []T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
