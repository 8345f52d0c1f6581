package tactuscmd

import (
	"time"

	"go.uber.org/zap"

	"tactus/internal/steady"
)

// watchStandstill makes the clocks of a service leave out when the process stands
// still, and logs it.
func watchStandstill(log *zap.Logger) {
	steady.Watch(func(d time.Duration) {
		log.Warn("the process stood still; nobody's time ran meanwhile", zap.Duration("for", d.Round(time.Millisecond)))
	})
}
