// Package seal proves which players the matchmaker has seated in a match.
//
// A seal is a keyed sum over the seat. It goes to the game server in the player's join
// token and comes back with the result. Only matchmakers have the key, so a game
// server can't make a seal for a player that it was never sent. Nothing is stored for
// a match: any replica checks any seal, also after a restart of everything.
package seal

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store"
)

const (
	// Size is the length of a seal in bytes.
	Size    = 16
	keySize = 32
	// keepReplaced is how long the seals of a replaced key count. A match that ends
	// later than that after the replacement is not rated.
	keepReplaced = 24 * time.Hour
	// rotateEvery is how long a key makes seals.
	rotateEvery = 30 * 24 * time.Hour
	// checkEvery is between two looks whether a key is due, and the longest time that a
	// replaced key lasts beyond its day.
	checkEvery = 10 * time.Minute
	// minReread is between two reads of the store for seals that no key has made.
	minReread    = time.Second
	storeTimeout = 5 * time.Second
	recordName   = "results"
	domain       = "tactus seal 1"
)

// Seat is what a seal is for.
type Seat struct {
	Match string
	// Incarnation tells matches with the same id apart.
	Incarnation uint64
	Server      string // that hosts the match
	Queue       string // that the result counts for
	Team        int32  // -1: the game decides
	Player      string
}

// record is the keys in the store.
type record struct {
	Current  []byte    `json:"current"`
	Since    time.Time `json:"since"`
	Replaced []byte    `json:"replaced,omitempty"` // the key before
}

// Keys make and check seals. The key is in the shared store; all replicas have the
// same one. It is safe for concurrent use.
type Keys struct {
	log *zap.Logger
	now func() time.Time

	bucket *store.Bucket // set by Open

	mu       sync.Mutex
	keys     record
	revision uint64
	read     time.Time // last read for an unknown seal
}

// New makes keys that are opened later. Before, no seal can be made.
func New(log *zap.Logger) *Keys { return &Keys{log: log, now: time.Now} }

// Open reads the key of the store, and makes it if there is none. [Keys.Run] must run.
func (k *Keys) Open(ctx context.Context, s *store.Store) error {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "result-keys", Durable: true})
	if err != nil {
		return fmt.Errorf("result key: %w", err)
	}
	k.bucket = bucket
	if err := k.replaceIfDue(ctx); err != nil {
		return fmt.Errorf("result key: %w", err)
	}
	return nil
}

// Run follows the key in the store and replaces it in time, until ctx ends.
func (k *Keys) Run(ctx context.Context) error {
	var rotating sync.WaitGroup
	defer rotating.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rotating.Go(func() {
		ticker := time.NewTicker(checkEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			once, done := context.WithTimeout(ctx, storeTimeout)
			if err := k.replaceIfDue(once); err != nil && ctx.Err() == nil {
				k.log.Warn("result key not replaced, next attempt follows", zap.Error(err))
			}
			done()
		}
	})
	return k.bucket.Follow(ctx, func(_ string, e *store.Entry) {
		if e != nil {
			k.use(*e)
		}
	})
}

// Make returns the seal of a seat; nil before the keys are open.
func (k *Keys) Make(s Seat) []byte {
	k.mu.Lock()
	key := k.keys.Current
	k.mu.Unlock()
	if key == nil {
		return nil
	}
	return sum(key, &s)
}

// Valid reports whether a replica has made the seal for the seat. For a seal that no
// key has made it reads the store, because another replica may have replaced the key
// just now.
func (k *Keys) Valid(ctx context.Context, s Seat, seal []byte) bool {
	if len(seal) != Size {
		return false
	}
	if k.made(&s, seal) {
		return true
	}
	k.mu.Lock()
	due := k.bucket != nil && k.now().Sub(k.read) >= minReread
	if due {
		k.read = k.now()
	}
	k.mu.Unlock()
	if !due {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	e, err := k.bucket.Get(ctx, recordName)
	return err == nil && k.use(e) && k.made(&s, seal)
}

// Replace makes a new key. The seals of the present one count for one more day, those
// of the one before no longer.
func (k *Keys) Replace(ctx context.Context) error {
	for {
		k.mu.Lock()
		present, revision := k.keys, k.revision
		k.mu.Unlock()
		err := k.write(ctx, record{Current: newKey(), Since: k.now(), Replaced: present.Current}, revision)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return err
		}
		e, err := k.bucket.Get(ctx, recordName)
		if err != nil {
			return err
		}
		if k.use(e) {
			return nil // another replica was faster
		}
	}
}

// replaceIfDue reads the key, and makes one if there is none or it is too old. It drops
// a replaced key after its day.
func (k *Keys) replaceIfDue(ctx context.Context) error {
	e, err := k.bucket.Get(ctx, recordName)
	if errors.Is(err, store.ErrNotFound) {
		return k.Replace(ctx)
	}
	if err != nil {
		return err
	}
	k.use(e)
	k.mu.Lock()
	present, revision, now := k.keys, k.revision, k.now()
	k.mu.Unlock()
	switch age := now.Sub(present.Since); {
	case len(present.Current) != keySize, age >= rotateEvery:
		return k.Replace(ctx)
	case present.Replaced != nil && age >= keepReplaced:
		present.Replaced = nil
		err := k.write(ctx, present, revision)
		if errors.Is(err, store.ErrConflict) {
			return nil // another replica did
		}
		return err
	}
	return nil
}

// write stores the keys over a revision; 0: there are none.
func (k *Keys) write(ctx context.Context, r record, revision uint64) (err error) {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if revision == 0 {
		revision, err = k.bucket.Create(ctx, recordName, value)
	} else {
		revision, err = k.bucket.Update(ctx, recordName, value, revision)
	}
	if err == nil {
		k.use(store.Entry{Key: recordName, Value: value, Revision: revision})
	}
	return err
}

// use takes over the keys of the store, and reports whether they are newer.
func (k *Keys) use(e store.Entry) bool {
	var r record
	if e.Key != recordName || json.Unmarshal(e.Value, &r) != nil || len(r.Current) != keySize {
		k.log.Warn("result key in the store not readable", zap.String("key", e.Key))
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.Revision <= k.revision {
		return false
	}
	k.keys, k.revision = r, e.Revision
	return true
}

// made reports whether one of the keys has made the seal.
func (k *Keys) made(s *Seat, seal []byte) bool {
	k.mu.Lock()
	r, now := k.keys, k.now()
	k.mu.Unlock()
	if r.Current != nil && hmac.Equal(sum(r.Current, s), seal) {
		return true
	}
	return r.Replaced != nil && now.Sub(r.Since) < keepReplaced && hmac.Equal(sum(r.Replaced, s), seal)
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails since Go 1.24
	return key
}

// sum is HMAC-SHA-256 (RFC 2104) over the fields, each with its length, cut to Size.
func sum(key []byte, s *Seat) []byte {
	b := make([]byte, 0, 256)
	for _, text := range []string{domain, s.Match, s.Server, s.Queue, s.Player} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.BigEndian.AppendUint64(b, s.Incarnation)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Team))
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(b)
	return h.Sum(nil)[:Size]
}
