package matchlog

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/game"
)

// TestWriter_logIsMessagePack reads a log with a library instead of this package.
func TestWriter_logIsMessagePack(t *testing.T) {
	d := msgpack.NewDecoder(bytes.NewReader(logOf(t, 60)))
	header, err := d.DecodeMap()
	if err != nil {
		t.Fatal(err)
	}
	if len(header) != headerKeys || header["game"] != "drift" || header["match"] != "m1" {
		t.Errorf("header %v", header)
	}
	kinds := map[int64]int{}
	for {
		record, err := d.DecodeSlice()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, ok := record[0].(int8)
		if !ok {
			t.Fatalf("record %v", record)
		}
		kinds[int64(kind)]++
	}
	if kinds[int64(KindTick)] != 60 || kinds[int64(KindEnd)] != 1 || kinds[int64(KindCheckpoint)] != 2 {
		t.Errorf("records by kind: %v", kinds)
	}
}

func TestReader_numbersOfAllSizes(t *testing.T) {
	edges := []int64{0, 1, 31, 32, 33, 127, 128, 129, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64}
	for _, v := range edges {
		for _, v := range []int64{v, -v, -v - 1} {
			b := appendInt(nil, v)
			var oracle int64
			if err := msgpack.Unmarshal(b, &oracle); err != nil || oracle != v {
				t.Errorf("%d reads as %d, %v", v, oracle, err)
			}
			d := newDecoder(bytes.NewReader(b))
			if got := d.int(); got != v || d.err != nil || !d.atEnd() {
				t.Errorf("%d reads as %d, %v", v, got, d.err)
			}
		}
	}
	d := newDecoder(bytes.NewReader(appendUint(nil, math.MaxUint64)))
	if got := d.uint(); got != math.MaxUint64 || d.err != nil {
		t.Errorf("the largest number reads as %d, %v", got, d.err)
	}
}

func TestWriter_longTextsAreCut(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	long := string(bytes.Repeat([]byte("x"), 1000))
	p.sim.Join(0, game.PlayerInfo{})
	p.log.Join(0, game.PlayerInfo{}, long, long)
	p.tick()
	p.log.Close(long)
	r.close()
	info, err := Describe(ctx, r.only(), nil)
	if err != nil || len(info.Players[0].Player) != maxText || len(info.Reason) != maxText {
		t.Errorf("%v, %v", info, err)
	}
}

func TestReader_namesOfEarlierReleasesAreCleaned(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	p.sim.Join(0, game.PlayerInfo{})
	p.log.Join(0, game.PlayerInfo{}, "id", "Sto\u0308rtebeker\u200b\u202e "+strings.Repeat("x", 30))
	p.tick()
	p.log.Close("over")
	r.close()
	info, err := Describe(ctx, r.only(), nil)
	if err != nil || info.Players[0].Name != "Störtebeker "+strings.Repeat("x", 12) {
		t.Errorf("%v, %v", info, err)
	}
}

func TestReader_unknownHeaderKeysAreSkipped(t *testing.T) {
	b := appendUint(appendText(appendMap(nil, 3), "tactus_log"), formatVersion)
	future, err := msgpack.Marshal(map[string]any{"a": []any{1, -1, "x", true, nil, []byte{1}, map[string]any{"k": int64(1) << 40}}})
	if err != nil {
		t.Fatal(err)
	}
	b = append(appendText(b, "future"), future...)
	b = appendText(appendText(b, "game"), "drift")
	r, err := Read(bytes.NewReader(b))
	if err != nil || r.Header().Game != "drift" {
		t.Errorf("got %v", err)
	}
}

