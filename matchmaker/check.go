package matchmaker

import (
	"context"
	"errors"

	"tactus/matchmaker/internal/store"
)

// Check returns every mistake that it finds in a configuration: all that [New] rejects, an
// internal port that would let every caller in, and an external NATS that can't serve the
// matchmaker. It connects to nothing but that NATS, writes nothing and starts nothing.
func Check(ctx context.Context, cfg Config) error {
	probed := cfg.storeConfig()
	cfg.AuditDir, cfg.RecordDir, cfg.InternalListener, cfg.Registerer = "", "", nil, nil
	cfg.Roles.WarnOnly = false // a port that only warns is open
	_, err := New(cfg, nil)
	if cfg.NATS.URL == "" || probed.Validate() != nil {
		return err
	}
	return errors.Join(err, store.Probe(ctx, probed))
}
