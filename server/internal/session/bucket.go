package session

// bucket is a token bucket in integers over the match's own clock. It is ours
// because golang.org/x/time/rate locks on every call, and nothing in a tick may.
type bucket struct {
	tokens, burst int64
	every         int64 // nanoseconds per token
	last          int64
}

func newBucket(burst, every, now int64) bucket {
	return bucket{tokens: burst, burst: burst, every: every, last: now}
}

// take takes a token, false when none is left.
func (b *bucket) take(now int64) bool {
	if n := (now - b.last) / b.every; n > 0 {
		b.tokens = min(b.burst, b.tokens+n)
		b.last += n * b.every
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}
