package loadtest

import "time"

// queue holds a loop's links by when their next input is due. Links of the same
// tick rate share a wheel.
type queue struct{ wheels []*wheel }

// slotTime is what a slot of a wheel stands for. Loops look about as often.
const slotTime = int64(time.Millisecond)

// wheel is a timing wheel (Varghese and Lauck, 1987): a ring of slots, each with
// the links whose inputs are due within one millisecond, long enough for a whole
// period ahead. Coming, going and a turn cost the same however many there are, and
// however late the loop is; a heap was a tenth of a full loop's time.
type wheel struct {
	period int64
	slots  []*link // the first of each slot's links
	count  int
	next   int64 // the first slot that may still hold what is due, counted from time zero
}

func (q *queue) add(l *link) {
	w := q.of(l.period)
	if w == nil {
		// What is due lies within a period, which may begin and end within a slot.
		w = &wheel{period: l.period, slots: make([]*link, l.period/slotTime+2)}
		q.wheels = append(q.wheels, w)
	}
	w.add(l)
}

func (q *queue) of(period int64) *wheel {
	for _, w := range q.wheels {
		if w.period == period {
			return w
		}
	}
	return nil
}

func (q *queue) remove(l *link) {
	if l.queued != nil {
		l.queued.remove(l)
	}
}

// playDue sends every input that is due and returns when the next one is, or
// idle where nobody plays.
func (q *queue) playDue(now, idle int64) (next int64) {
	for _, w := range q.wheels {
		w.playDue(now)
		idle = w.nextDue(idle)
	}
	return idle
}

func (w *wheel) slot(at int64) **link { return &w.slots[at%int64(len(w.slots))] }

// add puts a link into the slot of its time, or the first that is still to be
// looked at.
func (w *wheel) add(l *link) {
	l.queued, l.slot = w, w.slot(max(l.due/slotTime, w.next))
	if l.before, l.after = nil, *l.slot; l.after != nil {
		l.after.before = l
	}
	*l.slot = l
	w.count++
}

func (w *wheel) remove(l *link) {
	if l.before != nil {
		l.before.after = l.after
	} else {
		*l.slot = l.after
	}
	if l.after != nil {
		l.after.before = l.before
	}
	l.queued, l.slot, l.before, l.after = nil, nil, nil, nil
	w.count--
}

// playDue looks at each slot up to that of now, which may hold what is due later.
func (w *wheel) playDue(now int64) {
	last := now / slotTime
	w.next = max(w.next, last-int64(len(w.slots))+1)
	for ; ; w.next++ {
		for l := *w.slot(w.next); l != nil; {
			after := l.after
			if l.due <= now {
				w.remove(l)
				l.play(now)
				w.add(l)
			}
			l = after
		}
		if w.next >= last {
			return
		}
	}
}

// nextDue is when the next input is due, at most idle.
func (w *wheel) nextDue(idle int64) int64 {
	if w.count == 0 {
		return idle
	}
	for at := w.next; ; at++ {
		if first := *w.slot(at); first != nil {
			for l := first; l != nil; l = l.after {
				idle = min(idle, l.due)
			}
			return idle
		}
	}
}
