package random

import "testing"

func TestSource_keepsRanges(t *testing.T) {
	s := New(0, 0)
	for range 1000 {
		if v := s.Within(-3, 4); v < -3 || v > 4 {
			t.Fatalf("%d is not within -3 and 4", v)
		}
		if v := s.Below(5); v > 4 {
			t.Fatalf("%d is not below 5", v)
		}
	}
	if v := s.Within(9, 9); v != 9 {
		t.Errorf("Within(9, 9) = %d", v)
	}
}

func TestSource_repeatsForSameSeedAndIndex(t *testing.T) {
	first := func(seed uint64, index int) uint32 {
		s := New(seed, index)
		return s.Next()
	}
	number := first(1, 2)
	if again := first(1, 2); again != number {
		t.Errorf("the same client got %d and %d", number, again)
	}
	if number == first(1, 3) || number == first(2, 2) {
		t.Error("another client, or another seed, got the same number")
	}
}
