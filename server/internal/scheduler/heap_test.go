package scheduler

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDeadlineHeap_keepsOrder(t *testing.T) {
	var h deadlineHeap
	r := rand.New(rand.NewPCG(1, 2))
	type due struct{ at, number int64 }
	var want []due
	for n := range int64(5000) {
		if len(want) > 0 && r.IntN(3) == 0 {
			i := h.pop()
			if got := (due{i.due, i.spent}); got != want[0] {
				t.Fatalf("first is %v, want %v", got, want[0])
			}
			want = want[1:]
			continue
		}
		i := item{due: r.Int64N(20), spent: n}
		at, _ := slices.BinarySearchFunc(want, i.due+1, func(d due, at int64) int { return cmp.Compare(d.at, at) })
		want = slices.Insert(want, at, due{i.due, n})
		if first := h.push(i); first != (at == 0) {
			t.Fatalf("the item at place %d is the first: %v", at, first)
		}
		if h.len() != len(want) || h.next() != want[0].at {
			t.Fatalf("%d items, the first due at %d; want %d, %d", h.len(), h.next(), len(want), want[0].at)
		}
	}
}
