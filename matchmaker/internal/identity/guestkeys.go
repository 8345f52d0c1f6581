package identity

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
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
	// guestKeyLife is how long a key is kept that no matchmaker signs with any
	// more: longer than any guest token that it has signed.
	guestKeyLife = jointoken.GuestLife + 30*24*time.Hour
	// storeInterval is how often a matchmaker writes its own key again, so that it
	// does not expire while it is in use.
	storeInterval = 24 * time.Hour
	// maxGuestKeys bounds the keys that a token is checked with, and by that what
	// a forged one costs.
	maxGuestKeys = 64
	// minRereadInterval is the least time between two readings that tokens cause.
	minRereadInterval = 50 * time.Millisecond
	// keyTimeout bounds one of them, and one write.
	keyTimeout = 5 * time.Second
)

// GuestKeys are the public keys by which guests are known: this matchmaker's
// own and all others of the shared store. Those are the keys of its replicas,
// and keys that were replaced. It is safe for concurrent use.
type GuestKeys struct {
	own      ed25519.PublicKey
	replica  string
	bucket   *store.Bucket
	shared   bool // other processes write to the store
	verifier *jointoken.Verifier
	log      *zap.Logger

	lost    chan struct{} // capacity 1: the own key is not in the store any more
	reading chan struct{} // capacity 1: held by who reads the store for a token

	mu      sync.Mutex
	known   map[string]guestKey // by fingerprint
	read    time.Time           // when the last complete reading for a token began
	crowded bool                // and the log says so
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
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// OpenGuestKeys reads the keys of the store and adds the matchmaker's own, so
// that every replica knows its guests before it signs for the first one.
// [GuestKeys.Run] has to run.
func OpenGuestKeys(ctx context.Context, s *store.Store, own ed25519.PublicKey, replica string, log *zap.Logger) (*GuestKeys, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "keys", TTL: guestKeyLife, Durable: true})
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	k := &GuestKeys{
		own: own, replica: replica, bucket: bucket, shared: !s.Embedded(), verifier: jointoken.NewVerifier(own), log: log,
		lost: make(chan struct{}, 1), reading: make(chan struct{}, 1), known: make(map[string]guestKey),
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

// keep writes the own key, which starts its life over.
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

// keepOwn writes the own key daily, and when the store has lost it.
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
			k.log.Warn("signing key not stored; trying again in a day", zap.Error(err))
		}
		cancel()
	}
}

// Verify returns the player and name of a guest token. A token signed with a
// key that is not known makes the store be read: a replica may have started
// just now. Its errors are [failure.GuestTokenInvalid], and
// [failure.StoreUnavailable] where the store could not be asked.
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
	return player, name, nil
}

// reread reads the store unless a reading has begun since. One reads at a time:
// forging tokens is free.
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

// add needs the lock. A record that is no key is not one.
func (k *GuestKeys) addLocked(e store.Entry) {
	var r keyRecord
	if json.Unmarshal(e.Value, &r) != nil || len(r.Public) != ed25519.PublicKeySize || Fingerprint(r.Public) != e.Key {
		k.log.Warn("signing key in the store is not readable", zap.String("key", e.Key))
		return
	}
	if e.Revision >= k.known[e.Key].revision {
		k.known[e.Key] = guestKey{public: r.Public, revision: e.Revision}
	}
}

// publish trusts the own key and the newest of the others; it needs the lock.
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
			k.log.Warn("too many signing keys in the store; guests of the oldest are not known again",
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
