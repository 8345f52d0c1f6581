package tactuscmd

import (
	"time"

	"go.uber.org/zap"

	"tactus/internal/steady"
)

// watchClocks makes the clocks of a service leave out the time in which the process
// stands still, and logs each standstill and each jump of the wall clock.
func watchClocks(log *zap.Logger) {
	steady.Watch(func(d time.Duration) {
		log.Warn("process stood still, deadlines extended", zap.Duration("for", d.Round(time.Millisecond)))
	})
	steady.WatchWall(func(d time.Duration) {
		log.Warn("wall clock jumped", zap.Duration("by", d.Round(time.Millisecond)))
	})
}
