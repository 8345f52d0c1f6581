package adminport

import (
	"net/netip"
	"sync"
	"time"

	"tactus/internal/ratelimit"
)

const (
	// maxWrong is how many wrong tokens of an address are answered in a window.
	maxWrong = 10
	window   = time.Minute
	// maxAddresses bounds the addresses that are remembered.
	maxAddresses = 4096
)

// lockout counts wrong tokens by address. It is safe for concurrent use.
type lockout struct {
	now func() time.Time

	mu      sync.Mutex
	guesses map[netip.Prefix]*guesses
}

// guesses are the wrong tokens of one address.
type guesses struct {
	count int
	ends  time.Time // of the window; the next begins with the next wrong token
}

func newLockout() *lockout {
	return &lockout{now: time.Now, guesses: map[netip.Prefix]*guesses{}}
}

// wrong counts a wrong token, and reports whether the address has had too many, and
// whether this is the first one over.
func (l *lockout) wrong(remote string) (locked, first bool) {
	at, _ := netip.ParseAddrPort(remote)
	key := ratelimit.AddressOf(at.Addr()).Narrow
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	g := l.guesses[key]
	if g == nil || !now.Before(g.ends) {
		l.makeRoomLocked(now)
		g = &guesses{ends: now.Add(window)}
		l.guesses[key] = g
	}
	g.count++
	if g.count == maxWrong+1 {
		g.ends = now.Add(window)
	}
	return g.count > maxWrong, g.count == maxWrong+1
}

// makeRoomLocked forgets addresses whose window is over, and any one if that is not
// enough.
func (l *lockout) makeRoomLocked(now time.Time) {
	if len(l.guesses) < maxAddresses {
		return
	}
	for key, g := range l.guesses {
		if !now.Before(g.ends) {
			delete(l.guesses, key)
		}
	}
	for key := range l.guesses {
		if len(l.guesses) < maxAddresses {
			return
		}
		delete(l.guesses, key)
	}
}
