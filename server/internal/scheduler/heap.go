package scheduler

// deadlineHeap is a heap of tasks by their deadlines, those with equal deadlines in
// the order in which they came back to it. It does not use container/heap, which
// fetches a task into the cache for each comparison. In a process with thousands of
// tasks that costs more than their turns.
type deadlineHeap struct {
	items []item
	last  uint64 // number of the newest
}

type item struct {
	due    int64
	number uint64
	task   Task
	spent  int64 // on its last turn
}

func (i *item) before(j *item) bool {
	return i.due < j.due || i.due == j.due && i.number < j.number
}

func (h *deadlineHeap) len() int { return len(h.items) }

// next is when the first task is due; the heap must not be empty.
func (h *deadlineHeap) next() int64 { return h.items[0].due }

// push adds an item and reports whether it is the first.
func (h *deadlineHeap) push(i item) (first bool) {
	h.last++
	i.number = h.last
	h.items = append(h.items, i)
	at := len(h.items) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !h.items[at].before(&h.items[parent]) {
			break
		}
		h.items[at], h.items[parent] = h.items[parent], h.items[at]
		at = parent
	}
	return at == 0
}

// pop removes the first item.
func (h *deadlineHeap) pop() item {
	first, end := h.items[0], len(h.items)-1
	moved := h.items[end]
	h.items[end] = item{}
	h.items = h.items[:end]
	at := 0
	for child := 1; child < end; child = 2*at + 1 {
		if child+1 < end && h.items[child+1].before(&h.items[child]) {
			child++
		}
		if moved.before(&h.items[child]) {
			break
		}
		h.items[at] = h.items[child]
		at = child
	}
	if end > 0 {
		h.items[at] = moved
	}
	return first
}
