package loadtest

import "tactus/loadtest/internal/timingwheel"

// queue holds a loop's links by when their next input is due.
type queue struct {
	wheel timingwheel.Wheel
	links []*connection // by number; nil: free
	free  []int32
}

// add takes a link, which gets a number.
func (q *queue) add(l *connection) {
	if n := len(q.free); n > 0 {
		l.number = q.free[n-1]
		q.free = q.free[:n-1]
		q.links[l.number] = l
	} else {
		l.number = int32(len(q.links))
		q.links = append(q.links, l)
	}
	q.wheel.Set(l.number, l.due)
}

// remove lets go of a link; its number may be another's then.
func (q *queue) remove(l *connection) {
	q.wheel.Remove(l.number)
	q.links[l.number] = nil
	q.free = append(q.free, l.number)
}

// playDue sends every input that is due.
func (q *queue) playDue(now int64) {
	for _, number := range q.wheel.Due(now) {
		l := q.links[number]
		l.play(now)
		q.wheel.Set(number, l.due)
	}
}
