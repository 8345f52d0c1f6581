package identity

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store"
	"tactus/protocol/jointoken"
)

const (
	// guestKeyLife is how long a key is kept after its last use for signing: longer
	// than the guest tokens that it has signed are valid.
	guestKeyLife = jointoken.GuestLife + 30*24*time.Hour
	// storeInterval is how often a matchmaker writes its own key, so that the key
	// does not expire while it is in use.
	storeInterval = 24 * time.Hour
	// maxGuestKeys bounds the keys that a token is checked with, and so the cost of a
	// forged one.
	maxGuestKeys = 64
	// minRereadInterval is between two reads of the store that tokens cause.
	minRereadInterval = 50 * time.Millisecond
	keyTimeout        = 5 * time.Second // of such a read, and of a write
)

// GuestKeys are the public keys that guest tokens are checked with: this matchmaker's
// own and all others in the shared store. The others are the keys of its replicas, and
// keys that were replaced. It is safe for concurrent use.
type GuestKeys struct {
	own      ed25519.PublicKey
	replica  string
	bucket   *store.Bucket
	shared   bool // other processes write to the store
	verifier *jointoken.Verifier
	revoked  *revocations // nil: no guest is
	log      *zap.Logger

	lost    chan struct{} // capacity 1: the own key is no longer in the store
	reading chan struct{} // capacity 1: a lock for reads of the store for a token

	mu sync.Mutex
	// known has the keys by fingerprint.
	known   map[string]guestKey
	read    time.Time // beginning of the last complete read for a token
	crowded bool      // there are too many keys, and the log says so
}

type guestKey struct {
	public   ed25519.PublicKey
	revision uint64
}

// keyRecord is a key in the store, under its fingerprint.
type keyRecord struct {
	Public  []byte `json:"public"`
	Replica string `json:"replica"` // that wrote it last
}

// Fingerprint names a public key in logs and in the store.
func Fingerprint(key ed25519.PublicKey) string { return jointoken.KeyID(key) }

// OpenGuestKeys reads the keys in the store and adds the matchmaker's own. Every
// replica knows that key before the first token is signed with it. [GuestKeys.Run]
// must run.
func OpenGuestKeys(ctx context.Context, s *store.Store, own ed25519.PublicKey, replica string, log *zap.Logger) (*GuestKeys, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "keys", TTL: guestKeyLife, Durable: true})
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	k := &GuestKeys{
		own: own, replica: replica, bucket: bucket, shared: !s.Embedded(), verifier: jointoken.NewVerifier(own), log: log,
		lost: make(chan struct{}, 1), reading: make(chan struct{}, 1), known: make(map[string]guestKey),
	}
	if k.revoked, err = openRevocations(ctx, s); err != nil {
		return nil, err
	}
	entries, err := bucket.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	k.addAll(entries)
	_, stored := k.known[Fingerprint(own)]
	if err := k.storeOwn(ctx); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	switch fields := []zap.Field{zap.String("key", Fingerprint(own)), zap.Int("other_keys", len(entries))}; {
	case stored:
	case len(entries) == 0:
		log.Info("signing key stored", fields...)
	default:
		log.Warn("signing key was not in the store; added", append(fields,
			zap.String("hint", "expected after a new replica or a replaced key; otherwise matchmaker.key is not the one of before"))...)
	}
	return k, nil
}

// storeOwn writes the own key, which then expires later.
func (k *GuestKeys) storeOwn(ctx context.Context) error {
	value, err := json.Marshal(keyRecord{Public: k.own, Replica: k.replica})
	if err != nil {
		return err
	}
	_, err = k.bucket.Put(ctx, Fingerprint(k.own), value)
	return err
}

// Run follows the store until ctx ends.
func (k *GuestKeys) Run(ctx context.Context) error {
	var storing sync.WaitGroup
	defer storing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	storing.Go(func() { k.keepStored(ctx) })
	storing.Go(func() { k.revoked.run(ctx, k.log) })
	return k.bucket.Follow(ctx, func(fingerprint string, e *store.Entry) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if e == nil {
			delete(k.known, fingerprint)
			if fingerprint == Fingerprint(k.own) {
				select {
				case k.lost <- struct{}{}:
				default:
				}
			}
		} else {
			k.addLocked(*e)
		}
		k.publishLocked()
	})
}

