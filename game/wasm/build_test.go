package wasm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"tactus/game"
	"tactus/game/arena"
	"tactus/game/script"
	"tactus/game/tag"
)

// call is what testdata/run.mjs understands.
type call map[string]any

// build compiles a package to WebAssembly and returns the file.
func build(t *testing.T, pkg string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds WebAssembly and runs it with node; not under -short")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: comparing the WebAssembly build with the native one takes Node 20 or later")
	}
	file := filepath.Join(t.TempDir(), "rules.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return file
}

// run makes the calls in one instance of the file and returns their results.
func run(t *testing.T, file string, calls []call) []any {
	t.Helper()
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", filepath.Join("testdata", "run.mjs"), file)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", file, err, stderr.String())
	}
	var results []any
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return results
}

// TestWebAssembly_playsSameMatch is the proof that prediction rests on: the
// page's build of the rules and the server's agree in every tick of long random
// matches.
func TestWebAssembly_playsSameMatch(t *testing.T) {
	for _, c := range []struct {
		game  game.Game
		pkg   string
		mode  string
		ticks int
	}{
		{tag.Game, "./testdata/tagwasm", "classic", proofTicks},
		{arena.Game, "tactus/cmd/arenawasm", "ffa", proofTicks},
	} {
		t.Run(c.game.Info().Name, func(t *testing.T) {
			file := build(t, c.pkg)
			const seed = 0x123456789ABCDEF0
			results := run(t, file, []call{
				{"text": c.mode},
				{"call": "tactus_random", "args": []int64{int64(len(c.mode)), seed & 0xFFFFFFFF, seed >> 32, int64(c.ticks)}},
				{"read": 1024},
				{"hash": true},
			})
			if failed := results[1].(float64); failed != 0 {
				t.Fatalf("the WebAssembly build says: %.*s", int(failed), results[2])
			}
			want, err := script.RandomHash(c.game, c.mode, seed, c.ticks)
			if err != nil {
				t.Fatal(err)
			}
			if got := results[3]; got != fmt.Sprintf("%016x", want) {
				t.Errorf("%d ticks of %s: WebAssembly has hash %v, native %016x", c.ticks, c.mode, got, want)
			}
		})
	}
}

// TestWebAssembly_predictsSame makes the same calls to the exports and to the
// host behind them.
func TestWebAssembly_predictsSame(t *testing.T) {
	file := build(t, "./testdata/tagwasm")
	const words = 5 // of a runner
	inputs := []uint32{0, 65536, 1234, 0, 0xFFFF0000, 65536}
	results := run(t, file, []call{
		{"text": "tag\nclassic\nseconds=9"},
		{"call": "tactus_init", "args": []int{21}},
		{"call": "tactus_schema"},
		{"call": "tactus_put", "args": []int{0, 3, 7}},
		{"set": []int{0, 3 * words, 1000, 2000, 5, 0, 0}},
		{"words": inputs},
		{"call": "tactus_predict", "args": []int{10, 5, 2}},
		{"row": []int{0, 0, 8 * words}},
		{"call": "tactus_predict", "args": []int{10, 8, 1}},
		{"call": "tactus_remove", "args": []int{0, 3}},
		{"row": []int{0, 0, 8 * words}},
		{"text": "tag\nnone"},
		{"call": "tactus_init", "args": []int{8}},
		{"read": 100},
		{"call": "tactus_predict", "args": []int{10, 5, 0}},
		{"call": "tactus_words", "args": []int{0}},
		{"call": "tactus_buffer", "args": []int{maxBuffer + 1}},
	})

	h := initialized(t, "tag\nclassic\nseconds=9")
	h.put(0, 3, 7)
	copy(h.table(0).Row(3), []uint32{1000, 2000, 5})
	h.grow(64)
	for i, w := range inputs {
		h.setWord(uint32(i), w)
	}
	if err := h.predict(10, 5, 2); err != nil {
		t.Fatal(err)
	}
	var rows []any
	for _, w := range h.table(0).Words() {
		rows = append(rows, float64(w))
	}
	if results[1] != 0.0 || uint32(int64(results[2].(float64))) != h.schema() || results[6] != 0.0 {
		t.Errorf("init %v, schema %v (native %d), predict %v", results[1], results[2], h.schema(), results[6])
	}
	if !reflect.DeepEqual(results[7], rows) {
		t.Errorf("rows after predicting are %v, natively %v", results[7], rows)
	}
	if n, ok := results[8].(float64); !ok || n < 1 {
		t.Errorf("predicting for a slot that is none gave %v", results[8])
	}
	if !reflect.DeepEqual(results[10], make8Rows(words)) {
		t.Errorf("rows after removal are %v", results[10])
	}
	const why = `these rules of tag have no mode "none"`
	if results[12] != float64(len(why)) || results[13].(string)[:len(why)] != why {
		t.Errorf("a bad mode gave %v, %q", results[12], results[13])
	}
	if results[14].(float64) < 1 || results[15] != 0.0 || results[16] != 0.0 {
		t.Errorf("without a world, or beyond the buffer: %v", results[14:])
	}
}

func make8Rows(words int) []any {
	rows := make([]any, 8*words)
	for i := range rows {
		rows[i] = 0.0
	}
	return rows
}
