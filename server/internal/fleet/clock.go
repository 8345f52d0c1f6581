package fleet

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	// maxRoundTrip is the slowest round trip that counts: half of it is the
	// possible error.
	maxRoundTrip = 500 * time.Millisecond
	// roundTrips have to agree before a clock counts as off.
	roundTrips = 3
	// A difference is logged above clocksDiffer, its end below clocksAgree.
	clocksDiffer = 2 * time.Second
	clocksAgree  = 1500 * time.Millisecond
)

// clock measures the offset of a matchmaker's clock: its time minus the middle of a
// round trip. It is safe for concurrent use.
type clock struct {
	now func() time.Time

	mu    sync.Mutex
	asked time.Time       // when the round trip that is under way began; zero: none
	last  []time.Duration // offsets of the last quick round trips, oldest first
}

// stamp is the time for a message that is sent now. It begins a round trip
// unless one is under way.
func (c *clock) stamp() int64 {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked.IsZero() || now.Sub(c.asked) >= maxRoundTrip {
		c.asked = now
	}
	return now.UnixMilli()
}

// answered ends the round trip of a stamp. theirs is the matchmaker's time, 0 for
// unknown.
func (c *clock) answered(stamp, theirs int64) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked.IsZero() || c.asked.UnixMilli() != stamp {
		return
	}
	took, middle := now.Sub(c.asked), c.asked.Add(now.Sub(c.asked)/2)
	c.asked = time.Time{}
	if theirs == 0 || took < 0 || took >= maxRoundTrip {
		return
	}
	if len(c.last) == roundTrips {
		c.last = c.last[1:]
	}
	c.last = append(c.last, time.UnixMilli(theirs).Sub(middle))
}

// offset is by how much the matchmaker's clock is ahead: the smallest offset of the
// last quick round trips. ok reports whether there were enough.
func (c *clock) offset() (least time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) < roundTrips {
		return 0, false
	}
	least = c.last[0]
	for _, offset := range c.last[1:] {
		if offset.Abs() < least.Abs() {
			least = offset
		}
	}
	return least, true
}

// clockWatch reports one matchmaker's clock in the log and in the metrics.
type clockWatch struct {
	gauge  prometheus.Gauge
	log    *zap.Logger
	differ bool // as logged
}

func (w *clockWatch) note(offset time.Duration) {
	w.gauge.Set(offset.Seconds())
	switch {
	case !w.differ && offset.Abs() > clocksDiffer:
		w.differ = true
		w.log.Error("clock of the matchmaker differs from this server's", zap.Duration("ahead", offset),
			zap.String("hint", "have both set their clocks by NTP; the matchmaker prefers servers whose clock agrees with its own"))
	case w.differ && offset.Abs() < clocksAgree:
		w.differ = false
		w.log.Info("clock of the matchmaker agrees again", zap.Duration("ahead", offset))
	}
}
