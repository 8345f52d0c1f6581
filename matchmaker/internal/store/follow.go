package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// lookEvery is how often a follower looks without having been told to.
	lookEvery = 2 * time.Second
	// rereadEvery is how often it compares everything it knows.
	rereadEvery = 10 * time.Second
)

// follow calls look at once, after each hint and every two seconds, until ctx
// ends or look fails for good.
func (s *Store) follow(ctx context.Context, hint string, look func(ctx context.Context) error) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	hints := make(chan struct{}, 1)
	unsubscribe, err := s.Subscribe(hint, func([]byte) {
		select {
		case hints <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer unsubscribe()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		switch err := look(ctx); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, errUncertain):
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-hints:
		case <-ticker.C:
		}
	}
}

// Follow calls f with each message after the given sequence, once and in order,
// until ctx ends or f returns an error, which it returns.
func (l *Log) Follow(ctx context.Context, after uint64, f func(sequence uint64, key string, value []byte) error) error {
	err := l.stream.store.follow(ctx, l.hint, func(ctx context.Context) error {
		return l.stream.scan(ctx, after+1, func(m message) error {
			after = m.Sequence
			key, err := l.stream.key(m.Subject)
			if err != nil {
				return nil // written by hand
			}
			return f(m.Sequence, key, m.Data)
		})
	})
	return fmt.Errorf("follow %s: %w", l.stream.name, err)
}

// Follow calls f with each record and then with each change, nil for a record
// that is gone, until ctx ends. Of several changes to a record in a short time
// it may see the last alone.
func (b *Bucket) Follow(ctx context.Context, f func(key string, e *Entry)) error {
	v := &view{bucket: b, known: map[string]uint64{}, tell: f}
	err := b.stream.store.follow(ctx, b.hint, v.look)
	return fmt.Errorf("follow %s: %w", b.stream.name, err)
}

// view is what a follower of a bucket has been told.
type view struct {
	bucket  *Bucket
	known   map[string]uint64 // revision of each record
	last    uint64            // sequence of the newest change seen
	absent  map[string]uint64 // known records that the last comparison missed
	compare time.Time         // when the last comparison was
	tell    func(key string, e *Entry)
}

func (v *view) look(ctx context.Context) error {
	if time.Since(v.compare) > rereadEvery {
		if err := v.reread(ctx); err != nil {
			return err
		}
		v.compare = time.Now()
		return nil
	}
	return v.bucket.stream.scan(ctx, v.last+1, func(m message) error {
		v.apply(m)
		return nil
	})
}

func (v *view) apply(m message) {
	v.last = max(v.last, m.Sequence)
	key, err := v.bucket.stream.key(m.Subject)
	if err != nil {
		return // written by hand
	}
	before, known := v.known[key]
	switch {
	case known && before >= m.Sequence:
	case !m.gone():
		v.known[key] = m.Sequence
		v.tell(key, &Entry{Key: key, Value: m.Data, Revision: m.Sequence})
	case known:
		delete(v.known, key)
		v.tell(key, nil)
	}
}

// reread reads everything. A known record that is missing without a trace is
// gone if it is missing from two readings: one may come from a replica that is
// behind.
func (v *view) reread(ctx context.Context) error {
	last, err := v.bucket.stream.lastSequence(ctx)
	if err != nil {
		return err
	}
	if last < v.last {
		v.bucket.stream.store.log.Error("a bucket has lost what was in it", zap.String("stream", v.bucket.stream.name),
			zap.Uint64("had", v.last), zap.Uint64("has", last))
		for key := range v.known {
			v.tell(key, nil)
		}
		clear(v.known)
		v.last = 0
	}
	present := map[string]bool{}
	err = v.bucket.stream.scan(ctx, 0, func(m message) error {
		if key, err := v.bucket.stream.key(m.Subject); err == nil {
			present[key] = true
		}
		v.apply(m)
		return nil
	})
	if err != nil {
		return err
	}
	missing := map[string]uint64{}
	for key, revision := range v.known {
		if present[key] {
			continue
		}
		if v.absent[key] != revision {
			missing[key] = revision
			continue
		}
		delete(v.known, key)
		v.tell(key, nil)
	}
	v.absent = missing
	return nil
}
