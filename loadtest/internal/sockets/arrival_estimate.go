//go:build linux

package sockets

import "time"

// maxSilentInterval is how long a socket at which nothing comes is left alone.
const maxSilentInterval = int64(100 * time.Millisecond)

// ArrivalEstimate knows when to read a socket at which something comes once a period: an
// eighth of that after it should have come, so that it is there in all likelihood,
// and the next one is not. Times are nanoseconds.
type ArrivalEstimate struct{ expected int64 }

// Arrived notes when it came, and returns when to read next. One that comes earlier
// than it should tells the beat; one that comes later was held up, so that the beat
// follows it only slowly, and is looked for too early rather than with another one.
func (b *ArrivalEstimate) Arrived(at, period int64) (look int64) {
	b.begin(at)
	late := at - b.expected
	if late > period*7/8 { // others have been left out
		late -= (late + period/8) / period * period
	}
	b.expected = at - max(late, 0)*3/4 + period
	return b.expected + period/8
}

// Missed returns when to look again where nothing had come by now.
func (b *ArrivalEstimate) Missed(now, period int64) (look int64) {
	b.begin(now)
	return now + max(period/8, min((now-b.expected)/4, maxSilentInterval), int64(Interval))
}

func (b *ArrivalEstimate) begin(now int64) {
	if b.expected == 0 {
		b.expected = now
	}
}
