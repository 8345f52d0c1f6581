//go:build linux

package sockets

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestArrivalEstimate_readsOncePerPeriod: what comes once a period, a little early or late, is
// read with one look each, and soon after it came; so it is again after something
// was held up, or nothing came for a while, or the sender's clock has slowed down.
func TestArrivalEstimate_readsOncePerPeriod(t *testing.T) {
	const period = int64(50 * time.Millisecond)
	const jitter = period / 10
	r := rand.New(rand.NewPCG(3, 4))
	cases := map[string]func(i int, at int64) int64{ // when number i comes, at the latest due
		"steady":     func(_ int, at int64) int64 { return at },
		"jitter":     func(_ int, at int64) int64 { return at + r.Int64N(jitter) },
		"held up":    func(i int, at int64) int64 { return at + int64(i%20/19)*period*3/4 },
		"left out":   func(i int, at int64) int64 { return at + int64(i/50)*5*period },
		"slow clock": func(i int, at int64) int64 { return at + int64(i)*period/50 },
		"moved":      func(i int, at int64) int64 { return at + int64(i/50)*period*2/3 },
	}
	for name, when := range cases {
		t.Run(name, func(t *testing.T) {
			var b ArrivalEstimate
			const count = 200
			looks, together, slow := 0, 0, 0
			look := int64(1)
			for i := 0; i < count; {
				looks++
				came := 0
				var at int64
				for ; i < count; i++ {
					next := when(i, int64(i+1)*period)
					if next > look {
						break
					}
					at = next
					came++
				}
				if came == 0 {
					look = b.Missed(look, period)
					continue
				}
				if together += came - 1; look-at > period/2 {
					slow++
				}
				look = b.Arrived(at, period)
			}
			if looks > count*3/2 || together > count/20 || slow > count/20 {
				t.Errorf("%d looks for %d that came; %d were read together with one before, %d late", looks, count, together, slow)
			}
		})
	}
}

// TestArrivalEstimate_readsSilentSocketRarely: a socket at which nothing comes costs a look every tenth of
// a second.
func TestArrivalEstimate_readsSilentSocketRarely(t *testing.T) {
	const period = int64(33 * time.Millisecond)
	var b ArrivalEstimate
	look, looks := b.Arrived(1, period), 0
	for ; look < int64(10*time.Second); looks++ {
		look = b.Missed(look, period)
	}
	if looks < 95 || looks > 120 {
		t.Errorf("%d looks in 10 s", looks)
	}
}
