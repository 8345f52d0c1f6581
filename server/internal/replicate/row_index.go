package replicate

// rowIndex lists rows by a small key (owner, team or cell), in ascending order.
type rowIndex struct {
	head, tail []int32
	next       []int32
	touched    []uint32
}

func newRowIndex(keys, rows int) rowIndex {
	x := rowIndex{head: make([]int32, keys), tail: make([]int32, keys), next: make([]int32, rows), touched: make([]uint32, 0, keys)}
	for k := range x.head {
		x.head[k] = -1
	}
	return x
}

func (x *rowIndex) clear() {
	for _, k := range x.touched {
		x.head[k] = -1
	}
	x.touched = x.touched[:0]
}

func (x *rowIndex) add(key uint32, row int32) {
	if key >= uint32(len(x.head)) {
		return // NoSlot, or a team that no player can be in
	}
	if x.head[key] < 0 {
		x.head[key] = row
		x.touched = append(x.touched, key)
	} else {
		x.next[x.tail[key]] = row
	}
	x.tail[key] = row
	x.next[row] = -1
}

func (x *rowIndex) first(key uint32) int32 {
	if key >= uint32(len(x.head)) {
		return -1
	}
	return x.head[key]
}
