// Package claim lets a player have one search at a time, whatever the queue and
// whichever matchmaker it came to.
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

// Claims holds everybody's.
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

// life is when a claim that nobody dropped is void: longer than any search, for
// which rules may allow a day.
const life = 25 * time.Hour

// New makes the claims of a store. [Claims.Run] has to run.
func New(ctx context.Context, s *store.Store) (*Claims, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "claims", TTL: life})
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return &Claims{bucket: bucket, wake: make(chan struct{}, 1)}, nil
}

// Take makes next the player's claim and returns its revision, by which it is
// dropped. While another one stands, settle is called with it: once it returns
// nil the other is void, and its error is Take's.
func (c *Claims) Take(ctx context.Context, player string, next Claim, settle func(context.Context, Claim) error) (uint64, error) {
	value, err := json.Marshal(next)
	if err != nil {
		return 0, fmt.Errorf("claim of %s: %w", player, err)
	}
	for {
		revision, err := c.bucket.Create(ctx, player, value)
		if !errors.Is(err, store.ErrExists) {
			return revision, err
		}
		entry, err := c.bucket.Get(ctx, player)
		if errors.Is(err, store.ErrNotFound) {
			continue // dropped in between
		}
		if err != nil {
			return 0, err
		}
		var old Claim
		if err := json.Unmarshal(entry.Value, &old); err != nil {
			return 0, fmt.Errorf("claim of %s: %w", player, err)
		}
		if err := settle(ctx, old); err != nil {
			return 0, err
		}
		revision, err = c.bucket.Update(ctx, player, value, entry.Revision)
		if !errors.Is(err, store.ErrConflict) {
			return revision, err
		}
	}
}

// Drop gives a claim up, soon and without waiting. A newer claim stays.
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

// Run drops what is to be dropped, until ctx ends.
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
