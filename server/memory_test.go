package server

import "testing"

const megabyte = 1 << 20

func TestMemoryKeeper_returnsMemoryAfterARush(t *testing.T) {
	k := newMemoryKeeper()
	h := heapState{objects: 20 * megabyte, live: 16 * megabyte, free: megabyte}
	for range 50 { // collections come and go, garbage is made all the time
		if h.objects += megabyte; h.objects > 24*megabyte {
			h.objects = 16 * megabyte
		}
		if k.due(h) {
			t.Fatal("memory is returned in the middle of a rush")
		}
	}
	h.objects = 22 * megabyte
	checks := 1
	for ; !k.due(h); checks++ {
		h.objects += 10 << 10 // a quiet server logs and reports now and then
		if checks > 100 {
			t.Fatal("memory is never returned")
		}
	}
	if checks < calmChecks {
		t.Errorf("returned after %d checks, want the process to be calm for %d", checks, calmChecks)
	}
}

func TestMemoryKeeper_skipsSmallGains(t *testing.T) {
	k := newMemoryKeeper()
	for range 100 {
		if k.due(heapState{objects: 101 * megabyte, live: 100 * megabyte, free: 3 * megabyte}) {
			t.Fatal("a collection for nothing")
		}
	}
}
