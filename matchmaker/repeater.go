package matchmaker

import (
	"sync"
	"time"
)

// watchSilence is how long a watch says nothing at most, once it has said
// something: proxies and clients take a longer silence for its end.
const watchSilence = 3 * time.Second

// repeater sends a stream's last message again when there was none for a while,
// such as while a queue moves to another replica or the store has no leader: the
// search, or the party, goes on meanwhile.
type repeater[T any] struct {
	out   func(*T) error
	again func(*T) bool // whether a message may be sent again

	mu    sync.Mutex
	last  *T
	ended bool
	timer *time.Timer
}

func newRepeater[T any](out func(*T) error, again func(*T) bool) *repeater[T] {
	r := &repeater[T]{out: out, again: again}
	r.mu.Lock() // it may fire before it is known
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(watchSilence, r.repeat)
	return r
}

func (r *repeater[T]) send(message *T) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = nil
	if r.again(message) {
		r.last = message
	}
	r.timer.Reset(watchSilence)
	return r.out(message)
}

// repeat is called by the timer. A stream that can't be written to has ended,
// which its context says.
func (r *repeater[T]) repeat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.last != nil && r.out(r.last) != nil {
		return
	}
	r.timer.Reset(watchSilence)
}

// stop returns when nothing is sent any more.
func (r *repeater[T]) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.timer.Stop()
}
