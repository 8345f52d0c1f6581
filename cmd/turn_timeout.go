package tactuscmd

import (
	"time"

	"github.com/spf13/cobra"

	"tactus/server"
)

// turnTimeout is the flag that limits what rules may take for a turn.
type turnTimeout struct{ limit time.Duration }

func (t *turnTimeout) add(c *cobra.Command, debugged string) {
	c.Flags().DurationVar(&t.limit, "turn-timeout", server.DefaultTurnTimeout,
		"how long the rules may take for one turn before their match is given up as lost; 0: as long as they want"+debugged)
}

// apply sets the limit in cfg.
func (t *turnTimeout) apply(cfg *server.Config) {
	cfg.TurnTimeout = t.limit
	if t.limit == 0 {
		cfg.TurnTimeout = -1
	}
}
