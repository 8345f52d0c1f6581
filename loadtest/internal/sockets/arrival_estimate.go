//go:build linux

package sockets

import "time"

// maxSilentInterval is the longest time between two reads of a silent socket.
const maxSilentInterval = int64(100 * time.Millisecond)

// ArrivalEstimate predicts when the next message arrives at a socket that gets one
// each period, and so when to read it: an eighth of a period after that, since the
// message is very likely there by then, and the next one is not. Times are
// nanoseconds. The zero value knows nothing yet. It is not safe for concurrent use.
type ArrivalEstimate struct{ expected int64 }

// Arrived adds the arrival of a message and returns when to read next. The estimate
// follows an early message at once. A late one was probably held up, so that the
// estimate follows it slowly: reading too early costs a system call, reading too
// late mixes two messages.
func (e *ArrivalEstimate) Arrived(at, period int64) (read int64) {
	e.start(at)
	late := at - e.expected
	if late > period*7/8 { // others have been left out
		late -= (late + period/8) / period * period
	}
	e.expected = at - max(late, 0)*3/4 + period
	return e.expected + period/8
}

// Missed returns when to read again after a read that found nothing.
func (e *ArrivalEstimate) Missed(now, period int64) (read int64) {
	e.start(now)
	return now + max(period/8, min((now-e.expected)/4, maxSilentInterval), int64(Interval))
}

func (e *ArrivalEstimate) start(now int64) {
	if e.expected == 0 {
		e.expected = now
	}
}
