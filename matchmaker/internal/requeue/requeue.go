// Package requeue puts the players of a lost match before others when they search
// again.
package requeue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/store"
)

const (
	// priorityTTL is how long the players of a lost match come first.
	priorityTTL = 5 * time.Minute
	// rememberedMatches bounds the matches that are remembered with their players. The
	// oldest are forgotten first.
	rememberedMatches = 20_000
	writeTimeout      = 5 * time.Second // of all players of one match
)

// Priority knows which players come first, at all replicas. It is safe for
// concurrent use.
type Priority struct {
	bucket *store.Bucket
	writes background.Group

	mu          sync.Mutex
	matches     map[string][]string // players of the matches made here
	order       []string            // of matches, oldest first
	prioritized map[string]struct{} // players, as the bucket holds them
}

// New opens the priorities of a store. [Priority.Run] must run.
func New(ctx context.Context, s *store.Store) (*Priority, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "lost", TTL: priorityTTL})
	if err != nil {
		return nil, fmt.Errorf("lost matches: %w", err)
	}
	return &Priority{bucket: bucket, matches: make(map[string][]string), prioritized: make(map[string]struct{})}, nil
}

// Run follows the entries of all replicas until ctx ends. It returns after the last
// write.
func (p *Priority) Run(ctx context.Context) error {
	defer p.writes.Close()
	return p.bucket.Follow(ctx, func(player string, e *store.Entry) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if e == nil {
			delete(p.prioritized, player)
		} else {
			p.prioritized[player] = struct{}{}
		}
	})
}

// Matched remembers the players of a match. A later call adds players to it.
func (p *Priority) Matched(match string, players []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.matches[match]; !known {
		p.order = append(p.order, match)
	}
	p.matches[match] = append(p.matches[match], players...)
	for len(p.order) > rememberedMatches {
		delete(p.matches, p.order[0])
		p.order = p.order[1:]
	}
}

// Ended forgets a match that has ended regularly.
func (p *Priority) Ended(match string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.matches, match) // its entry in order goes when it is the oldest
}

// Lost gives the players of a match priority. It does not wait for the store.
func (p *Priority) Lost(match string) {
	p.mu.Lock()
	players := p.matches[match]
	delete(p.matches, match)
	p.mu.Unlock()
	if len(players) == 0 {
		return
	}
	p.writes.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		for _, player := range players {
			if _, err := p.bucket.Put(ctx, player, []byte(match)); err != nil {
				return // the rest search without priority
			}
		}
	})
}

// Of is the priority of a ticket for these players: 1 when any of them has
// priority, else 0.
func (p *Priority) Of(players []string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, player := range players {
		if _, ok := p.prioritized[player]; ok {
			return 1
		}
	}
	return 0
}
