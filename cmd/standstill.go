package tactuscmd

import (
	"time"

	"go.uber.org/zap"

	"tactus/internal/steady"
)

// watchStandstill makes the clocks of a service leave out the time in which the process
// stands still, and logs each standstill.
func watchStandstill(log *zap.Logger) {
	steady.Watch(func(d time.Duration) {
		log.Warn("process stood still, deadlines extended", zap.Duration("for", d.Round(time.Millisecond)))
	})
}
