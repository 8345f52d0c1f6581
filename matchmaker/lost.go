package matchmaker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
)

const (
	// amends is how long a player whose match was lost comes first.
	amends = 5 * time.Minute
	// Matches whose players are remembered; the oldest are forgotten first.
	rememberedMatches = 20_000
	lostTimeout       = 5 * time.Second
)

// lostMatches puts the players of a match that was lost before others when they
// search again, at whichever replica.
type lostMatches struct {
	bucket *store.Bucket
	notes  background.Group

	mu      sync.Mutex
	matches map[string][]string // players of the matches made here
	order   []string            // of matches, oldest first
	owed    map[string]struct{} // players, as the bucket tells
}

func newLostMatches(ctx context.Context, s *store.Store) (*lostMatches, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "lost", TTL: amends})
	if err != nil {
		return nil, fmt.Errorf("lost matches: %w", err)
	}
	return &lostMatches{bucket: bucket, matches: make(map[string][]string), owed: make(map[string]struct{})}, nil
}

// run follows what all replicas know.
func (l *lostMatches) run(ctx context.Context) {
	defer l.notes.Close()
	_ = l.bucket.Follow(ctx, func(player string, e *store.Entry) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if e == nil {
			delete(l.owed, player)
		} else {
			l.owed[player] = struct{}{}
		}
	})
}

// matched remembers who plays in a match.
func (l *lostMatches) matched(m queue.Match) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.matches[m.ID]; !known {
		l.order = append(l.order, m.ID)
	}
	for _, t := range m.Tickets {
		l.matches[m.ID] = append(l.matches[m.ID], playersOf(t)...)
	}
	for len(l.order) > rememberedMatches {
		delete(l.matches, l.order[0])
		l.order = l.order[1:]
	}
}

// ended forgets a match that has found its end.
func (l *lostMatches) ended(match string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.matches, match) // its place in order is used up in time
}

// lost notes that a match's players are owed another one.
func (l *lostMatches) lost(match string) {
	l.mu.Lock()
	players := l.matches[match]
	delete(l.matches, match)
	l.mu.Unlock()
	if len(players) == 0 {
		return
	}
	l.notes.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), lostTimeout)
		defer cancel()
		for _, player := range players {
			if _, err := l.bucket.Put(ctx, player, []byte(match)); err != nil {
				return // they search like everybody
			}
		}
	})
}

// priority is that of a ticket of these players: 1 when one is owed a match.
func (l *lostMatches) priority(players []string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, player := range players {
		if _, owed := l.owed[player]; owed {
			return 1
		}
	}
	return 0
}
