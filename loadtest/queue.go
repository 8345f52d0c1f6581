package loadtest

import (
	"slices"
	"sort"
)

// queue holds a loop's links by when their next input is due. Links of the same
// tick rate share a lane.
type queue struct{ lanes []*lane }

// lane is a ring of links that send with the same period, the first due in
// front. Who has just sent is due last, so that a turn costs the same however
// many there are; a heap was a tenth of a full loop's time. Coming and going
// moves the others, which is rare.
type lane struct {
	period int64
	ring   []*link
	front  int
}

func (q *queue) add(l *link) {
	for _, e := range q.lanes {
		if e.period == l.period {
			e.insert(l)
			return
		}
	}
	q.lanes = append(q.lanes, &lane{period: l.period, ring: []*link{l}})
}

func (q *queue) remove(l *link) {
	for _, e := range q.lanes {
		if e.period == l.period {
			e.remove(l)
			return
		}
	}
}

// playDue sends every input that is due and returns when the next one is, or
// idle where nobody plays.
func (q *queue) playDue(now, idle int64) (next int64) {
	for _, e := range q.lanes {
		idle = e.playDue(now, idle)
	}
	return idle
}

func (e *lane) playDue(now, idle int64) (next int64) {
	for len(e.ring) > 0 {
		l := e.ring[e.front]
		if l.due > now {
			return min(l.due, idle)
		}
		l.play(now)
		e.turn(l)
	}
	return idle
}

// turn puts the link in front, which has a new time, where it belongs: last, but
// where somebody came in while the loop was held up.
func (e *lane) turn(l *link) {
	last := e.ring[(e.front+len(e.ring)-1)%len(e.ring)]
	if l.due < last.due {
		e.remove(l)
		e.insert(l)
		return
	}
	if e.front++; e.front == len(e.ring) {
		e.front = 0
	}
}

func (e *lane) insert(l *link) {
	e.straighten()
	at := sort.Search(len(e.ring), func(i int) bool { return e.ring[i].due > l.due })
	e.ring = slices.Insert(e.ring, at, l)
}

func (e *lane) remove(l *link) {
	e.straighten()
	if at := slices.Index(e.ring, l); at >= 0 {
		e.ring = slices.Delete(e.ring, at, at+1)
	}
}

// straighten moves the front to the beginning.
func (e *lane) straighten() {
	if e.front > 0 {
		e.ring = slices.Concat(e.ring[e.front:], e.ring[:e.front])
		e.front = 0
	}
}
