package matchfn

import "slices"

// sizeIndex lists the entries of pools by the size of their groups. It finds the
// sizes that are rare behind those that are frequent. A pool is indexed when a cycle
// first needs it.
type sizeIndex struct {
	sorted []int32         // entries, in the place of their pool; by size, then by place
	starts []int32         // for each indexed pool, where each size begins
	of     map[int32]int32 // where a pool's starts are
}

func (x *sizeIndex) begin(entries int) {
	x.sorted = slices.Grow(x.sorted[:0], entries)[:entries]
	x.starts = x.starts[:0]
	if x.of == nil {
		x.of = make(map[int32]int32)
	}
	clear(x.of)
}

// bySize lists the entries of a pool with that many players.
func (p *pools) bySize(pool int32, players int) []int32 {
	x := &p.sizes
	from, end := p.starts[pool], p.starts[pool+1]
	at, ok := x.of[pool]
	if !ok {
		at = int32(len(x.starts))
		x.of[pool] = at
		x.starts = append(x.starts, make([]int32, p.rules.Party.Max+2)...)
		starts := x.starts[at:]
		for e := from; e < end; e++ {
			starts[p.entries[e].players+1]++
		}
		for size := 1; size < len(starts); size++ {
			starts[size] += starts[size-1]
		}
		for e := from; e < end; e++ {
			size := p.entries[e].players
			x.sorted[from+starts[size]] = e
			starts[size]++
		}
		copy(starts[1:], starts) // each has moved on to where the next begins
		starts[0] = 0
	}
	starts := x.starts[at:][:p.rules.Party.Max+2]
	return x.sorted[from+starts[players] : from+starts[players+1]]
}
