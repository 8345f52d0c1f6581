// Package queuestats lets each replica know the queues of all replicas.
package queuestats

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
)

const (
	subject         = "queues"
	publishInterval = time.Second
	// maxAge is how long a replica's last message counts.
	maxAge = 5 * time.Second
)

// Exchange publishes the queues that this replica owns once a second, and keeps
// what the other replicas publish. It is safe for concurrent use.
type Exchange struct {
	id  string
	own func(owner string) []queue.Stats
	log *zap.Logger

	mu     sync.Mutex
	others map[string]message // by replica
}

// message is what one replica publishes.
type message struct {
	From   string
	Queues []queue.Stats
	at     time.Time // it was received
}

// New makes the exchange of the replica with this id. own returns the queues that
// it owns.
func New(id string, own func(owner string) []queue.Stats, log *zap.Logger) *Exchange {
	return &Exchange{id: id, own: own, log: log, others: make(map[string]message)}
}

// Run publishes and receives until ctx ends.
func (e *Exchange) Run(ctx context.Context, s *store.Store) error {
	unsubscribe, err := s.Subscribe(subject, e.receive)
	if err != nil {
		return fmt.Errorf("queue statistics: %w", err)
	}
	defer unsubscribe()
	tick := time.NewTicker(publishInterval)
	defer tick.Stop()
	for {
		if err := e.publish(s); err != nil {
			e.log.Debug("queue statistics not published", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Queues lists the queues of all replicas by name.
func (e *Exchange) Queues() []queue.Stats {
	list := e.own(e.id)
	e.mu.Lock()
	defer e.mu.Unlock()
	for from, m := range e.others {
		if time.Since(m.at) > maxAge {
			delete(e.others, from)
			continue
		}
		for _, q := range m.Queues {
			if !slices.ContainsFunc(list, func(known queue.Stats) bool { return known.Name == q.Name }) {
				list = append(list, q)
			}
		}
	}
	slices.SortFunc(list, func(a, b queue.Stats) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (e *Exchange) publish(s *store.Store) error {
	data, err := json.Marshal(message{From: e.id, Queues: e.own(e.id)})
	if err != nil {
		return err
	}
	return s.Publish(subject, data)
}

func (e *Exchange) receive(data []byte) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil || m.From == e.id {
		return
	}
	m.at = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.others[m.From] = m
}
