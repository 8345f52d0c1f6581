//go:build linux

package sockets

import "time"

const (
	// slotTime is what a slot of a wheel stands for, in nanoseconds.
	slotTime = int64(Step)
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

// maxPatience is how long a socket at which nothing comes is left alone.
const maxPatience = int64(100 * time.Millisecond)

// Beat knows when to read a socket at which something comes once a period: an
// eighth of that after it should have come, so that it is there in all likelihood,
// and the next one is not. Times are nanoseconds.
type Beat struct{ expected int64 }

// Came notes when it came, and returns when to read next. One that comes earlier
// than it should tells the beat; one that comes later was held up, so that the beat
// follows it only slowly, and is looked for too early rather than with another one.
func (b *Beat) Came(at, period int64) (look int64) {
	b.begin(at)
	late := at - b.expected
	if late > period*7/8 { // others have been left out
		late -= (late + period/8) / period * period
	}
	b.expected = at - max(late, 0)*3/4 + period
	return b.expected + period/8
}

// Missed returns when to look again where nothing had come by now.
func (b *Beat) Missed(now, period int64) (look int64) {
	b.begin(now)
	return now + max(period/8, min((now-b.expected)/4, maxPatience), int64(Step))
}

func (b *Beat) begin(now int64) {
	if b.expected == 0 {
		b.expected = now
	}
}
