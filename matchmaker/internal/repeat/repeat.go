// Package repeat keeps streams from being silent for long.
package repeat

import (
	"sync"
	"time"
)

// Silence is the longest pause of a stream after its first message. Proxies and
// clients take a longer silence for the end of the stream.
const Silence = 3 * time.Second

// Sender sends the messages of one stream, and repeats the last one when there was
// no other for [Silence]. The queue may be moving to another replica meanwhile, or
// the store may have no leader; the search or the party goes on. It is safe for
// concurrent use.
type Sender[T any] struct {
	out        func(*T) error
	repeatable func(*T) bool

	mu      sync.Mutex
	last    *T
	stopped bool
	timer   *time.Timer
}

// New makes a sender that writes to out. repeatable reports whether a message may
// be sent again. The caller stops the sender.
func New[T any](out func(*T) error, repeatable func(*T) bool) *Sender[T] {
	s := &Sender[T]{out: out, repeatable: repeatable}
	s.mu.Lock() // the timer may fire before it is assigned
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(Silence, s.repeat)
	return s
}

// Send sends a message. Calls of out never overlap.
func (s *Sender[T]) Send(message *T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
	if s.repeatable(message) {
		s.last = message
	}
	s.timer.Reset(Silence)
	return s.out(message)
}

// Stop returns when nothing is sent any more.
func (s *Sender[T]) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.timer.Stop()
}

// repeat is called by the timer. An error of out means that the stream has ended;
// its context reports that to the caller.
func (s *Sender[T]) repeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.last != nil && s.out(s.last) != nil {
		return
	}
	s.timer.Reset(Silence)
}
