package queue

import (
	"slices"
	"sync"
	"time"
)

const (
	keptWaits = 128
	waitsAge  = 10 * time.Minute
	// Every search asks for the estimate again and again.
	estimateAge = 250 * time.Millisecond
	// As long as there are few, each one changes the estimate.
	fewWaits = 8
)

// waits remembers the waiting times of the latest matched tickets. It is safe for
// concurrent use.
type waits struct {
	mu   sync.Mutex
	last []observed
	next int // of last, once it is full

	sorted []time.Duration // the recent ones
	known  time.Time       // when they were sorted.
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

// estimate is the median and the 90th percentile of the recent waits that were longer
// than waited, so that neither is below it; 0 if there were none.
func (w *waits) estimate(waited time.Duration) (p50, p90 time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.known) > estimateAge {
		w.sortLocked()
		w.known = time.Now()
	}
	from, _ := slices.BinarySearch(w.sorted, waited+1)
	longer := w.sorted[from:]
	if len(longer) == 0 {
		return 0, 0
	}
	return longer[len(longer)/2], longer[len(longer)*9/10]
}

func (w *waits) sortLocked() {
	w.sorted = w.sorted[:0]
	for _, o := range w.last {
		if time.Since(o.at) < waitsAge {
			w.sorted = append(w.sorted, max(o.wait, time.Millisecond))
		}
	}
	slices.Sort(w.sorted)
}
