// Package histogram records distributions of times.
package histogram

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	longest = int64(2 * time.Minute / time.Microsecond)
	digits  = 3
)

// Times is a distribution of times from 1 us to 2 minutes. Times out of this range
// count as its ends. It is not safe for concurrent use.
type Times struct{ h *hdrhistogram.Histogram }

// New returns an empty distribution.
func New() Times { return Times{h: hdrhistogram.New(1, longest, digits)} }

// Record adds a time in nanoseconds.
func (t Times) Record(ns int64) {
	_ = t.h.RecordValue(micros(ns)) // within the range by construction
}

// RecordGap adds the time between two events that should be period apart. A longer
// gap also counts for each event that it held up: in the middle of a gap of ten
// periods a client has waited for five. Load testers call the mistake of one sample
// for the whole gap coordinated omission.
func (t Times) RecordGap(ns, period int64) {
	_ = t.h.RecordCorrectedValue(micros(ns), micros(period))
}

func micros(ns int64) int64 { return min(max(ns/1000, 1), longest) }

// Merge adds all times of another distribution.
func (t Times) Merge(o Times) { t.h.Merge(o.h) }

// Count returns the number of times, gaps with all that they stand for.
func (t Times) Count() int64 { return t.h.TotalCount() }

// Micros returns a percentile in microseconds, 0 without times.
func (t Times) Micros(percent float64) int64 { return t.h.ValueAtQuantile(percent) }

// Millis returns a percentile in milliseconds, 0 without times.
func (t Times) Millis(percent float64) float64 {
	if t.h.TotalCount() == 0 {
		return 0
	}
	return float64(t.h.ValueAtQuantile(percent)) / 1000
}
