// Package pseudonym makes the ids under which players see each other of the ids that
// the back ends use. An issuer's id may be an e-mail address or a customer's number.
package pseudonym

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tactus/matchmaker/internal/store"
)

const (
	userPrefix   = "u-" // of the ids of an issuer's users
	publicPrefix = "p-" // of their pseudonyms

	keyName  = "player.key"
	keyBytes = 32
	// macBytes of the HMAC are in a pseudonym: a multiple of 5, so that base32 needs no
	// padding, and 120 bits, so that no two players share one.
	macBytes = 15
	// rereadInterval is between two attempts to read a key that another replica has just
	// written.
	rereadInterval = 50 * time.Millisecond
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Pseudonyms are the public ids of players. They are the same at all replicas and for
// ever, because their key is. It is safe for concurrent use.
type Pseudonyms struct {
	key []byte

	mu    sync.RWMutex
	known map[[macBytes]byte]string // ids by pseudonym
}

// New makes pseudonyms of a key.
func New(key []byte) *Pseudonyms {
	return &Pseudonyms{key: key, known: make(map[[macBytes]byte]string)}
}

// Open reads the key in the shared store, and makes one for the first replica.
func Open(ctx context.Context, s *store.Store) (*Pseudonyms, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "secrets", Durable: true})
	if err != nil {
		return nil, fmt.Errorf("key of players' public ids: %w", err)
	}
	key, err := sharedKey(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("key of players' public ids: %w", err)
	}
	return New(key), nil
}

// sharedKey returns the one key of all replicas.
func sharedKey(ctx context.Context, bucket *store.Bucket) ([]byte, error) {
	for {
		e, err := bucket.Get(ctx, keyName)
		switch {
		case err == nil && len(e.Value) != keyBytes:
			return nil, fmt.Errorf("%s in the store has %d bytes, not %d", keyName, len(e.Value), keyBytes)
		case err == nil:
			return e.Value, nil
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		key := make([]byte, keyBytes)
		_, _ = rand.Read(key) // it does not fail
		if _, err = bucket.Create(ctx, keyName, key); err == nil {
			return key, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return nil, err
		}
		select { // the replica of the bucket that was read is behind
		case <-time.After(rereadInterval):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Public returns the id under which players see the player. Ids of guests are random
// already and stay, as do those that back ends choose.
func (p *Pseudonyms) Public(id string) string {
	if !IsPrivate(id) {
		return id
	}
	sum := p.sum(id)
	return publicPrefix + strings.ToLower(encoding.EncodeToString(sum[:]))
}

// IsPrivate reports whether only back ends may see the id.
func IsPrivate(id string) bool { return strings.HasPrefix(id, userPrefix) }

// IsPseudonym reports whether the id has the form of a pseudonym. Ids that back ends
// choose may begin like one.
func IsPseudonym(id string) bool {
	_, ok := parse(id)
	return ok
}

func parse(public string) (sum [macBytes]byte, ok bool) {
	text, ok := strings.CutPrefix(public, publicPrefix)
	if !ok || text != strings.ToLower(text) {
		return sum, false
	}
	mac, err := encoding.DecodeString(strings.ToUpper(text))
	if err != nil || len(mac) != macBytes {
		return sum, false
	}
	return [macBytes]byte(mac), true
}

func (p *Pseudonyms) sum(id string) (sum [macBytes]byte) {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(id))
	copy(sum[:], mac.Sum(nil))
	return sum
}

// Learn lets [Pseudonyms.Player] find the player.
func (p *Pseudonyms) Learn(id string) {
	if !IsPrivate(id) {
		return
	}
	sum := p.sum(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[sum] = id
}

// Forget ends what Learn began.
func (p *Pseudonyms) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, p.sum(id))
}

// Player returns the id of a player by the public one. An id that is no pseudonym of a
// known player is returned as it is.
func (p *Pseudonyms) Player(public string) string {
	sum, ok := parse(public)
	if !ok {
		return public
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if id, known := p.known[sum]; known {
		return id
	}
	return public
}
