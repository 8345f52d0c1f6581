package loadtest

import (
	"slices"
	"time"

	"tactus/loadtest/internal/engine"
)

// Slowness is how slow readers read.
type Slowness string

// Ways to be slow. All of them go on sending inputs.
const (
	SlowBursts  Slowness = "bursts"  // reads for 2 s of every 10 s
	SlowStopped Slowness = "stopped" // does not read any more once it is in
	// SlowLink reads 2,000 bytes a second, evenly.
	SlowLink Slowness = "link"
)

var slownesses = []Slowness{SlowBursts, SlowStopped, SlowLink}

func (s Slowness) known() bool { return slices.Contains(slownesses, s) }

const (
	// slowLinkBytes is what a reader behind a slow link reads every slowLinkInterval.
	slowLinkBytes    = 100
	slowLinkInterval = 50 * time.Millisecond
	// slowBuffer is a slow reader's receive buffer in bytes.
	slowBuffer = 4096
)

// reading returns the pattern in which a bot reads, nil for one that is not slow.
func (s Slowness) reading() *engine.SlowReading {
	switch s {
	case SlowBursts:
		return &engine.SlowReading{For: 2 * time.Second, Every: 10 * time.Second}
	case SlowStopped:
		return &engine.SlowReading{Every: 24 * time.Hour} // longer than any test
	case SlowLink:
		return &engine.SlowReading{Bytes: slowLinkBytes, Every: slowLinkInterval}
	default:
		return nil
	}
}
