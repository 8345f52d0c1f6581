package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// LogConfig configures a log. All replicas must use the same.
type LogConfig struct {
	Name string
	// MaxAge of a message; 0: unlimited.
	MaxAge time.Duration
	// Durable messages survive a restart if the store keeps files.
	Durable bool
}

// Log keeps the first message of each key, in order. It is safe for concurrent use.
type Log struct {
	stream *stream
	hint   string
}

// Log opens a log, and creates it if necessary.
func (s *Store) Log(ctx context.Context, cfg LogConfig) (*Log, error) {
	if cfg.Name == "" || strings.Trim(cfg.Name, plainCharacters) != "" {
		return nil, fmt.Errorf("the name of a log may have letters, digits, - and _ only, is %q", cfg.Name)
	}
	if cfg.MaxAge < 0 {
		return nil, fmt.Errorf("log %s: the greatest age must not be negative, is %v", cfg.Name, cfg.MaxAge)
	}
	window := duplicateWindow
	if cfg.MaxAge > 0 {
		window = min(window, cfg.MaxAge)
	}
	root := s.cfg.Name + ".log." + cfg.Name + "."
	st, err := s.stream(ctx, jetstream.StreamConfig{
		Name:       s.cfg.Name + "_log_" + cfg.Name,
		Subjects:   []string{root + "*"},
		Storage:    s.storage(cfg.Durable),
		MaxAge:     cfg.MaxAge,
		Duplicates: window,
	}, root)
	if err != nil {
		return nil, err
	}
	return &Log{stream: st, hint: "log." + cfg.Name}, nil
}

// AppendOnce appends a message unless the log has one with the key. first reports which;
// sequence is that of the first message. AppendOnce repeats until the outcome is certain
// or ctx ends. After an error another call gives the outcome.
func (l *Log) AppendOnce(ctx context.Context, key string, value []byte) (sequence uint64, first bool, err error) {
	token, err := encodeKey(key)
	if err != nil {
		return 0, false, err
	}
	var none uint64
	sequence, err = l.stream.write(ctx, token, nil, value, &none, 0)
	if err == nil {
		l.stream.store.announce(l.hint, sequence)
		return sequence, true, nil
	}
	if errors.Is(err, errWrongSequence) {
		err = l.stream.store.repeat(ctx, func(ctx context.Context) error {
			m, err := l.stream.lastFromLeader(ctx, l.stream.root+token)
			sequence = m.Sequence
			return err
		})
	}
	if err != nil {
		return 0, false, fmt.Errorf("append %q to %s: %w", key, l.stream.name, err)
	}
	return sequence, false, nil
}

// Last is the sequence of the newest message; 0 if there never was one.
func (l *Log) Last(ctx context.Context) (sequence uint64, err error) {
	sequence, err = l.stream.lastSequence(ctx)
	if err != nil {
		return 0, fmt.Errorf("last of %s: %w", l.stream.name, err)
	}
	return sequence, nil
}
