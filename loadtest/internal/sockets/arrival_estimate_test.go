//go:build linux

package sockets

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A message that arrives once a period, a little early or late, is found by one read
// soon after it arrived. The estimate recovers from messages that are held up or
// left out, and follows a sender with a slower clock.
func TestArrivalEstimate_readsOncePerPeriod(t *testing.T) {
	const period = int64(50 * time.Millisecond)
	const jitter = period / 10
	r := rand.New(rand.NewPCG(3, 4))
	cases := map[string]func(i int, at int64) int64{ // when message i arrives, not before at
		"steady":     func(_ int, at int64) int64 { return at },
		"jitter":     func(_ int, at int64) int64 { return at + r.Int64N(jitter) },
		"held up":    func(i int, at int64) int64 { return at + int64(i%20/19)*period*3/4 },
		"left out":   func(i int, at int64) int64 { return at + int64(i/50)*5*period },
		"slow clock": func(i int, at int64) int64 { return at + int64(i)*period/50 },
		"moved":      func(i int, at int64) int64 { return at + int64(i/50)*period*2/3 },
	}
	for name, when := range cases {
		t.Run(name, func(t *testing.T) {
			var e ArrivalEstimate
			const count = 200
			reads, together, slow := 0, 0, 0
			read := int64(1)
			for i := 0; i < count; {
				reads++
				arrived := 0
				var at int64
				for ; i < count; i++ {
					next := when(i, int64(i+1)*period)
					if next > read {
						break
					}
					at = next
					arrived++
				}
				if arrived == 0 {
					read = e.Missed(read, period)
					continue
				}
				if together += arrived - 1; read-at > period/2 {
					slow++
				}
				read = e.Arrived(at, period)
			}
			if reads > count*3/2 || together > count/20 || slow > count/20 {
				t.Errorf("%d reads for %d messages; %d were read together with one before, %d late", reads, count, together, slow)
			}
		})
	}
}

// A silent socket is read ten times a second.
func TestArrivalEstimate_readsSilentSocketRarely(t *testing.T) {
	const period = int64(33 * time.Millisecond)
	var e ArrivalEstimate
	read, reads := e.Arrived(1, period), 0
	for ; read < int64(10*time.Second); reads++ {
		read = e.Missed(read, period)
	}
	if reads < 95 || reads > 120 {
		t.Errorf("%d reads in 10 s", reads)
	}
}
