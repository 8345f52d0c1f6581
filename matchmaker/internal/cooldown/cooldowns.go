// Package cooldown makes players wait that leave or decline matches.
package cooldown

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tactus/matchmaker/internal/store"
)

const (
	// window is how long a departure counts.
	window = time.Hour
	// maxEvents bounds what is kept of a player; more change nothing.
	maxEvents    = 8
	storeTimeout = 5 * time.Second
	sweepEvery   = 10 * time.Minute
)

// waits are by the number of departures in the last hour.
var waits = []time.Duration{0, 0, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute}

// event is a match that a player has left or declined.
type event struct {
	Match string    `json:"m"`
	At    time.Time `json:"t"`
}

// player is what is known of one.
type player struct {
	events   []event
	revision uint64
}

// Cooldowns are the departures of players in the last hour, at all replicas. It is safe
// for concurrent use.
type Cooldowns struct {
	bucket *store.Bucket
	now    func() time.Time

	mu      sync.Mutex
	players map[string]player
}

// Open reads the departures of the last hour. [Cooldowns.Run] must run.
func Open(ctx context.Context, s *store.Store) (*Cooldowns, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "cooldowns", TTL: window, Durable: true})
	if err != nil {
		return nil, fmt.Errorf("cooldowns: %w", err)
	}
	c := &Cooldowns{bucket: bucket, now: time.Now, players: make(map[string]player)}
	entries, err := bucket.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("cooldowns: %w", err)
	}
	for i := range entries {
		c.use(&entries[i])
	}
	return c, nil
}

// Run follows the other replicas until ctx ends.
func (c *Cooldowns) Run(ctx context.Context) error {
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sweeping.Go(func() {
		ticker := time.NewTicker(sweepEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				c.sweep()
			case <-ctx.Done():
				return
			}
		}
	})
	return c.bucket.Follow(ctx, func(_ string, e *store.Entry) {
		if e != nil {
			c.use(e)
		}
	})
}

// Add counts that a player has left or declined a match, once for each match.
func (c *Cooldowns) Add(ctx context.Context, id, match string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for {
		c.mu.Lock()
		p := c.players[id]
		c.mu.Unlock()
		events := c.recent(p.events)
		if slices.ContainsFunc(events, func(e event) bool { return e.Match == match }) {
			return nil
		}
		events = append(events, event{Match: match, At: c.now()})
		err := c.write(ctx, id, events[max(0, len(events)-maxEvents):], p.revision)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return err
		}
		if err := c.reread(ctx, id); err != nil {
			return err
		}
	}
}

// Remaining is how long the player has to wait until the next search.
func (c *Cooldowns) Remaining(id string) time.Duration {
	c.mu.Lock()
	p := c.players[id]
	c.mu.Unlock()
	events := c.recent(p.events)
	if len(events) == 0 {
		return 0
	}
	wait := waits[min(len(events), len(waits)-1)]
	return max(0, events[len(events)-1].At.Add(wait).Sub(c.now()))
}

// reread reads a player's record that another replica has changed, or that has expired.
func (c *Cooldowns) reread(ctx context.Context, id string) error {
	e, err := c.bucket.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.mu.Lock()
		delete(c.players, id)
		c.mu.Unlock()
		return nil
	case err != nil:
		return err
	}
	c.use(&e)
	return nil
}

// write stores events over a revision; 0: there are none.
func (c *Cooldowns) write(ctx context.Context, id string, events []event, revision uint64) error {
	value, err := json.Marshal(events)
	if err != nil {
		return err
	}
	if revision == 0 {
		revision, err = c.bucket.Create(ctx, id, value)
	} else {
		revision, err = c.bucket.Update(ctx, id, value, revision)
	}
	if err == nil {
		c.use(&store.Entry{Key: id, Value: value, Revision: revision})
	}
	return err
}

// use takes over a record of the store, unless it is older than the known one.
func (c *Cooldowns) use(e *store.Entry) {
	var events []event
	if json.Unmarshal(e.Value, &events) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Revision > c.players[e.Key].revision {
		c.players[e.Key] = player{events: events, revision: e.Revision}
	}
}

// recent returns the events of the last hour, in a slice of its own.
func (c *Cooldowns) recent(events []event) []event {
	from := c.now().Add(-window)
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool { return e.At.Before(from) })
}

// sweep forgets players without events.
func (c *Cooldowns) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.players {
		if len(c.recent(p.events)) == 0 {
			delete(c.players, id)
		}
	}
}
