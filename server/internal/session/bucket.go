package session

// rate is how many tokens a bucket holds and how often it gets one.
type rate struct {
	burst int32
	every int64 // nanoseconds per token
}

// bucket is a token bucket in integers over the match's own clock. It is ours
// because golang.org/x/time/rate locks on every call, and nothing in a tick may.
type bucket struct {
	tokens int32
	last   int64
}

func newBucket(r rate, now int64) bucket { return bucket{tokens: r.burst, last: now} }

// take takes a token, false when none is left.
func (b *bucket) take(r rate, now int64) bool {
	if n := (now - b.last) / r.every; n > 0 {
		b.tokens = int32(min(int64(r.burst), int64(b.tokens)+n))
		b.last += n * r.every
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}
