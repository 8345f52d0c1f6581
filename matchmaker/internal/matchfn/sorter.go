package matchfn

import (
	"math"
	"slices"
)

// sorter sorts numbers by 64-bit keys. It is stable, takes linear time, and allocates
// nothing once it has grown.
type sorter struct {
	keys, otherKeys []uint64
	ids, otherIDs   []int32
}

// reset makes room for n keys and ids, which the caller sets.
func (s *sorter) reset(n int) {
	if cap(s.keys) < n {
		s.keys, s.otherKeys = make([]uint64, n, n+n/4), make([]uint64, n, n+n/4)
		s.ids, s.otherIDs = make([]int32, n, n+n/4), make([]int32, n, n+n/4)
	}
	s.keys, s.otherKeys = s.keys[:n], s.otherKeys[:n]
	s.ids, s.otherIDs = s.ids[:n], s.otherIDs[:n]
}

// sort is a radix sort by bytes, the lowest first. A byte that is the same in all
// keys costs only its count.
func (s *sorter) sort() {
	if slices.IsSorted(s.keys) {
		return
	}
	var counts [8][256]int32
	for _, key := range s.keys {
		for b := range counts {
			counts[b][byte(key>>(8*b))]++
		}
	}
	for b := range counts {
		count := &counts[b]
		if count[byte(s.keys[0]>>(8*b))] == int32(len(s.keys)) {
			continue
		}
		at := int32(0)
		for v, n := range count {
			count[v] = at
			at += n
		}
		for i, key := range s.keys {
			to := &count[byte(key>>(8*b))]
			s.otherKeys[*to], s.otherIDs[*to] = key, s.ids[i]
			*to++
		}
		s.keys, s.otherKeys = s.otherKeys, s.keys
		s.ids, s.otherIDs = s.otherIDs, s.ids
	}
}

// floatKey has the order of the numbers.
func floatKey(f float64) uint64 {
	bits := math.Float64bits(f)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

// intKey has the order of the numbers.
func intKey(i int64) uint64 { return uint64(i) ^ 1<<63 }
