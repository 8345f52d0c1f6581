// Package ratelimit limits how often each of many keys may do something. Its memory is
// bounded.
package ratelimit

import (
	"container/list"
	"sync"
	"time"
)

// Keys bounds the keys that a limiter of strangers remembers.
const Keys = 50_000

// Limiter gives each key a token bucket. Above its bound of keys it forgets the key
// that was not used for the longest time, which refills that key's bucket. It is safe
// for concurrent use.
type Limiter[K comparable] struct {
	perSecond float64 // below 0: without end
	burst     float64
	keys      int

	mu    sync.Mutex
	byKey map[K]*list.Element
	used  *list.List // most recently used first
}

type bucket[K comparable] struct {
	key    K
	tokens float64 // at the time used; below 0: reserved in advance
	used   time.Time
}

// New makes a limiter. With a negative perSecond it never refuses.
func New[K comparable](perSecond float64, burst, keys int) *Limiter[K] {
	return &Limiter[K]{perSecond: perSecond, burst: float64(burst), keys: keys, byKey: make(map[K]*list.Element), used: list.New()}
}

// Allow takes one token of the key, and reports whether there was one.
func (l *Limiter[K]) Allow(key K) bool {
	_, ok := l.Reserve(key, 0)
	return ok
}

// Reserve takes one token of the key. The caller must wait for the returned time before
// it acts. If that is longer than patience, Reserve takes nothing and reports false.
func (l *Limiter[K]) Reserve(key K, patience time.Duration) (wait time.Duration, ok bool) {
	if l.perSecond < 0 {
		return 0, true
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketLocked(key, now)
	if b.tokens < 1 {
		wait = time.Duration((1 - b.tokens) / l.perSecond * float64(time.Second))
	}
	if wait > patience {
		return wait, false
	}
	b.tokens--
	return wait, true
}

// Return gives one token of the key back.
func (l *Limiter[K]) Return(key K) {
	if l.perSecond < 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if element := l.byKey[key]; element != nil {
		b := element.Value.(*bucket[K])
		b.tokens = min(l.burst, b.tokens+1)
	}
}

// Every is the time in which a key gets one token, 0 for a limiter that never refuses.
func (l *Limiter[K]) Every() time.Duration {
	if l.perSecond < 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / l.perSecond)
}

// bucketLocked returns the key's bucket, filled up to now.
func (l *Limiter[K]) bucketLocked(key K, now time.Time) *bucket[K] {
	element := l.byKey[key]
	if element == nil {
		l.makeRoomLocked(now)
		element = l.used.PushFront(&bucket[K]{key: key, tokens: l.burst, used: now})
		l.byKey[key] = element
	}
	l.used.MoveToFront(element)
	b := element.Value.(*bucket[K])
	b.tokens = min(l.burst, b.tokens+now.Sub(b.used).Seconds()*l.perSecond)
	b.used = now
	return b
}

// makeRoomLocked forgets buckets that are full again and, if that is not enough, the
// oldest.
func (l *Limiter[K]) makeRoomLocked(now time.Time) {
	refill := time.Duration(l.burst / l.perSecond * float64(time.Second))
	for back := l.used.Back(); back != nil; back = l.used.Back() {
		b := back.Value.(*bucket[K])
		if now.Sub(b.used) <= refill && l.used.Len() < l.keys {
			return
		}
		l.used.Remove(back)
		delete(l.byKey, b.key)
	}
}