// keepStored writes the own key daily, and when the store has lost it.
func (k *GuestKeys) keepStored(ctx context.Context) {
	daily := time.NewTicker(storeInterval)
	defer daily.Stop()
	for {
		select {
		case <-daily.C:
		case <-k.lost:
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, keyTimeout)
		if err := k.storeOwn(once); err != nil && ctx.Err() == nil {
			k.log.Warn("signing key not stored, next attempt in a day", zap.Error(err))
		}
		cancel()
	}
}

// Revoke refuses a guest from now on, for as long as the guest's tokens are valid, here
// and a moment later at all replicas. The reason is for the record.
func (k *GuestKeys) Revoke(ctx context.Context, player, reason string) error {
	return k.revoked.revoke(ctx, player, reason)
}

// Restore accepts a revoked guest again.
func (k *GuestKeys) Restore(ctx context.Context, player string) error {
	return k.revoked.restore(ctx, player)
}

// Verify returns the player and name of a guest token. For a token signed with an
// unknown key it reads the store, because a replica may have started just now. Its
// errors are [failure.GuestTokenInvalid], [failure.GuestRevoked], and
// [failure.StoreUnavailable] when the store could not be read.
func (k *GuestKeys) Verify(ctx context.Context, token string) (player, name string, err error) {
	received := time.Now()
	player, name, err = k.verifier.VerifyGuest(token, received)
	if errors.Is(err, jointoken.ErrUnknownKey) && k.shared {
		if err := k.reread(ctx, received); err != nil {
			return "", "", failure.New(failure.StoreUnavailable).Because(err)
		}
		player, name, err = k.verifier.VerifyGuest(token, received)
	}
	if err != nil {
		return "", "", failure.New(failure.GuestTokenInvalid).Because(err)
	}
	return player, name, k.revoked.check(player)
}

// reread reads the store, unless a read has begun since the given time. Only one read
// runs at a time, because forged tokens cost an attacker nothing.
func (k *GuestKeys) reread(ctx context.Context, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	select {
	case k.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-k.reading }()
	k.mu.Lock()
	last := k.read
	k.mu.Unlock()
	if last.After(since) {
		return nil
	}
	select {
	case <-time.After(minRereadInterval - time.Since(last)):
	case <-ctx.Done():
		return ctx.Err()
	}
	began := time.Now()
	entries, err := k.bucket.All(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = began
	for _, e := range entries {
		k.addLocked(e)
	}
	k.publishLocked()
	return nil
}

func (k *GuestKeys) addAll(entries []store.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range entries {
		k.addLocked(e)
	}
	k.publishLocked()
}

// addLocked adds the key of a record. It skips a record that holds no key.
func (k *GuestKeys) addLocked(e store.Entry) {
	var r keyRecord
	if json.Unmarshal(e.Value, &r) != nil || len(r.Public) != ed25519.PublicKeySize || Fingerprint(r.Public) != e.Key {
		k.log.Warn("signing key in the store not readable", zap.String("key", e.Key))
		return
	}
	if e.Revision >= k.known[e.Key].revision {
		k.known[e.Key] = guestKey{public: r.Public, revision: e.Revision}
	}
}

// publishLocked makes the verifier use the own key and the newest others.
func (k *GuestKeys) publishLocked() {
	list := make([]guestKey, 0, len(k.known))
	for _, key := range k.known {
		if !key.public.Equal(k.own) {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, func(a, b guestKey) int { return cmp.Compare(b.revision, a.revision) })
	was := k.crowded
	k.crowded = len(list) >= maxGuestKeys
	if k.crowded {
		if !was {
			k.log.Warn("too many signing keys in the store, guests of the oldest become new players",
				zap.Int("keys", len(list)), zap.Int("most", maxGuestKeys),
				zap.String("hint", "keep matchmaker.key over restarts, or give all replicas the same one"))
		}
		list = list[:maxGuestKeys-1]
	}
	keys := []ed25519.PublicKey{k.own}
	for _, key := range list {
		keys = append(keys, key.public)
	}
	k.verifier.Replace(keys...)
}
