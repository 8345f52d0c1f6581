package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	operationHeader = "KV-Operation" // as in a key-value bucket of NATS
	// operationDelete is the kind of removal that leaves no marker when it expires.
	operationDelete = "PURGE"

	// markerTTL is how long the stream keeps the marker of a deleted or expired key, for
	// followers.
	markerTTL = 60 * time.Second
	// duplicateWindow is how long the stream remembers the IDs of writes: longer than an
	// attempt is under way.
	duplicateWindow = 10 * time.Second
)

// BucketConfig configures a bucket. All replicas must use the same.
type BucketConfig struct {
	Name string
	// TTL is the time after its last write when a record expires, in whole seconds; 0:
	// never.
	TTL time.Duration
	// Durable records survive a restart if the store keeps files.
	Durable bool
}

// Entry is a record of a bucket. Revisions grow with each write to the bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Bucket holds records with compare-and-swap. It is safe for concurrent use. A key is any
// non-empty string.
//
// Writes repeat until their outcome is certain or the context ends. Callers set a
// deadline; while a leader is replaced, 4 to 10 seconds pass without an answer. After an
// error that the method does not name, the write may be stored or not.
type Bucket struct {
	stream *stream
	hint   string
	// ttl is set on each record. A maximum age of the stream would also end the markers
	// of expired records, before followers see them.
	ttl time.Duration
}

// Bucket opens a bucket, and creates it if necessary.
func (s *Store) Bucket(ctx context.Context, cfg BucketConfig) (*Bucket, error) {
	if cfg.Name == "" || strings.Trim(cfg.Name, plainCharacters) != "" {
		return nil, fmt.Errorf("the name of a bucket may have letters, digits, - and _ only, is %q", cfg.Name)
	}
	if cfg.TTL < 0 || cfg.TTL%time.Second != 0 {
		return nil, fmt.Errorf("bucket %s: the TTL must be in whole seconds, is %v", cfg.Name, cfg.TTL)
	}
	name := s.cfg.Name + "_" + cfg.Name
	root := "$KV." + name + "."
	st, err := s.stream(ctx, jetstream.StreamConfig{
		Name:                   "KV_" + name,
		Subjects:               []string{root + ">"},
		Storage:                s.storage(cfg.Durable),
		MaxMsgsPerSubject:      1,
		Duplicates:             duplicateWindow,
		AllowRollup:            true, // markers need it
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: markerTTL,
	}, root)
	if err != nil {
		return nil, err
	}
	return &Bucket{stream: st, hint: "bucket." + cfg.Name, ttl: cfg.TTL}, nil
}

// storage is the storage of a stream. An embedded server without a directory has no
// files.
func (s *Store) storage(durable bool) jetstream.StorageType {
	if durable && (s.cfg.URL != "" || s.cfg.Dir != "") {
		return jetstream.FileStorage
	}
	return jetstream.MemoryStorage
}

// gone reports whether a message is the removal of its key.
func (m message) gone() bool {
	return m.Header.Get(operationHeader) != "" || m.Header.Get(jetstream.MarkerReasonHeader) != ""
}

// Get reads a record from any replica of the bucket. Shortly after a write of another
// process it may be the record before. Errors: ErrNotFound.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	token, err := encodeKey(key)
	if err != nil {
		return Entry{}, err
	}
	m, err := b.stream.last(ctx, token)
	if err == nil && m.gone() {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("get %q: %w", key, err)
	}
	return Entry{Key: key, Value: m.Data, Revision: m.Sequence}, nil
}

// Create writes a record under a key without one. Errors: ErrExists.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return b.create(ctx, key, value, b.ttl)
}

func (b *Bucket) create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	token, err := encodeKey(key)
	if err != nil {
		return 0, err
	}
	var expect uint64
	for {
		revision, err := b.stream.write(ctx, token, nil, value, &expect, ttl)
		if err == nil {
			b.changed(revision)
			return revision, nil
		}
		if !errors.Is(err, errWrongSequence) {
			return 0, fmt.Errorf("create %q: %w", key, err)
		}
		// The last message may be the marker of a removal.
		var m message
		err = b.stream.store.repeat(ctx, func(ctx context.Context) error {
			var err error
			m, err = b.stream.lastFromLeader(ctx, b.stream.root+token)
			return err
		})
		switch {
		case errors.Is(err, ErrNotFound):
			expect = 0
		case err != nil:
			return 0, fmt.Errorf("create %q: %w", key, err)
		case !m.gone():
			return 0, fmt.Errorf("create %q: %w", key, ErrExists)
		default:
			expect = m.Sequence
		}
	}
}

// Update replaces a record with the given revision. Errors: ErrConflict.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.put(ctx, "update", key, nil, value, &revision, b.ttl)
}

// Put writes a record, whether there is one or not.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.put(ctx, "put", key, nil, value, nil, b.ttl)
}

// Delete removes a record with the given revision; 0: with any. Errors: ErrConflict.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) error {
	var expect *uint64
	if revision != 0 {
		expect = &revision
	}
	header := nats.Header{operationHeader: {operationDelete}}
	_, err := b.put(ctx, "delete", key, header, nil, expect, markerTTL)
	return err
}

func (b *Bucket) put(ctx context.Context, what, key string, header nats.Header, value []byte, expect *uint64, ttl time.Duration) (uint64, error) {
	token, err := encodeKey(key)
	if err != nil {
		return 0, err
	}
	revision, err := b.stream.write(ctx, token, header, value, expect, ttl)
	if errors.Is(err, errWrongSequence) {
		err = ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("%s %q: %w", what, key, err)
	}
	b.changed(revision)
	return revision, nil
}

func (b *Bucket) changed(revision uint64) { b.stream.store.announce(b.hint, revision) }

// All reads all records in order of their writes, from any replica of the bucket.
func (b *Bucket) All(ctx context.Context) ([]Entry, error) {
	var all []Entry
	at := map[string]int{} // a record that is written meanwhile appears twice
	err := b.stream.scan(ctx, 0, func(m message) error {
		key, err := b.stream.key(m.Subject)
		if err != nil {
			return nil // not written by this package
		}
		if i, ok := at[key]; ok {
			all[i].Key = ""
			delete(at, key)
		}
		if !m.gone() {
			at[key] = len(all)
			all = append(all, Entry{Key: key, Value: m.Data, Revision: m.Sequence})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read bucket %s: %w", b.stream.name, err)
	}
	return slices.DeleteFunc(all, func(e Entry) bool { return e.Key == "" }), nil
}
