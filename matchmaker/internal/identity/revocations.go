package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store"
	"tactus/protocol/jointoken"
)

// revocations are the guests whose tokens are not accepted any more, at all replicas.
// A revoked guest is refused, and does not become a new one: that is the player's own
// decision. It is safe for concurrent use.
type revocations struct {
	bucket *store.Bucket

	mu    sync.Mutex
	known map[string]revocation // by player
}

// revocation is the record of a guest, under the player's id.
type revocation struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// openRevocations reads the revocations in the store.
func openRevocations(ctx context.Context, s *store.Store) (*revocations, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "revoked", TTL: jointoken.GuestLife, Durable: true})
	if err != nil {
		return nil, fmt.Errorf("revoked guests: %w", err)
	}
	r := &revocations{bucket: bucket, known: make(map[string]revocation)}
	entries, err := bucket.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("revoked guests: %w", err)
	}
	for i := range entries {
		r.apply(entries[i].Key, &entries[i])
	}
	return r, nil
}

// run follows the store until ctx ends.
func (r *revocations) run(ctx context.Context, log *zap.Logger) {
	if err := r.bucket.Follow(ctx, r.apply); err != nil && ctx.Err() == nil {
		log.Error("revoked guests are not followed any more", zap.Error(err))
	}
}

func (r *revocations) revoke(ctx context.Context, player, reason string) error {
	if err := checkGuest(player); err != nil {
		return err
	}
	record := revocation{Reason: reason, At: time.Now()}
	value, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if _, err := r.bucket.Put(ctx, player, value); err != nil {
		return fmt.Errorf("revoking a guest: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[player] = record
	return nil
}

func (r *revocations) restore(ctx context.Context, player string) error {
	if err := checkGuest(player); err != nil {
		return err
	}
	if err := r.bucket.Delete(ctx, player, 0); err != nil {
		return fmt.Errorf("restoring a guest: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, player)
	return nil
}

func (r *revocations) apply(player string, e *store.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var record revocation
	if e == nil || json.Unmarshal(e.Value, &record) != nil {
		delete(r.known, player)
		return
	}
	r.known[player] = record
}

// check returns the failure for a guest that is revoked.
func (r *revocations) check(player string) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, revoked := r.known[player]; revoked {
		return failure.New(failure.GuestRevoked)
	}
	return nil
}

// checkGuest rejects ids that no guest has.
func checkGuest(player string) error {
	rest, ok := strings.CutPrefix(player, guestPrefix)
	if !ok || rest == "" || len(player) > maxPlayerID || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return failure.Newf(failure.BadPlayer, "%q is not the id of a guest", player)
	}
	return nil
}
