package queue

import (
	"slices"
	"sync"
	"time"
)

const (
	keptWaits = 128
	waitsAge  = 10 * time.Minute
	// Everybody who searches is told the estimate, over and over.
	estimateAge = 250 * time.Millisecond
	// As long as there are few, each one counts at once.
	fewWaits = 8
)

// waits remembers how long those who were matched last had waited.
type waits struct {
	mu   sync.Mutex
	last []observed
	next int // of last, once it is full

	known    time.Time // when p50 and p90 were worked out
	p50, p90 time.Duration
}

type observed struct {
	wait time.Duration
	at   time.Time
}

func (w *waits) observe(wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := observed{wait: wait, at: time.Now()}
	if len(w.last) < fewWaits {
		w.known = time.Time{}
	}
	if len(w.last) < keptWaits {
		w.last = append(w.last, o)
		return
	}
	w.last[w.next] = o
	w.next = (w.next + 1) % keptWaits
}

// estimate is the median and the ninth decile of the recent waits, 0 when there
// are none.
func (w *waits) estimate() (p50, p90 time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.known) > estimateAge {
		w.p50, w.p90 = w.work()
		w.known = time.Now()
	}
	return w.p50, w.p90
}

// work needs the mutex.
func (w *waits) work() (p50, p90 time.Duration) {
	recent := make([]time.Duration, 0, len(w.last))
	for _, o := range w.last {
		if time.Since(o.at) < waitsAge {
			recent = append(recent, o.wait)
		}
	}
	if len(recent) == 0 {
		return 0, 0
	}
	slices.Sort(recent)
	return max(recent[len(recent)/2], time.Millisecond), max(recent[len(recent)*9/10], time.Millisecond)
}
