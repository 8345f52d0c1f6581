package loadtest

import (
	"slices"
	"testing"

	"tactus/game"
	"tactus/game/fixed"
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
	r := newRandom(7, 3)
	p := newInputGenerator(&schema.TableSchema, rate, &r)
	moves, aims := map[uint32]bool{}, map[uint32]bool{}
	for range rate * 20 {
		words := p.next(&r)
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
		r := newRandom(seed, index)
		p := newInputGenerator(&schema.TableSchema, 30, &r)
		for range 100 {
			all = append(all, p.next(&r)...)
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

func TestRandom_keepsRanges(t *testing.T) {
	r := newRandom(0, 0)
	for range 1000 {
		if v := r.within(-3, 4); v < -3 || v > 4 {
			t.Fatalf("%d is not within -3 and 4", v)
		}
		if v := r.below(5); v > 4 {
			t.Fatalf("%d is not below 5", v)
		}
	}
	if v := r.within(9, 9); v != 9 {
		t.Errorf("within(9, 9) = %d", v)
	}
}
