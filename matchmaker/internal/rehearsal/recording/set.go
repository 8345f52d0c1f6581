package recording

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/matchfunc"
)

// Set records all queues of a process, each with a [Recorder] of its own, which is
// created with the queue's first search. It is safe for concurrent use. A nil Set does
// nothing.
type Set struct {
	cfg Config
	log *zap.Logger

	mu     sync.RWMutex
	queues map[string]*Recorder
	closed bool
}

// NewSet returns a set. It returns an error if the folder is not writable. It ignores
// Queue and RulesVersion of the config.
func NewSet(cfg Config, log *zap.Logger) (*Set, error) {
	cfg.Queue = "any"
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := probe(cfg.Dir); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return &Set{cfg: cfg, log: log, queues: make(map[string]*Recorder)}, nil
}

// Created records that a search began in a queue with the given version of its rules.
// The group is read later and must not change.
func (s *Set) Created(queue, rulesVersion string, g *matchfunc.Group) {
	if s == nil {
		return
	}
	if r := s.of(queue, rulesVersion); r != nil {
		r.Rules(rulesVersion)
		r.Created(g)
	}
}

// Ended records that a search ended in a queue, also one that began in the recording of
// another process.
func (s *Set) Ended(queue, ticket string, at time.Time, reason string) {
	if s != nil {
		s.of(queue, "").Ended(ticket, at, reason)
	}
}

// of returns the queue's recorder, nil when the set is closed or the queue's name can't
// be that of a file.
func (s *Set) of(queue, rulesVersion string) *Recorder {
	s.mu.RLock()
	r, known := s.queues[queue]
	known = known || s.closed
	s.mu.RUnlock()
	if known {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, known := s.queues[queue]; known || s.closed {
		return r
	}
	cfg := s.cfg
	cfg.Queue, cfg.RulesVersion = queue, rulesVersion
	if err := cfg.validate(); err != nil {
		s.log.Error("queue not recordable", zap.Error(err))
		s.queues[queue] = nil
		return nil
	}
	r = start(cfg, s.log)
	s.queues[queue] = r
	return r
}

// Close writes the buffered events and closes all files. Later events are ignored.
func (s *Set) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.closed = true
	recorders := slices.Collect(maps.Values(s.queues))
	s.mu.Unlock()
	var errs []error
	for _, r := range recorders {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
