package loadtest

import (
	"slices"
	"time"
)

// Slowness is how slow readers read.
type Slowness string

// Ways to be slow. All of them go on sending inputs.
const (
	SlowBursts  Slowness = "bursts"  // reads for 2 s of every 10 s
	SlowStopped Slowness = "stopped" // does not read any more once it is in
	SlowLink    Slowness = "link"    // reads 2,000 bytes a second, evenly
)

var slownesses = []Slowness{SlowBursts, SlowStopped, SlowLink}

func (s Slowness) known() bool { return slices.Contains(slownesses, s) }

// Slow readers by bursts read for the first readFor of every readEvery, those
// behind a slow link slowLinkBytes bytes every slowLinkInterval.
const (
	readFor   = int64(2 * time.Second)
	readEvery = int64(10 * time.Second)
	slowLinkBytes   = 100
	slowLinkInterval  = int64(50 * time.Millisecond)
	// slowBuffer is a slow reader's receive buffer in bytes.
	slowBuffer = 4096
)

// reads reports whether a slow reader reads whatever comes, at a time since it
// came in. One behind a slow link never does: it sips.
func (s Slowness) reads(since int64) bool { return s == SlowBursts && since%readEvery < readFor }

// away is how long a reader that does not read stays so, from a time since it
// came in.
func (s Slowness) away(since int64) time.Duration {
	if s == SlowStopped {
		return time.Hour // longer than any test: the bot does not come back to it
	}
	return time.Duration(readEvery - since%readEvery)
}
