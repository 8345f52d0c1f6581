// Package timingwheel tells a loop which of its many links it is time for.
package timingwheel

import "time"

const (
	// slotTime is what a slot of a wheel stands for, in nanoseconds. Loops look at
	// it about as often.
	slotTime = int64(time.Millisecond)
	// slots is a power of two; what is due later than they reach goes round more
	// than once.
	slots = 256
)

// Wheel tells which of many numbers are due: a timing wheel (Varghese and Lauck,
// 1987), in which setting a time costs the same however many there are. Times are
// nanoseconds from 0 on.
type Wheel struct {
	first [slots]int32 // of a slot's numbers, plus one
	items []item       // by number
	due   []int32
	next  int64 // the first slot that may hold what is due, counted from time zero
}

type item struct {
	at            int64
	slot          int32 // plus one, 0: in none
	before, after int32 // in the slot, plus one
}

// Set has a number due at a time, and no longer at the one set before.
func (w *Wheel) Set(number int32, at int64) {
	for int(number) >= len(w.items) {
		w.items = append(w.items, item{})
	}
	w.Remove(number)
	slot := int32(max(at/slotTime, w.next) % slots)
	n := item{at: at, slot: slot + 1, after: w.first[slot]}
	if n.after > 0 {
		w.items[n.after-1].before = number + 1
	}
	w.items[number], w.first[slot] = n, number+1
}

// Remove forgets a number.
func (w *Wheel) Remove(number int32) {
	if int(number) >= len(w.items) || w.items[number].slot == 0 {
		return
	}
	n := w.items[number]
	if n.before > 0 {
		w.items[n.before-1].after = n.after
	} else {
		w.first[n.slot-1] = n.after
	}
	if n.after > 0 {
		w.items[n.after-1].before = n.before
	}
	w.items[number] = item{}
}

// Due returns the numbers whose time has come, and forgets them. It is valid until
// the next call.
func (w *Wheel) Due(now int64) []int32 {
	w.due = w.due[:0]
	last := now / slotTime
	w.next = max(w.next, last-slots+1)
	for ; ; w.next++ {
		for n := w.first[w.next%slots]; n > 0; {
			number := n - 1
			n = w.items[number].after
			if w.items[number].at <= now {
				w.due = append(w.due, number)
				w.Remove(number)
			}
		}
		if w.next >= last {
			return w.due
		}
	}
}

// Next returns when the next number is due, as far as that is before idle and
// before the wheel has gone round once more.
func (w *Wheel) Next(idle int64) int64 {
	for at := w.next; at < w.next+slots && at*slotTime < idle; at++ {
		earliest := idle
		for n := w.first[at%slots]; n > 0; n = w.items[n-1].after {
			earliest = min(earliest, w.items[n-1].at)
		}
		if earliest < (at+1)*slotTime {
			return earliest
		}
	}
	return idle
}
