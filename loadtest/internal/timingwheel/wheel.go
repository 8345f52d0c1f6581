// Package timingwheel implements timers for many clients of one loop.
package timingwheel

import "time"

const (
	// slotTime is the time that a slot covers, in nanoseconds. Loops call Due about as
	// often.
	slotTime = int64(time.Millisecond)
	// slots is a power of two. A time further ahead than all slots stays in its slot
	// for more than one round.
	slots = 256
)

// Wheel is a set of numbers, each due at a time: a timing wheel (Varghese and Lauck,
// 1987), in which setting a time costs the same for any number of them. Times are
// nanoseconds from 0 on. The zero value is empty. It is not safe for concurrent use.
type Wheel struct {
	first [slots]int32 // of a slot's numbers, plus one
	items []item       // by number
	due   []int32
	next  int64 // the first slot that may hold a due number, counted from time zero
}

type item struct {
	at            int64
	slot          int32 // plus one, 0: in none
	before, after int32 // in the slot, plus one
}

// Set makes a number due at a time. It replaces an earlier time of the number.
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

// Remove removes a number.
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

// Due removes the numbers that are due at now and returns them. The result is valid
// until the next call.
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

// Next returns when the next number is due, and idle if no number is due before idle
// within one round of the wheel.
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
