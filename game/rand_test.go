package game_test

import (
	"testing"

	"tactus/game"
)

func TestRand_sameOnEverySystem(t *testing.T) {
	// The reference: xoshiro128** 1.1 from state 1, 2, 3, 4.
	r := game.Rand{S: [4]uint32{1, 2, 3, 4}}
	for i, want := range []uint32{11520, 0, 5927040, 70819200} {
		if got := r.Uint32(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
	// The reference: the first two numbers of splitmix64 from seed 1234567.
	r.Seed(1234567)
	if lo, hi := uint64(6457827717110365317), uint64(3203168211198807973); uint64(r.S[1])<<32|uint64(r.S[0]) != lo ||
		uint64(r.S[3])<<32|uint64(r.S[2]) != hi {
		t.Errorf("seeded state is %v", r.S)
	}
}

func TestRand_ranges(t *testing.T) {
	var r game.Rand
	r.Seed(7)
	var counts [6]int
	for range 6000 {
		counts[r.Intn(6)]++
		if n := r.Range(-3, 2); n < -3 || n > 2 {
			t.Fatalf("Range(-3, 2) gave %d", n)
		}
	}
	for n, count := range counts {
		if count < 850 || count > 1150 { // five standard deviations
			t.Errorf("%d came %d times of 6000", n, count)
		}
	}
	if r.Intn(0) != 0 || r.Intn(-5) != 0 || r.Range(5, 4) != 5 || r.Range(9, 9) != 9 {
		t.Error("empty ranges")
	}
	low, high := false, false
	for range 100 {
		n := r.Range(-1<<31, 1<<31-1)
		low, high = low || n < -1<<30, high || n > 1<<30
	}
	if !low || !high {
		t.Error("the whole range of int32 is not reached")
	}
}

func TestHash_lanes(t *testing.T) {
	a, b := game.NewHash(), game.NewHash()
	a.Words([]uint32{1, 2})
	b.Words([]uint32{2, 1})
	if a.Sum32() == b.Sum32() || uint32(a.Sum64()) == uint32(b.Sum64()) {
		t.Error("the order of words makes no difference")
	}
	if uint32(a.Sum64()>>32) != a.Sum32() {
		t.Error("Sum32 is not the first lane of Sum64")
	}
	zero := game.NewHash()
	zero.Word(0)
	if empty := game.NewHash(); zero.Sum64() == empty.Sum64() {
		t.Error("a zero word makes no difference")
	}
}
