package loadtest

import (
	"slices"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/loadtest/internal/random"
)

type testInput struct {
	Move    fixed.Vec   `tactus:"min=-65536,max=65536"`
	Aim     fixed.Angle `tactus:"min=0,max=65535"`
	Free    fixed.Angle
	Buttons uint32 `tactus:"min=0,max=7"`
	Choice  int32  `tactus:"min=-3,max=-3"`
	Slots   [2]uint32
	Full    int32 `tactus:"min=-2147483648,max=2147483647"`
}

var testGame = game.DefineInput[testInput]()

func TestInputGenerator_keepsRangesAndVaries(t *testing.T) {
	schema := testGame.Schema()
	const rate = 30
	r := random.New(7, 3)
	g := newInputGenerator(&schema.TableSchema, rate, &r)
	moves, aims := map[uint32]bool{}, map[uint32]bool{}
	for range rate * 20 {
		words := g.next(&r)
		if !schema.Valid(words) {
			t.Fatalf("input %v is out of range", words)
		}
		moves[words[0]], aims[words[2]] = true, true
	}
	if n := len(moves); n < 18 || n > 22 {
		t.Errorf("%d directions in 20 s, want a new one each second", n)
	}
	if n := len(aims); n < rate*15 {
		t.Errorf("%d aims in %d inputs, want nearly all different", n, rate*20)
	}
}

func TestInputGenerator_repeatsForSameSeed(t *testing.T) {
	schema := testGame.Schema()
	choices := func(seed uint64, index int) (all []uint32) {
		r := random.New(seed, index)
		g := newInputGenerator(&schema.TableSchema, 30, &r)
		for range 100 {
			all = append(all, g.next(&r)...)
		}
		return all
	}
	if !slices.Equal(choices(1, 2), choices(1, 2)) {
		t.Error("the same bot chose differently in a second run")
	}
	if slices.Equal(choices(1, 2), choices(1, 3)) || slices.Equal(choices(1, 2), choices(2, 2)) {
		t.Error("another bot, or another seed, chose the same")
	}
}
