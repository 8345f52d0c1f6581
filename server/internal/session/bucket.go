package session

// rate is how many tokens a bucket holds and how often it gets one.
type rate struct {
	burst int64
	every int64 // nanoseconds per token
}

// bucket is a token bucket over the match's own clock: the time at which it was
// empty, or would have been. It is ours because golang.org/x/time/rate locks on
// every call, and nothing in a tick may.
type bucket int64

// fullBucket is one from which nothing was taken.
func fullBucket(r rate, now int64) bucket { return bucket(now - r.burst*r.every) }

// allow takes a token, false when none is left.
func (b *bucket) allow(r rate, now int64) bool { return b.allowN(r, now, 1, 0) }

// allowN takes n tokens or none from a bucket that holds, over its burst, what comes
// for it in so many nanoseconds.
func (b *bucket) allowN(r rate, now, n, over int64) bool {
	empty := max(int64(*b), now-r.burst*r.every-over)
	if now-empty < n*r.every {
		return false
	}
	*b = bucket(empty + n*r.every)
	return true
}
