// Package ratelimit limits how often each of many keys may do something. Its memory is
// bounded.
package ratelimit

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter gives each key a token bucket. Above its bound of keys it forgets the key
// that was not used for the longest time, which refills that key's bucket. It is safe
// for concurrent use.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	keys      int

	mu    sync.Mutex
	byKey map[string]*list.Element
	used  *list.List // most recently used first
}

type bucket struct {
	key     string
	limiter *rate.Limiter
	used    time.Time
}

// New makes a limiter. With a negative perSecond it never refuses.
func New(perSecond float64, burst, keys int) *Limiter {
	limit := rate.Limit(perSecond)
	if perSecond < 0 {
		limit = rate.Inf
	}
	return &Limiter{perSecond: limit, burst: burst, keys: keys, byKey: make(map[string]*list.Element), used: list.New()}
}

// Allow takes one token of the key, and reports whether there was one.
func (l *Limiter) Allow(key string) bool {
	if l.perSecond == rate.Inf {
		return true
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	element := l.byKey[key]
	if element == nil {
		l.makeRoom(now)
		element = l.used.PushFront(&bucket{key: key, limiter: rate.NewLimiter(l.perSecond, l.burst)})
		l.byKey[key] = element
	}
	l.used.MoveToFront(element)
	b := element.Value.(*bucket)
	b.used = now
	return b.limiter.AllowN(now, 1)
}

// Every is the time in which a key gets one token, 0 for a limiter that never refuses.
func (l *Limiter) Every() time.Duration {
	if l.perSecond == rate.Inf {
		return 0
	}
	return time.Duration(float64(time.Second) / float64(l.perSecond))
}

// makeRoom forgets buckets that are full again and, if that is not enough, the oldest.
func (l *Limiter) makeRoom(now time.Time) {
	refill := time.Duration(float64(l.burst) / float64(l.perSecond) * float64(time.Second))
	for back := l.used.Back(); back != nil; back = l.used.Back() {
		b := back.Value.(*bucket)
		if now.Sub(b.used) <= refill && l.used.Len() < l.keys {
			return
		}
		l.used.Remove(back)
		delete(l.byKey, b.key)
	}
}

// AddressKey is the key of a network address, with or without a port. It is the whole
// IPv4 address, or the /64 of an IPv6 address, because one subscriber has a /64.
func AddressKey(address string) (key string, loopback bool) {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		withPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return address, false
		}
		addr = withPort.Addr()
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String(), addr.IsLoopback()
	}
	prefix, _ := addr.Prefix(64) // 64 bits always fit
	return prefix.String(), addr.IsLoopback()
}
