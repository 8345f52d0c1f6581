// Package millis makes milliseconds of durations as they go over the wire.
package millis

import (
	"math"
	"time"
)

// Longest is the longest duration that goes over the wire, 24.8 days: browsers'
// timers take 31 bits of milliseconds, and fire immediately for more.
const Longest = math.MaxInt32 * time.Millisecond

// Of is the duration in whole milliseconds, from 0 to [Longest].
func Of(d time.Duration) uint32 { return uint32(min(max(d, 0), Longest) / time.Millisecond) }
