package driver

import (
	"sync/atomic"
	"time"

	"tactus/server/internal/scheduler"
)

// hibernation keeps an idle match outside the scheduler. Its timer, or the next
// wake-up, continues the match on a new goroutine.
//
// The goroutine that sets asleep back to false owns the match from then on.
type hibernation struct {
	asleep atomic.Bool
	timer  *time.Timer
	wakes  chan struct{} // capacity 1: a wake-up since the last turn began
	resume func()        // continues the match

	beforeSleep func() // in tests: called behind the first look at wakes
}

func (h *hibernation) init(resume func()) {
	h.wakes, h.resume = make(chan struct{}, 1), resume
	h.timer = time.AfterFunc(time.Hour, h.onTimer)
	h.timer.Stop()
}

// clear forgets wake-ups: a turn begins, which sees what they were for.
func (h *hibernation) clear() {
	select {
	case <-h.wakes:
	default:
	}
}

// enter lets the match hibernate for the wait, in nanoseconds. When it reports true the
// caller does not own the match any longer and must return.
func (h *hibernation) enter(wait int64) bool {
	if wait <= 0 || len(h.wakes) > 0 {
		return false
	}
	if h.beforeSleep != nil {
		h.beforeSleep()
	}
	// The order of these three lines keeps every wake-up. One that comes before
	// asleep is set starts no goroutine, so the channel is read again behind it.
	// From the first line on another goroutine may own the match; a timer that runs
	// for nothing does no harm.
	h.asleep.Store(true)
	h.timer.Reset(time.Duration(wait))
	return len(h.wakes) == 0 || !h.asleep.CompareAndSwap(true, false)
}

// wake lets a hibernating match have a turn. It is safe for concurrent use and does
// not block.
func (h *hibernation) wake() {
	select {
	case h.wakes <- struct{}{}:
	default:
	}
	if h.asleep.CompareAndSwap(true, false) {
		go h.run()
	}
}

func (h *hibernation) onTimer() {
	if h.asleep.CompareAndSwap(true, false) {
		h.run()
	}
}

func (h *hibernation) run() {
	scheduler.GrowStack()
	h.resume()
}
