package session

// rate is how many tokens a bucket holds and how often one is added.
type rate struct {
	burst int64
	every int64 // nanoseconds per token
}

// bucket is a token bucket by the match's clock: the time at which it was empty, or
// would have been. golang.org/x/time/rate locks on every call, which nothing in a
// tick may.
type bucket int64

// fullBucket is a bucket with all its tokens.
func fullBucket(r rate, now int64) bucket { return bucket(now - r.burst*r.every) }

// allow removes a token. It reports false if there is none.
func (b *bucket) allow(r rate, now int64) bool { return b.allowN(r, now, 1, 0) }

// allowN removes n tokens, or reports false if there are fewer. Beyond its burst the
// bucket holds the tokens of over nanoseconds.
func (b *bucket) allowN(r rate, now, n, over int64) bool {
	empty := max(int64(*b), now-r.burst*r.every-over)
	if now-empty < n*r.every {
		return false
	}
	*b = bucket(empty + n*r.every)
	return true
}
