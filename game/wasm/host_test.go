package wasm

import (
	"slices"
	"strings"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/game/tag"
)

// send writes text into the buffer, as a page does, and returns its length.
func send(h *host, text string) int {
	copy(h.grow(len(text)), text)
	return len(text)
}

func initialized(t *testing.T, text string) *host {
	t.Helper()
	h := &host{games: []game.Game{tag.Game}}
	if err := h.initialize(send(h, text)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestInitialize_acceptsAndRejects(t *testing.T) {
	h := initialized(t, "tag\nclassic\nseconds=7\nx=-3\n")
	if got := h.sim.Config(); got.Mode.Name != "classic" || got.Option("seconds", 0) != 7 || got.Option("x", 0) != -3 || got.Seed != 0 {
		t.Errorf("the match is %+v", got)
	}
	if h.schema() != h.sim.Schema().Hash() || h.schema() == 0 {
		t.Error("schema hash is not the world's")
	}
	if h = initialized(t, "tag"); h.sim.Config().Mode.Name != "classic" {
		t.Error("no mode named is not the first")
	}
	for text, want := range map[string]string{
		"chess\nclassic":              `no rules of "chess"`,
		"tag\nblitz":                  `no mode "blitz"`,
		"tag\nclassic\nseconds=soon":  `"seconds=soon" is not name=number`,
		"tag\nclassic\nseconds=1\n\n": "",
		"":                            `no rules of ""`,
	} {
		err := h.initialize(send(h, text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", text, err, want)
		}
		if (h.schema() == 0) != (err != nil) {
			t.Errorf("%q: a world is there although it was refused, or the other way round", text)
		}
	}
	if err := h.initialize(1 << 20); err == nil {
		t.Error("text longer than the buffer was read")
	}
}

func TestPredict_movesPlayer(t *testing.T) {
	h := initialized(t, "tag\nclassic")
	h.put(0, 2, 9)
	h.put(0, 3, 1)
	runner := h.table(0)
	runner.Row(2)[2], runner.Row(3)[2] = 1, 4 // slots
	h.grow(64)
	for i, w := range []uint32{0, 65536, 0, 0, 65536, 0} {
		h.setWord(uint32(i), w)
	}
	if err := h.predict(5, 1, 2); err != nil {
		t.Fatal(err)
	}
	step := uint32(fixed.Ratio(1, 5))
	if got, want := runner.Row(2), []uint32{2 * step, 0, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("the player's row is %v, want %v", got, want)
	}
	if got, want := runner.Row(3), []uint32{0, 0, 4, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("another's row is %v, want %v", got, want)
	}
	h.remove(0, 2)
	if runner.Alive(2) || !runner.Alive(3) {
		t.Error("remove took the wrong row")
	}
	h.clear()
	if runner.Len() != 0 {
		t.Error("clear left a row")
	}
}

func TestCalls_badArgumentsDoNothing(t *testing.T) {
	empty := &host{}
	empty.put(0, 0, 1)
	empty.remove(0, 0)
	empty.clear()
	if empty.predict(1, 0, 0) == nil || empty.schema() != 0 || empty.table(0) != nil || empty.random(0, 1, 1) == nil {
		t.Error("something works without a match")
	}
	h := initialized(t, "tag\nclassic")
	h.put(9, 0, 1)
	h.put(0, 8, 1)
	h.remove(0, 1<<31)
	if h.table(0).Len() != 0 {
		t.Error("a row outside the table was made")
	}
	for name, err := range map[string]error{
		"slot":          h.predict(1, 8, 1),
		"short buffer":  h.predict(1, 0, 4000),
		"huge count":    h.predict(1, 0, 1<<31),
		"unknown mode":  h.random(send(h, "blitz"), 1, 1),
		"endless match": h.random(send(h, ""), 1, 1<<31),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(h.grow(maxBuffer+1)) > maxBuffer {
		t.Error("the buffer has no bound")
	}
}

func TestCalls_panicBecomesError(t *testing.T) {
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { panic("out of fuel") }, "panic in the rules: out of fuel"},
		{func() error { return noErrors[0] }, "index out of range"},
		{func() error { panic(3) }, "neither an error nor a string"},
		{func() error { return errCannotPredict }, "does not predict"},
		{func() error { panic(strings.Repeat("x", 5000)) }, "xxx"},
	} {
		h := &host{}
		n := h.guarded(c.do)
		if text, err := h.text(int(n)); n == 0 || err != nil || !strings.Contains(text, c.want) {
			t.Errorf("%q, %v does not say %q", text, err, c.want)
		}
	}
	if n := (&host{}).guarded(func() error { return nil }); n != 0 {
		t.Errorf("success gave %d", n)
	}
}

var noErrors []error
