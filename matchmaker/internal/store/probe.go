package store

import (
	"context"
	"errors"
	"fmt"
)

// oldestMajor and oldestMinor are the oldest version of NATS with atomic batches.
const oldestMajor, oldestMinor = 2, 12

// Probe connects to an external NATS once and returns why it can't hold a store of the
// configuration: it is unreachable, has no JetStream, is too old, or is no cluster. It
// stores nothing.
func Probe(ctx context.Context, cfg Config) error {
	once, cancel := context.WithCancel(ctx)
	cancel() // Open then makes one attempt
	s, err := Open(once, cfg, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, stop := s.bound(ctx)
	defer stop()
	version, err := s.ServerVersion(ctx)
	if err != nil {
		return fmt.Errorf("NATS at %s: %w", redact(s.cfg.URL), err)
	}
	return s.supports(version, s.nc.ConnectedClusterName())
}

// supports checks the version of the server, and that a cluster has the replicas.
func (s *Store) supports(version, cluster string) error {
	var errs []error
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		errs = append(errs, fmt.Errorf("NATS at %s is version %q, want %d.%d or newer", redact(s.cfg.URL), version, oldestMajor, oldestMinor))
	}
	if cluster == "" && s.cfg.Replicas > 1 {
		errs = append(errs, fmt.Errorf("NATS at %s is not a cluster and can't keep %d replicas: --nats-replicas 1, or a cluster", redact(s.cfg.URL), s.cfg.Replicas))
	}
	return errors.Join(errs...)
}
