package loadtest

import "container/heap"

// queue holds a loop's links by when their next input is due. Queueing again
// allocates nothing.
type queue []*link

// Len, Less, Swap, Push and Pop are heap.Interface.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

// Swap exchanges two links and their places.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push adds a *link.
func (q *queue) Push(x any) {
	l := x.(*link)
	l.place = len(*q)
	*q = append(*q, l)
}

// Pop removes the last link.
func (q *queue) Pop() any {
	old := *q
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	l.place = -1
	return l
}

func (q *queue) add(l *link) { heap.Push(q, l) }

func (q *queue) remove(l *link) {
	if l.place >= 0 {
		heap.Remove(q, l.place)
	}
}

// playDue sends every input that is due and returns when the next one is, or
// idle where nobody plays.
func (q *queue) playDue(now, idle int64) (next int64) {
	for len(*q) > 0 {
		l := (*q)[0]
		if l.due > now {
			return l.due
		}
		l.play(now)
		heap.Fix(q, 0)
	}
	return idle
}
