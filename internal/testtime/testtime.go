// Package testtime lets tests wait without guessing how long. Tests call it instead of
// [time.Sleep], which the linter forbids there.
//
// A test that runs in a bubble of testing/synctest lets fake time pass with [Sleep].
// Other tests wait for an event. Where nothing announces one, as in another process,
// they wait with [Until].
package testtime

import (
	"testing"
	"time"
)

// Sleep pauses the goroutine in the fake time of a synctest bubble. It panics outside of
// bubbles, where it would cost real time and guess.
func Sleep(d time.Duration) {
	if !inBubble() {
		panic("testtime: Sleep outside of a synctest bubble; wait for an event, or use Until")
	}
	time.Sleep(d)
}

// inBubble reports whether the clock is that of a bubble, which starts in the year 2000.
func inBubble() bool { return time.Now().Year() < 2020 }

const (
	patience    = 30 * time.Second // far longer than a loaded machine needs
	firstWait   = 20 * time.Microsecond
	longestWait = 5 * time.Millisecond
	waitGrowth  = 2
)

// Until waits until the condition holds. The test fails if it does not within half a
// minute. what names the condition in the failure.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for wait := firstWait; !condition(); wait = min(waitGrowth*wait, longestWait) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(wait)
	}
}
