// Package claim lets a player have one search at a time, in all queues and at all
// matchmakers.
package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tactus/matchmaker/internal/store"
)

// Claim says which search is a player's.
type Claim struct {
	Ticket  string   // id
	Handles []string // the tickets of its members, the player's own first
	Request string   // the caller's id of the request that made it, if any
	At      time.Time
}

// Claims holds the claims of all players. It is safe for concurrent use.
type Claims struct {
	bucket *store.Bucket

	mu    sync.Mutex
	drops []drop
	wake  chan struct{} // capacity 1
}

type drop struct {
	player   string
	revision uint64
}

// life is the age at which a claim is void that was not dropped: longer than any search,
// for which rules may allow a day.
const life = 25 * time.Hour

// New makes the claims of a store. [Claims.Run] must run.
func New(ctx context.Context, s *store.Store) (*Claims, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "claims", TTL: life})
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return &Claims{bucket: bucket, wake: make(chan struct{}, 1)}, nil
}

// Conflict is a claim that stands in the way of another one.
type Conflict struct {
	Claim
	Revision uint64 // by which it can be replaced
}

// Take makes next the player's claim and returns its revision, by which it is
// dropped. It replaces the claim of the given revision; 0 replaces none. Where
// another claim stands, nothing changes and that one is returned as a conflict.
func (c *Claims) Take(ctx context.Context, player string, next Claim, replaces uint64) (uint64, *Conflict, error) {
	value, err := json.Marshal(next)
	if err != nil {
		return 0, nil, fmt.Errorf("claim of %s: %w", player, err)
	}
	for {
		revision, err := c.put(ctx, player, value, replaces)
		if errors.Is(err, store.ErrConflict) {
			replaces = 0 // another claim stands by now, or none
			continue
		}
		if !errors.Is(err, store.ErrExists) {
			return revision, nil, err
		}
		entry, err := c.bucket.Get(ctx, player)
		if errors.Is(err, store.ErrNotFound) {
			continue // dropped in between
		}
		if err != nil {
			return 0, nil, err
		}
		conflict := &Conflict{Revision: entry.Revision}
		if err := json.Unmarshal(entry.Value, &conflict.Claim); err != nil {
			return 0, nil, fmt.Errorf("claim of %s: %w", player, err)
		}
		return 0, conflict, nil
	}
}

// Get returns a player's claim. Error: store.ErrNotFound, or of the store.
func (c *Claims) Get(ctx context.Context, player string) (found Claim, err error) {
	entry, err := c.bucket.Get(ctx, player)
	if err == nil {
		err = json.Unmarshal(entry.Value, &found)
	}
	return found, err
}

func (c *Claims) put(ctx context.Context, player string, value []byte, replaces uint64) (uint64, error) {
	if replaces == 0 {
		return c.bucket.Create(ctx, player, value)
	}
	return c.bucket.Update(ctx, player, value, replaces)
}

// Drop removes a claim soon, without waiting. A newer claim of the player stays.
func (c *Claims) Drop(player string, revision uint64) {
	if revision == 0 {
		return
	}
	c.mu.Lock()
	c.drops = append(c.drops, drop{player, revision})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

const (
	droppers  = 4
	dropPause = 200 * time.Millisecond // after a failure
)

// Run drops the claims that were given up, until ctx ends.
func (c *Claims) Run(ctx context.Context) {
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		todo := c.drops
		c.drops = nil
		c.mu.Unlock()
		c.dropAll(ctx, todo)
	}
}

func (c *Claims) dropAll(ctx context.Context, todo []drop) {
	var wg sync.WaitGroup
	share := (len(todo) + droppers - 1) / droppers
	for len(todo) > 0 {
		part := todo[:min(share, len(todo))]
		todo = todo[len(part):]
		wg.Go(func() {
			for _, d := range part {
				c.drop(ctx, d)
			}
		})
	}
	wg.Wait()
}

// drop tries until it has succeeded, or the claim is another's.
func (c *Claims) drop(ctx context.Context, d drop) {
	for {
		err := c.bucket.Delete(ctx, d.player, d.revision)
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			return
		}
		select {
		case <-time.After(dropPause):
		case <-ctx.Done():
			return
		}
	}
}
