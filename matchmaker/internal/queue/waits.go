package queue

import (
	"slices"
	"sync"
	"time"
)

const (
	keptWaits = 32
	waitsAge  = 10 * time.Minute
)

// waits remembers how long the last players of a queue waited.
type waits struct {
	mu   sync.Mutex
	last []observed
}

type observed struct {
	wait time.Duration
	at   time.Time
}

func (w *waits) observe(wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.last) == keptWaits {
		w.last = slices.Delete(w.last, 0, 1)
	}
	w.last = append(w.last, observed{wait: wait, at: time.Now()})
}

// estimate is the median of the recent waits, 0 when there are none.
func (w *waits) estimate() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	recent := make([]time.Duration, 0, len(w.last))
	for _, o := range w.last {
		if time.Since(o.at) < waitsAge {
			recent = append(recent, o.wait)
		}
	}
	if len(recent) == 0 {
		return 0
	}
	slices.Sort(recent)
	return max(recent[len(recent)/2], time.Millisecond)
}