func TestReader_rejectsBadLogs(t *testing.T) {
	state := appendStateRoom(appendUint(appendUint(appendArray(nil, 3), 0), 0))
	state = append(state[:len(state)-4], 0xff, 0xff, 0xff, 0xff)
	header := appendUint(appendText(appendMap(nil, 1), "tactus_log"), formatVersion)
	cases := map[string][]byte{
		"another file":               []byte("PNG and so on"),
		"a map that is no log":       appendUint(appendText(appendMap(nil, 1), "log"), 1),
		"another format":             appendUint(appendText(appendMap(nil, 1), "tactus_log"), formatVersion+1),
		"an empty header":            {0x80},
		"a huge text":                append(appendText(appendMap(nil, 1), "tactus_log")[:1], 0xdb, 0xff, 0xff, 0xff, 0xff),
		"a huge state":               append(bytes.Clone(header), state...),
		"an unknown kind":            append(bytes.Clone(header), 0x93, 99, 0, 0),
		"a tick without a start":     append(bytes.Clone(header), 0x94, 1, 1, 0, 0),
		"a record of the wrong size": append(bytes.Clone(header), 0x91, 1),
		"deep nesting":               append(appendText(appendMap(nil, 2), "tactus_log"), append([]byte{1, 0xa1, 'x'}, bytes.Repeat([]byte{0x91}, 100)...)...),
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := Read(bytes.NewReader(b))
			if err == nil {
				_, err = r.Next()
			}
			if _, ok := errors.AsType[*DamagedError](err); !ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzReader reads any bytes: no panic, no tick out of order, and what is
// refused stays refused.
func FuzzReader(f *testing.F) {
	whole := logOf(f, 8)
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(append(bytes.Clone(whole[:200]), whole[199:]...))
	f.Add(appendUint(appendText(appendMap(nil, 1), "tactus_log"), formatVersion))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var last game.Tick
		for first := true; ; first = false {
			step, err := r.Next()
			if err != nil {
				if _, again := r.Next(); !errors.Is(again, err) {
					t.Fatalf("ended with %v, then with %v", err, again)
				}
				return
			}
			if step.End == nil && !first && step.Tick != last+1 {
				t.Fatalf("tick %d behind %d", step.Tick, last)
			}
			last = step.Tick
		}
	})
}

// FuzzVerify runs whatever a log says: rules may refuse it, never panic.
func FuzzVerify(f *testing.F) {
	f.Add(logOf(f, 8), 300, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		if at >= 0 && at < len(b) {
			b[at] ^= flip
		}
		_, _ = verify(t.Context(), bytes.NewReader(b), int64(len(b)), games(drift{}))
	})
}

func TestReader_textsAndArraysOfAllSizes(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 255, 256} {
		want := strings.Repeat("x", n)
		b := appendText(nil, want)
		var oracle string
		if err := msgpack.Unmarshal(b, &oracle); err != nil || oracle != want {
			t.Errorf("text of %d bytes reads as %q, %v", n, oracle, err)
		}
		d := newDecoder(bytes.NewReader(b))
		if got := d.text(); got != want || d.err != nil {
			t.Errorf("text of %d bytes reads as %q, %v", n, got, d.err)
		}
	}
	for _, n := range []int{0, 15, 16, 19, 255, 256} {
		b := appendArray(nil, n)
		oracle, err := msgpack.NewDecoder(bytes.NewReader(b)).DecodeArrayLen()
		if err != nil || oracle != n {
			t.Errorf("array of %d reads as one of %d, %v", n, oracle, err)
		}
		d := newDecoder(bytes.NewReader(b))
		if got := d.arrayLen(256); got != n || d.err != nil {
			t.Errorf("array of %d reads as one of %d, %v", n, got, d.err)
		}
	}
}

func TestReader_readsSeals(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	p.log.Seal(3, []byte("0123456789abcdef"))
	p.tick()
	p.log.Close("over")
	r.close()
	f, err := os.Open(r.only())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	step, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(step.Records, func(rec Record) bool {
		return rec.Kind == KindSeal && rec.Slot == 3 && string(rec.Seal) == "0123456789abcdef"
	}) {
		t.Errorf("read %+v", step.Records)
	}
}
